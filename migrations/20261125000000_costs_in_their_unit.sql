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

-- A session whose runner has another meter than the one before, or none.
alter table sessions
    drop constraint sessions_ended_by,
    add constraint sessions_ended_by check (ended_by in (
        'precise', 'most_trials', 'budget', 'turn', 'interrupted', 'other_meter', 'failed'));
