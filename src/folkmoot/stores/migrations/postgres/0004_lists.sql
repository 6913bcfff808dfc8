-- Runs that ended otherwise than well are few, and asked for: they are found without looking at the others.

CREATE INDEX runs_unwell ON runs (state, id) WHERE state IN ('failed', 'cancelled', 'refused');
