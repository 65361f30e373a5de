-- An idle runner measures entries again: more trials of what stands on a board, so that its cost
-- gets an interval and its rank a range.

alter table jobs
    -- What the job is for: the evaluation that makes a submission's state, or more trials of a
    -- scored one in the background.
    add column purpose text not null default 'evaluate',
    drop constraint jobs_submission_once,
    drop constraint jobs_state,
    drop constraint jobs_finished_at;
alter table jobs
    add constraint jobs_purpose check (purpose in ('evaluate', 'deepen')),
    add constraint jobs_once_for_each_purpose unique (submission_id, purpose),
    -- An evaluation ends as scored, a deepening as deepened.
    add constraint jobs_state
        check (state in ('queued', 'running', 'failed', 'cancelled')
            or state = case purpose when 'evaluate' then 'scored' else 'deepened' end),
    add constraint jobs_finished_at
        check ((state in ('scored', 'deepened', 'failed', 'cancelled')) = (finished_at is not null));

alter table sessions
    drop constraint sessions_once_per_job,
    drop constraint sessions_profile,
    -- Why a deepening session made no more trials; null for those that evaluate.
    add column ended_by text;
alter table sessions
    add constraint sessions_once_per_attempt unique (job_id, attempt),
    add constraint sessions_profile check (profile in ('quick', 'standard')),
    add constraint sessions_ended_by
        check (ended_by in ('precise', 'most_trials', 'budget', 'turn', 'interrupted', 'failed'));

alter table summaries
    -- The interval of the ranked cost, which says with 99 % confidence where its median lies; null
    -- with too few trials.
    add column cost_low_s double precision,
    add column cost_high_s double precision,
    -- The code of the failure of a trial that was made after the evaluation, if one failed.
    add column later_failure text,
    add constraint summaries_cost_interval check (cost_low_s <= cost_high_s),
    add constraint summaries_cost_interval_is_whole check ((cost_low_s is null) = (cost_high_s is null));

alter table standings
    add column rank_best integer,
    add column rank_worst integer,
    add column efficiency_low double precision,
    add column efficiency_high double precision,
    add constraint standings_rank_range check (rank between rank_best and rank_worst),
    add constraint standings_rank_range_is_whole check ((rank_best is null) = (rank_worst is null)),
    add constraint standings_efficiency_interval check (efficiency between efficiency_low and efficiency_high),
    add constraint standings_efficiency_interval_is_whole
        check ((efficiency_low is null) = (efficiency_high is null));

-- What stands on a board already is measured again as what comes to stand there is.
insert into jobs (id, submission_id, purpose, priority, queued_at)
select gen_random_uuid(), submissions.id, 'deepen', 30, submissions.submitted_at
from standings
join submissions on submissions.id = standings.submission_id
where split = 'public' and board = 'efficiency' and superseded_in is null and rank is not null;
