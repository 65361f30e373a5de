-- What is ranked may be an energy, so these are no longer seconds by name: they are in the unit of the
-- competition's kind of cost, seconds or joules. All that is stored so far is in seconds, and stays.
alter table standings rename column cost_s to cost;
alter table summaries rename column cost_low_s to cost_low;
alter table summaries rename column cost_high_s to cost_high;

update scales
set scale = scale - 'reference_cost_s' - 'cost_scale_s' || jsonb_build_object(
    'reference_cost', scale -> 'reference_cost_s',
    'cost_scale', scale -> 'cost_scale_s')
where scale is not null;
