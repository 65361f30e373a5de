-- Where a score may lie with 95 % confidence, because the test rows are one sample of many: a
-- bootstrap over rows. Null where the metric is no mean over rows, where there are too few of
-- them, and for what was scored by an earlier version.
alter table summaries
    add column score_public_low double precision,
    add column score_public_high double precision,
    add column score_private_low double precision,
    add column score_private_high double precision,
    add constraint summaries_score_public_interval check (
        (score_public_low is null) = (score_public_high is null)
        and score_public_low <= score_public_high),
    add constraint summaries_score_private_interval check (
        (score_private_low is null) = (score_private_high is null)
        and score_private_low <= score_private_high);
