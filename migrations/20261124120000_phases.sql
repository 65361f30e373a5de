-- When each phase of an attempt began. Only added, so that what passed between two looks at a job is
-- not lost.
create table job_phases (
    job_id uuid not null references jobs on delete cascade,
    attempt integer not null,
    -- Counts the phases of an attempt, from 1.
    number integer not null,
    phase text not null,
    trial integer,
    trials integer,
    started_at timestamptz not null default now(),
    primary key (job_id, attempt, number),
    constraint job_phases_phase check (phase in ('smoke', 'warm-up', 'trial', 'scoring')),
    constraint job_phases_trial_is_numbered
        check ((phase = 'trial') = (trial is not null and trials is not null))
);
