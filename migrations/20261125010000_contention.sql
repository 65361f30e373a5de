-- What others did with the CPUs of a trial's measured window meanwhile: domain::contention. Null where the kernel did not
-- say, and in trials of before.
alter table trials add column contention jsonb;
