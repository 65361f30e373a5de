-- The queue is looked at all the time, and finished jobs only get more: what is not finished, and what
-- was finished lately, is found without walking all of them.
create index jobs_unfinished on jobs (priority, queued_at, id) where state in ('queued', 'running');
create index jobs_finished on jobs (finished_at) where purpose = 'evaluate' and state in ('scored', 'failed');
