-- {events} and {subscriptions} are the tables, {index} a name that begins with the first.
-- Waiting: taker is null. Taken: taker and until are set. These tables are logged: an event that was
-- confirmed survives a crash of the server.

-- name: lock
SELECT pg_advisory_xact_lock(hashtext($1))

-- name: make
CREATE TABLE IF NOT EXISTS {subscriptions} (
    name    text NOT NULL,
    pattern text NOT NULL,
    fits    text NOT NULL,
    seen    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, pattern)
);
CREATE TABLE IF NOT EXISTS {events} (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL,
    event        text NOT NULL,
    priority     smallint NOT NULL,
    body         bytea NOT NULL,
    taker        text,
    until        timestamptz,
    UNIQUE (subscription, event)
);
CREATE INDEX IF NOT EXISTS {index}_line ON {events} (subscription, priority, id) WHERE taker IS NULL;
CREATE INDEX IF NOT EXISTS {index}_until ON {events} (until) WHERE taker IS NOT NULL

-- name: attend
-- `fits` is the pattern as a regular expression for `.<event_type>`.
INSERT INTO {subscriptions} (name, pattern, fits)
SELECT $1, word.* FROM unnest($2::text[], $3::text[]) AS word
ORDER BY 2
ON CONFLICT (name, pattern) DO UPDATE SET seen = now()

-- name: emit
-- In the order of keys, so that two who emit the same cannot lock each other out.
INSERT INTO {events} (subscription, event, priority, body)
SELECT s.name, e.event, e.priority, e.body
FROM unnest($1::text[], $2::text[], $3::smallint[], $4::bytea[]) AS e (event, type, priority, body)
JOIN (SELECT name, string_agg(fits, '|') AS fits FROM {subscriptions} GROUP BY name) AS s
    ON '.' || e.type ~ s.fits
ORDER BY s.name, e.event
ON CONFLICT (subscription, event) DO NOTHING
RETURNING subscription

-- name: take
UPDATE {events} SET taker = $3, until = now() + $4::interval
WHERE id IN (
    SELECT id FROM {events} WHERE subscription = ANY($1::text[]) AND taker IS NULL
    ORDER BY priority, id LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING id, subscription, body, priority

-- name: done
DELETE FROM {events} WHERE id = ANY($1::bigint[]) AND taker = $2

-- name: back
UPDATE {events} SET taker = NULL, until = NULL WHERE id = ANY($1::bigint[]) AND taker = $2
RETURNING subscription

-- name: reap
-- What takers held whose lease is over; those that somebody else is reaping are passed over.
UPDATE {events} SET taker = NULL, until = NULL
WHERE id IN (
    SELECT id FROM {events} WHERE taker IS NOT NULL AND until < now()
    LIMIT 1000 FOR UPDATE SKIP LOCKED
)
RETURNING subscription

-- name: keep
UPDATE {events} SET until = now() + $2::interval WHERE taker = $1

-- name: seen
UPDATE {subscriptions} SET seen = now() WHERE name = ANY($1::text[])

-- name: forget
DELETE FROM {subscriptions} WHERE seen < now() - $1::interval

-- name: sweep
-- What waits for subscriptions that are no more.
DELETE FROM {events} AS e WHERE NOT EXISTS (SELECT FROM {subscriptions} AS s WHERE s.name = e.subscription)

-- name: notify
SELECT pg_notify($1, word) FROM unnest($2::text[]) AS word
