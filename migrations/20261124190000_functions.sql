-- A function, which is called batch by batch with inputs that stay outside.

alter table submissions drop constraint submissions_kind;
alter table submissions add constraint submissions_kind
    check (kind in ('onnx', 'tflite', 'predict', 'script'));
alter table uploads drop constraint uploads_kind;
alter table uploads add constraint uploads_kind
    check (kind in ('onnx', 'tflite', 'predict', 'script'));

-- How long its calls took, of which each is seen: of functions alone.
alter table trials add column calls integer;
alter table trials add column latency_p50_s double precision;
alter table trials add column latency_p90_s double precision;
alter table trials add column latency_p99_s double precision;
alter table trials add constraint trials_latency_is_whole
    check (num_nulls(calls, latency_p50_s, latency_p90_s, latency_p99_s) in (0, 4));
alter table trials add constraint trials_calls check (calls >= 1);
