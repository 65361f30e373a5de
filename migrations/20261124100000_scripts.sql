-- A second kind of entry: a script, of which only its start and its exit are seen from outside.

alter table submissions drop constraint submissions_kind;
alter table submissions add constraint submissions_kind check (kind in ('onnx', 'script'));

-- What the door took the file for; uploads that were received before were all of the one kind.
alter table uploads add column kind text;
update uploads set kind = 'onnx' where state = 'received';
alter table uploads add constraint uploads_kind check (kind in ('onnx', 'script'));
alter table uploads drop constraint uploads_received_is_whole;
alter table uploads add constraint uploads_received_is_whole
    check (state <> 'received'
        or (digest is not null and size_bytes is not null and model is not null and kind is not null));

-- From process start to exit. The phases in between are known of harness kinds alone.
alter table trials add column total_wall_s double precision;
alter table trials add column total_cpu_s double precision;
update trials
set total_wall_s = start_up_wall_s + first_call_wall_s + finish_wall_s,
    total_cpu_s = start_up_cpu_s + first_call_cpu_s + finish_cpu_s;
alter table trials alter column total_wall_s set not null;
alter table trials alter column total_cpu_s set not null;
alter table trials alter column start_up_wall_s drop not null;
alter table trials alter column start_up_cpu_s drop not null;
alter table trials alter column first_call_wall_s drop not null;
alter table trials alter column first_call_cpu_s drop not null;
alter table trials alter column inference_wall_s drop not null;
alter table trials alter column inference_cpu_s drop not null;
alter table trials alter column finish_wall_s drop not null;
alter table trials alter column finish_cpu_s drop not null;
alter table trials add constraint trials_phases_are_whole
    check (num_nulls(start_up_wall_s, start_up_cpu_s, first_call_wall_s, first_call_cpu_s,
        inference_wall_s, inference_cpu_s, finish_wall_s, finish_cpu_s) in (0, 8));

alter table summaries alter column inference_wall_s drop not null;
alter table summaries alter column inference_cpu_s drop not null;
alter table summaries add constraint summaries_inference_is_whole
    check (num_nulls(inference_wall_s, inference_cpu_s) in (0, 2));

-- What runs on hidden inputs printed: shown to hosts only, because it may hold what is hidden.
create table hidden_runs (
    job_id uuid not null references jobs on delete cascade,
    attempt integer not null,
    -- 0 is the warm-up, then the trials.
    number integer not null,
    outcome text not null,
    stdout text not null,
    stderr text not null,
    recorded_at timestamptz not null default now(),
    primary key (job_id, attempt, number),
    constraint hidden_runs_number check (number >= 0)
);
