-- Submissions never change, trials are only added, and `jobs` is the only table whose rows move.
-- (Accounts, uploads on their way, and the lines of a board are the small exceptions: a token is
-- revoked, an upload ends, a standing is superseded by a newer version.)

create table users (
    id uuid primary key,
    name text not null,
    password_hash text not null,
    is_host boolean not null default false,
    created_at timestamptz not null default now(),
    constraint users_name_length check (char_length(name) between 2 and 40)
);
create unique index users_name_once on users (lower(name));

-- One signed-in browser. The cookie holds the token, the table its SHA-256.
create table sign_ins (
    token_hash bytea primary key,
    user_id uuid not null references users on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint sign_ins_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
create index sign_ins_by_user on sign_ins (user_id);

-- Attempts that failed or have not ended yet, for throttling; swept when they are old.
create table failed_sign_ins (
    name text not null,
    at timestamptz not null default now()
);
create index failed_sign_ins_by_name on failed_sign_ins (name, at);

create table api_tokens (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    name text not null,
    token_hash bytea not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at timestamptz,
    constraint api_tokens_hash_once unique (token_hash),
    constraint api_tokens_hash_is_sha256 check (octet_length(token_hash) = 32),
    constraint api_tokens_name_length check (char_length(name) between 1 and 80)
);
create index api_tokens_by_user on api_tokens (user_id);

create table competitions (
    id uuid primary key,
    slug text not null,
    -- The checked content of competition.toml.
    spec jsonb not null,
    description text not null,
    rules text not null,
    opens_at timestamptz not null,
    closes_at timestamptz,
    created_at timestamptz not null default now(),
    constraint competitions_slug_once unique (slug),
    constraint competitions_close_after_open check (closes_at > opens_at)
);

-- The bundle's files; the bytes lie in the store.
create table competition_files (
    competition_id uuid not null references competitions on delete cascade,
    path text not null,
    visibility text not null,
    digest bytea not null,
    size_bytes bigint not null,
    primary key (competition_id, path),
    constraint competition_files_visibility check (visibility in ('public', 'hidden')),
    constraint competition_files_digest_is_sha256 check (octet_length(digest) = 32),
    constraint competition_files_size check (size_bytes >= 0)
);

create table teams (
    id uuid primary key,
    competition_id uuid not null references competitions on delete cascade,
    name text not null,
    created_at timestamptz not null default now(),
    constraint teams_competition unique (id, competition_id),
    constraint teams_name_length check (char_length(name) between 1 and 60)
);
create unique index teams_name_once on teams (competition_id, lower(name));

create table team_members (
    team_id uuid not null,
    competition_id uuid not null,
    user_id uuid not null references users on delete cascade,
    joined_at timestamptz not null default now(),
    primary key (competition_id, user_id),
    foreign key (team_id, competition_id) references teams (id, competition_id) on delete cascade
);
create index team_members_by_team on team_members (team_id);

-- An upload on its way: start -> PUT -> commit. The row goes when it is committed or given up.
create table uploads (
    id uuid primary key,
    competition_id uuid not null references competitions on delete cascade,
    user_id uuid not null references users on delete cascade,
    -- The PUT carries no account, only this secret in its address.
    secret_hash bytea not null,
    file_name text not null,
    state text not null default 'started',
    digest bytea,
    size_bytes bigint,
    -- What the door check found out about the file.
    model jsonb,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    constraint uploads_state check (state in ('started', 'receiving', 'received')),
    constraint uploads_received_is_whole
        check (state <> 'received' or (digest is not null and size_bytes is not null and model is not null)),
    constraint uploads_file_name_length check (char_length(file_name) between 1 and 200)
);
create index uploads_by_expiry on uploads (expires_at);

create table submissions (
    id uuid primary key,
    number bigint generated always as identity,
    competition_id uuid not null references competitions on delete cascade,
    team_id uuid not null,
    -- Who sent it; null for the host's starters.
    user_id uuid references users on delete set null,
    kind text not null,
    file_name text not null,
    description text not null,
    artifact_digest bytea not null,
    artifact_size_bytes bigint not null,
    model jsonb not null,
    -- The host's most accurate starter, whose score and cost freeze the formula's constants.
    reference boolean not null default false,
    submitted_at timestamptz not null,
    constraint submissions_number_once unique (number),
    constraint submissions_artifact_once unique (team_id, artifact_digest),
    constraint submissions_kind check (kind in ('onnx')),
    constraint submissions_artifact_digest_is_sha256 check (octet_length(artifact_digest) = 32),
    constraint submissions_artifact_size check (artifact_size_bytes > 0),
    constraint submissions_description_length check (char_length(description) <= 2000),
    foreign key (team_id, competition_id) references teams (id, competition_id)
);
create unique index submissions_one_reference on submissions (competition_id) where reference;
create index submissions_by_team on submissions (team_id, submitted_at);
create index submissions_by_competition on submissions (competition_id, submitted_at);

create table runners (
    id uuid primary key,
    name text not null,
    hardware_class text not null,
    fingerprint jsonb not null,
    started_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    constraint runners_name_once unique (name)
);

-- One evaluation of a submission. The only table whose rows move.
create table jobs (
    id uuid primary key,
    submission_id uuid not null references submissions on delete cascade,
    state text not null default 'queued',
    -- Lower goes first: 0 the reference, 10 people, 20 seeded entries.
    priority smallint not null,
    queued_at timestamptz not null,
    -- After a failure of ours: not before this instant.
    retry_at timestamptz,
    -- Counts every claim, and never goes back: who holds an older one cannot write any more.
    attempt integer not null default 0,
    -- Claims that nothing was heard of: their runner died, or was cut off. A job that kills its
    -- runner each time is given up.
    silent_claims integer not null default 0,
    -- What it counts against the daily limit: one more each time it is queued again after it was
    -- cancelled half-way.
    charges integer not null default 1,
    runner_id uuid references runners,
    claimed_at timestamptz,
    lease_until timestamptz,
    phase text,
    trial integer,
    trials integer,
    finished_at timestamptz,
    failure_class text,
    failure_code text,
    failure_message text,
    constraint jobs_submission_once unique (submission_id),
    constraint jobs_state check (state in ('queued', 'running', 'scored', 'failed', 'cancelled')),
    constraint jobs_phase check (phase in ('smoke', 'warm-up', 'trial', 'scoring')),
    constraint jobs_running_is_leased
        check ((state = 'running') = (lease_until is not null and runner_id is not null and phase is not null)),
    constraint jobs_trial_is_numbered
        check ((phase is not distinct from 'trial') = (trial is not null and trials is not null)),
    constraint jobs_finished_at check ((state in ('scored', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint jobs_failure_class check (failure_class in ('participant', 'metric', 'infrastructure', 'noise')),
    constraint jobs_failed_has_a_reason
        check ((state = 'failed')
            = (failure_class is not null and failure_code is not null and failure_message is not null))
);
create index jobs_queue on jobs (priority, queued_at, id) where state = 'queued';
create index jobs_leases on jobs (lease_until) where state = 'running';

-- What the smoke run on the public sample printed: shown to the participant.
create table smoke_runs (
    job_id uuid not null references jobs on delete cascade,
    attempt integer not null,
    outcome text not null,
    stdout text not null,
    stderr text not null,
    recorded_at timestamptz not null default now(),
    primary key (job_id, attempt)
);

-- All that was measured under one lease. Only sessions that held their lease to the end are here.
create table sessions (
    id uuid primary key,
    submission_id uuid not null references submissions on delete cascade,
    job_id uuid not null references jobs on delete cascade,
    attempt integer not null,
    runner_id uuid not null references runners,
    hardware_class text not null,
    profile text not null,
    fingerprint jsonb not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    constraint sessions_once_per_job unique (job_id),
    constraint sessions_profile check (profile in ('quick'))
);
create index sessions_by_submission on sessions (submission_id);

create table trials (
    session_id uuid not null references sessions on delete cascade,
    number integer not null,
    passes integer not null,
    start_up_wall_s double precision not null,
    start_up_cpu_s double precision not null,
    first_call_wall_s double precision not null,
    first_call_cpu_s double precision not null,
    -- The measured window: all its passes.
    inference_wall_s double precision not null,
    inference_cpu_s double precision not null,
    finish_wall_s double precision not null,
    finish_cpu_s double precision not null,
    peak_memory_bytes bigint not null,
    -- Measured, or the reason why it is missing; see domain::energy.
    energy jsonb not null,
    predictions_digest bytea not null,
    primary key (session_id, number),
    constraint trials_number check (number >= 1),
    constraint trials_passes check (passes >= 1),
    constraint trials_peak_memory check (peak_memory_bytes >= 0)
);

-- What the trials of a submission amount to, per pass over the test inputs.
create table summaries (
    submission_id uuid primary key references submissions on delete cascade,
    hardware_class text not null,
    score_public double precision not null,
    score_private double precision not null,
    score_all double precision not null,
    inference_wall_s double precision not null,
    inference_cpu_s double precision not null,
    total_wall_s double precision not null,
    total_cpu_s double precision not null,
    peak_memory_bytes bigint not null,
    energy jsonb not null,
    trials integer not null,
    deterministic boolean not null,
    recorded_at timestamptz not null
);

-- The frozen constants of the efficiency formula.
create table scales (
    competition_id uuid not null references competitions on delete cascade,
    hardware_class text not null,
    split text not null,
    submission_id uuid not null references submissions,
    -- domain::efficiency::Scale, or the reason why there is none.
    scale jsonb,
    degenerate text,
    frozen_at timestamptz not null,
    primary key (competition_id, hardware_class, split),
    constraint scales_split check (split in ('public', 'private')),
    constraint scales_is_or_is_not check ((scale is null) <> (degenerate is null))
);

-- A board's version counts up each time it is ranked anew.
create table boards (
    competition_id uuid not null references competitions on delete cascade,
    hardware_class text not null,
    split text not null,
    board text not null,
    version bigint not null,
    ranked_at timestamptz not null,
    primary key (competition_id, hardware_class, split, board),
    constraint boards_split check (split in ('public', 'private')),
    constraint boards_board check (board in ('efficiency', 'score'))
);

-- A team's line on a board from a version on, until a newer line of the same team. Kept for the
-- history of ranks.
create table standings (
    competition_id uuid not null,
    hardware_class text not null,
    split text not null,
    board text not null,
    team_id uuid not null references teams on delete cascade,
    version bigint not null,
    -- The version that brought a newer line of the team; null while this one stands.
    superseded_in bigint,
    submission_id uuid not null references submissions,
    -- The line's place on the board, from 1, unranked ones last.
    place integer not null,
    -- Null: listed, unranked.
    rank integer,
    score double precision not null,
    cost_s double precision,
    quality double precision,
    quality_term double precision,
    cost_term double precision,
    efficiency double precision,
    unranked text,
    primary key (competition_id, hardware_class, split, board, team_id, version),
    foreign key (competition_id, hardware_class, split, board) references boards on delete cascade,
    constraint standings_efficiency_or_reason check ((efficiency is null) <> (unranked is null)),
    constraint standings_rank check (rank >= 1)
);
create unique index standings_one_current_line
    on standings (competition_id, hardware_class, split, board, team_id)
    where superseded_in is null;
