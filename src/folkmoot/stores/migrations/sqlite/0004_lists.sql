-- Runs that ended otherwise than well are few, and asked for: they are found without looking at the others.
-- One index a state: SQLite takes a partial index only for a question that repeats its condition.

CREATE INDEX runs_failed ON runs (id) WHERE state = 'failed';
CREATE INDEX runs_cancelled ON runs (id) WHERE state = 'cancelled';
CREATE INDEX runs_refused ON runs (id) WHERE state = 'refused';
