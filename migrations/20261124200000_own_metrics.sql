-- A host's own metric runs in a sandbox, too, and what it prints is for hosts alone.
alter table hidden_runs add column program text not null default 'entry';
alter table hidden_runs
    add constraint hidden_runs_program check (program in ('entry', 'metric'));
alter table hidden_runs drop constraint hidden_runs_pkey;
alter table hidden_runs add primary key (job_id, attempt, program, number);
