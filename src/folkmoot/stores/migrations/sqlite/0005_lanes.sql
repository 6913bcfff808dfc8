-- What a run asks of its lane (core/lane.py), and whom it is for. A queue is read lane by lane.
ALTER TABLE runs ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN lane_limit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN spacing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN guarded INTEGER NOT NULL DEFAULT 1;

DROP INDEX runs_ready;
CREATE INDEX runs_queue ON runs (tenant, agent, priority, id) WHERE state = 'queued';
