-- How many rows at a time a model was run with: its manifest may say so. Unknown of what was measured before.

alter table summaries add column batch_size integer;
alter table summaries add constraint summaries_batch_size check (batch_size between 1 and 65536);
