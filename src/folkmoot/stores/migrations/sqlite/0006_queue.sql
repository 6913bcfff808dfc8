-- Whatever is asked of the queue as a whole is in its index: a long queue is read without its rows.

DROP INDEX runs_queue;
CREATE INDEX runs_queue ON runs
    (tenant, agent, priority, id, state, ready_at, announced_at, created_at, updated_at, lane_limit)
    WHERE state = 'queued';
