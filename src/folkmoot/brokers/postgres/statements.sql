-- {table} is the announcements' table, {index} a name that begins with it.
-- Waiting: taker is null. Taken: taker and until are set. The row whose queue is empty names the memory.
-- The table is unlogged: it is motion, not truth, and may be empty after a crash of the server.

-- name: lock
SELECT pg_advisory_xact_lock(hashtext($1))

-- name: make
CREATE UNLOGGED TABLE IF NOT EXISTS {table} (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue    text NOT NULL,
    run      text NOT NULL,
    priority smallint NOT NULL,
    place    bigint NOT NULL,
    taker    text,
    until    timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS {index}_once ON {table} (queue, run) WHERE taker IS NULL;
CREATE INDEX IF NOT EXISTS {index}_line ON {table} (queue, priority, place) WHERE taker IS NULL;
CREATE INDEX IF NOT EXISTS {index}_until ON {table} (until) WHERE taker IS NOT NULL

-- name: memory
-- Name the memory that we are in; a new one has a new name.
INSERT INTO {table} (queue, run, priority, place)
SELECT '', $1, 0, 0 WHERE NOT EXISTS (SELECT FROM {table} WHERE queue = '')

-- name: which
SELECT run FROM {table} WHERE queue = '' ORDER BY id LIMIT 1

-- name: put
-- In the order of runs, so that two who announce the same cannot lock each other out.
INSERT INTO {table} (queue, run, priority, place)
SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[]) AS word (queue, run)
ORDER BY queue, run
ON CONFLICT (queue, run) WHERE taker IS NULL DO NOTHING

-- name: take
UPDATE {table} SET taker = $3, until = now() + $4::interval
WHERE id IN (
    SELECT id FROM {table} WHERE queue = $1 AND taker IS NULL
    ORDER BY priority, place LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING id, run, priority, place

-- name: done
DELETE FROM {table} WHERE id = ANY($1::bigint[]) AND taker = $2

-- name: back
-- As a new row: a late word about the old one does nothing.
WITH held AS (
    DELETE FROM {table} WHERE id = ANY($1::bigint[]) AND taker = $2
    RETURNING queue, run, priority, place
)
INSERT INTO {table} (queue, run, priority, place) SELECT * FROM held ORDER BY queue, run
ON CONFLICT (queue, run) WHERE taker IS NULL DO NOTHING

-- name: release
WITH held AS (
    DELETE FROM {table} WHERE taker = $1 RETURNING queue, run, priority, place
)
INSERT INTO {table} (queue, run, priority, place) SELECT * FROM held ORDER BY queue, run
ON CONFLICT (queue, run) WHERE taker IS NULL DO NOTHING

-- name: keep
UPDATE {table} SET until = now() + $2::interval WHERE taker = $1

-- name: reap
-- What takers held whose lease is over; those that somebody else is reaping are passed over.
WITH over AS (
    SELECT id FROM {table} WHERE taker IS NOT NULL AND until < now() LIMIT 1000 FOR UPDATE SKIP LOCKED
), held AS (
    DELETE FROM {table} WHERE id IN (SELECT id FROM over) RETURNING queue, run, priority, place
)
INSERT INTO {table} (queue, run, priority, place)
SELECT DISTINCT ON (queue, run) * FROM held ORDER BY queue, run
ON CONFLICT (queue, run) WHERE taker IS NULL DO NOTHING
RETURNING queue

-- name: notify
SELECT pg_notify($1, word) FROM unnest($2::text[]) AS word
