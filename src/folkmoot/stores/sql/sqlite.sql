-- Named statements of the SQLite store. `{rows}` stands for as many rows of placeholders as are written.

-- name: run_columns
id, agent, definition, state, priority, source, attempt, fence, worker, created_at, updated_at, ready_at,
wake_at, deadline, waits_for, head, head_hash, spend, output, error, labels,
tenant, lane_limit, spacing, guarded

-- name: touched
-- The runs that a batch speaks of, as one row: a row each would hand the interpreter back and forth.
SELECT json_group_array(json_array(
    id, state, fence, signals, ready_at, worker,
    (SELECT coalesce(max(seq), 0) FROM entries WHERE entries.run = runs.id),
    agent, lane_limit, spacing, guarded, deadline))
FROM runs WHERE id IN (SELECT value FROM json_each(?))

-- name: taken
SELECT json_group_array(id) FROM runs WHERE id IN (SELECT value FROM json_each(?))

-- name: keys
SELECT json_group_array(json_array(source, key, run, fingerprint)) FROM inbox
WHERE (source, key) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))

-- name: told
SELECT json_group_array(json_array(run, id)) FROM signals
WHERE (run, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))

-- name: budgets
SELECT json_group_array(json_array(scope, spent, held)) FROM spends
WHERE scope IN (SELECT value FROM json_each(?))

-- name: leases
-- One that was granted later than now is from before the clock was set back: over.
SELECT json_group_array(json_array(name, holder, fence, expires_at > {now} AND granted_at <= {now}))
FROM leases
WHERE name IN (SELECT value FROM json_each(?))

-- name: lanes
SELECT kind, key, version, due, CAST(body AS BLOB) FROM records
WHERE kind = 'lane' AND key IN (SELECT value FROM json_each(?))

-- name: running
SELECT json_group_array(json_array(agent, n)) FROM (
    SELECT agent, count(*) AS n FROM runs INDEXED BY runs_held
    WHERE state = 'running' AND agent IN (SELECT value FROM json_each(?)) GROUP BY agent)

-- name: version
SELECT number FROM versions

-- name: set_version
UPDATE versions SET number = ?

-- name: upsert_leases
INSERT INTO leases (name, holder, fence, granted_at, expires_at)
SELECT column1, column2, column3, {now}, CASE WHEN column4 > 0 THEN {now} + column4 ELSE 0 END
FROM (VALUES {rows}) WHERE true
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = excluded.fence,
    granted_at = excluded.granted_at, expires_at = excluded.expires_at

-- name: upsert_records
INSERT INTO records (kind, key, version, due, body) VALUES {rows}
ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, due = excluded.due, body = excluded.body

-- name: drop_record
DELETE FROM records WHERE kind = ? AND key = ?

-- name: lease
SELECT iif(left > 0, holder, ''), fence, left FROM (
    SELECT holder, fence, iif(granted_at <= {now}, max(expires_at - {now}, 0), 0) AS left
    FROM leases WHERE name = ?)

-- name: record
SELECT kind, key, version, due, CAST(body AS BLOB) FROM records WHERE kind = ? AND key = ?

-- name: records
SELECT kind, key, version, due, CAST(body AS BLOB) FROM records WHERE kind = ?1 AND key > ?2
ORDER BY key LIMIT ?3

-- name: due_records
SELECT kind, key, version, due, CAST(body AS BLOB) FROM records WHERE kind = ?1 AND due > 0 AND due <= ?2
ORDER BY due, key LIMIT ?3

-- name: insert_runs
INSERT INTO runs (id, agent, definition, state, priority, source, attempt, fence, worker, created_at,
    updated_at, ready_at, wake_at, deadline, waits_for, head, head_hash, spend, output, error, labels,
    signals, announced_at, tenant, lane_limit, spacing, guarded)
VALUES {rows}

-- name: insert_entries
INSERT INTO entries (run, seq, at, kind, body, hash) VALUES {rows}

-- name: insert_long_entries
INSERT INTO entries (run, seq, at, kind, blob, hash) VALUES {rows}

-- name: insert_blobs
INSERT INTO blobs (digest, data) VALUES {rows} ON CONFLICT (digest) DO NOTHING

-- name: insert_inbox
INSERT INTO inbox (source, key, run, fingerprint) VALUES {rows}

-- name: insert_signals
INSERT INTO signals (run, nr, id, kind, body, at, done) VALUES {rows}

-- name: upsert_spends
INSERT INTO spends (scope, spent, held) VALUES {rows}
ON CONFLICT (scope) DO UPDATE SET spent = excluded.spent, held = excluded.held

-- name: prunable
SELECT id, state FROM runs
WHERE id < ?2 AND state IN ('succeeded', 'failed', 'cancelled', 'refused')
    AND updated_at < ?1
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.run = runs.id AND sent_at = 0)
ORDER BY id LIMIT ?3

-- name: their_blobs
SELECT DISTINCT blob FROM entries
WHERE run IN (SELECT value FROM json_each(?)) AND blob IS NOT NULL

-- name: prune_entries
DELETE FROM entries WHERE run IN (SELECT value FROM json_each(?))

-- name: prune_signals
DELETE FROM signals WHERE run IN (SELECT value FROM json_each(?))

-- name: prune_inbox
DELETE FROM inbox WHERE run IN (SELECT value FROM json_each(?))

-- name: prune_outbox
DELETE FROM outbox WHERE run IN (SELECT value FROM json_each(?))

-- name: prune_runs
DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?))

-- name: prune_blobs
DELETE FROM blobs WHERE digest IN (SELECT value FROM json_each(?))
    AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.blob = blobs.digest)

-- name: add_tallies
INSERT INTO tallies (state, n) VALUES {rows} ON CONFLICT (state) DO UPDATE SET n = n + excluded.n

-- name: insert_outbox
INSERT INTO outbox (id, run, topic, body, at, next_at) VALUES {rows} ON CONFLICT (id) DO NOTHING

-- name: claim_runs
UPDATE runs SET state = 'running', fence = v.column2, worker = v.column3, updated_at = v.column4
FROM (VALUES {rows}) AS v WHERE runs.id = v.column1

-- name: update_runs
-- A NULL leaves its column as it is.
UPDATE runs SET state = coalesce(v.column2, state), fence = coalesce(v.column3, fence),
    worker = coalesce(v.column4, worker), updated_at = coalesce(v.column5, updated_at),
    attempt = coalesce(v.column6, attempt), head = coalesce(v.column7, head),
    head_hash = coalesce(v.column8, head_hash), spend = coalesce(v.column9, spend),
    ready_at = coalesce(v.column10, ready_at), wake_at = coalesce(v.column11, wake_at),
    waits_for = coalesce(v.column12, waits_for), output = coalesce(v.column13, output),
    error = coalesce(v.column14, error), signals = coalesce(v.column15, signals),
    announced_at = coalesce(v.column16, announced_at)
FROM (VALUES {rows}) AS v WHERE runs.id = v.column1

-- name: consume_signals
UPDATE signals SET done = 1 FROM (VALUES {rows}) AS v
WHERE signals.run = v.column1 AND signals.id = v.column2

-- name: beat
INSERT INTO workers (id, note, beat_at, expires_at) VALUES (?1, ?2, {now}, {now} + ?3)
ON CONFLICT (id) DO UPDATE SET note = excluded.note, beat_at = excluded.beat_at,
    expires_at = excluded.expires_at

-- name: retire
DELETE FROM workers WHERE id = ?

-- name: release
-- The fence is raised here and not only by the next claim: the old worker must not write any more.
UPDATE runs SET state = 'queued', worker = '', fence = fence + 1, announced_at = 0, ready_at = 0,
    updated_at = ?2
WHERE worker = ?1 AND state = 'running' RETURNING id

-- name: forget_workers
-- Workers that nobody has heard of for so long (ms); until then they are shown as stale.
DELETE FROM workers WHERE expires_at < min({now}, ?2) - ?1 OR beat_at > ?3

-- name: rescue
UPDATE runs SET state = 'queued', worker = '', fence = fence + 1, announced_at = 0, ready_at = 0,
    updated_at = ?1
WHERE state = 'running'
    AND worker NOT IN (SELECT id FROM workers WHERE expires_at > min({now}, ?2)) RETURNING id

-- name: wake
UPDATE runs SET state = 'queued', wake_at = 0, waits_for = '', announced_at = 0, updated_at = ?1
WHERE state = 'waiting' AND wake_at > 0 AND wake_at <= ?1 RETURNING id

-- name: announce
UPDATE runs SET announced_at = ?1 WHERE id IN (SELECT value FROM json_each(?2)) AND state = 'queued'

-- name: sent
UPDATE outbox SET sent_at = ?2, tries = tries + 1, error = '' WHERE id = ?1

-- name: unsent
UPDATE outbox SET tries = tries + 1, error = ?2, next_at = ?3 WHERE id = ?1

-- name: run
SELECT {run_columns} FROM runs WHERE id = ?

-- name: claimed
SELECT {run_columns}, signals FROM runs WHERE id IN (SELECT value FROM json_each(?))

-- name: those_running
-- The few of a rare state are looked up (and sorted); in the order of the ids, or among all runs of an
-- agent, all others would be passed by.
runs INDEXED BY runs_held

-- name: those_waiting
runs INDEXED BY runs_waiting

-- name: those_failed
runs INDEXED BY runs_failed

-- name: those_cancelled
runs INDEXED BY runs_cancelled

-- name: those_refused
runs INDEXED BY runs_refused

-- name: those_queued
runs INDEXED BY runs_queue

-- name: of_an_agent
agent = ?1

-- name: of_any_agent
?1 = ''

-- name: list_runs
SELECT {run_columns} FROM {source} WHERE {which} AND id < ?2 ORDER BY id DESC LIMIT ?3

-- name: list_together
SELECT * FROM ({parts}) AS parts ORDER BY id DESC LIMIT ?3

-- name: entries
SELECT run, seq, at, kind, coalesce(CAST(body AS BLOB), (SELECT data FROM blobs WHERE digest = blob), x''), CAST(hash AS BLOB)
FROM entries WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3

-- name: journals
SELECT run, seq, at, kind, coalesce(CAST(body AS BLOB), (SELECT data FROM blobs WHERE digest = blob), x''), CAST(hash AS BLOB)
FROM entries WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, seq

-- name: open_signals
SELECT run, id, kind, body, at FROM signals
WHERE run IN (SELECT value FROM json_each(?)) AND done = 0 ORDER BY run, nr

-- name: signalled
SELECT DISTINCT runs.id FROM runs JOIN signals ON signals.run = runs.id AND signals.done = 0
WHERE runs.worker = ? AND runs.state = 'running'

-- name: ready
-- The heads of each lane, then classes of urgency, then turns over tenants and their agents (stores/fair.py).
WITH RECURSIVE tenants (tenant) AS (
    SELECT min(tenant) FROM runs WHERE state = 'queued'
    UNION ALL
    SELECT (SELECT min(tenant) FROM runs WHERE state = 'queued' AND runs.tenant > tenants.tenant)
    FROM tenants WHERE tenant IS NOT NULL
),
lanes (tenant, agent) AS (
    -- A step in the index for each lane. SQLite would walk through the lanes to compare pairs.
    SELECT tenant, (SELECT min(agent) FROM runs WHERE state = 'queued' AND runs.tenant = tenants.tenant)
    FROM tenants WHERE tenant IS NOT NULL
    UNION ALL
    SELECT tenant, (SELECT min(agent) FROM runs
        WHERE state = 'queued' AND runs.tenant = lanes.tenant AND agent > lanes.agent)
    FROM lanes WHERE agent IS NOT NULL
),
busy AS (
    -- Two indexes by name: an OR over both would be a look at every run that there ever was.
    SELECT agent, count(*) AS n FROM (
        SELECT agent FROM runs INDEXED BY runs_held WHERE state = 'running'
        UNION ALL SELECT agent FROM runs INDEXED BY runs_queue
            WHERE state = 'queued' AND announced_at > 0 AND announced_at >= ?2)
    GROUP BY agent
),
classed AS (
    SELECT r.id, r.tenant, r.agent, r.lane_limit,
        max(0, r.priority - max(0, ?1 - r.created_at) / ?4) AS urgency
    FROM lanes JOIN (VALUES (0), (1), (2), (3)) AS p JOIN runs AS r INDEXED BY runs_queue
        ON r.state = 'queued' AND r.tenant = lanes.tenant AND r.agent = lanes.agent
            AND r.priority = p.column1 AND r.id IN (
        SELECT q.id FROM runs AS q
        WHERE q.state = 'queued' AND q.tenant = lanes.tenant AND q.agent = lanes.agent
            AND q.priority = p.column1 AND q.ready_at <= ?1 AND (q.announced_at = 0 OR q.announced_at < ?2)
        ORDER BY q.id LIMIT ?3)
),
heads AS (
    SELECT classed.*, row_number() OVER (PARTITION BY agent ORDER BY urgency, id) AS slot FROM classed
),
placed AS (
    SELECT heads.*, row_number() OVER (PARTITION BY tenant, agent ORDER BY urgency, id) AS place
    FROM heads LEFT JOIN busy USING (agent) WHERE lane_limit = 0 OR slot + coalesce(n, 0) <= lane_limit
),
turned AS (
    SELECT placed.*, row_number() OVER (PARTITION BY urgency, tenant ORDER BY place, agent, id) AS turn
    FROM placed
),
first AS (
    SELECT id, row_number() OVER (ORDER BY urgency, turn, tenant, id) AS nr FROM turned ORDER BY nr LIMIT ?3
)
-- Only now the whole rows, of those few that are asked for.
SELECT {run_columns} FROM first JOIN runs USING (id) ORDER BY nr

-- name: announced
SELECT count(*) FROM runs WHERE state = 'queued' AND announced_at > 0 AND announced_at >= ?

-- name: due
SELECT min(at) FROM (
    SELECT min(wake_at) AS at FROM runs WHERE state = 'waiting' AND wake_at > 0
    UNION ALL SELECT min(ready_at) FROM runs WHERE state = 'queued' AND ready_at > 0)

-- name: blob
SELECT data FROM blobs WHERE digest = ?

-- name: spent
SELECT spent, held FROM spends WHERE scope = ?

-- name: open_outbox
SELECT id, run, topic, body, at FROM outbox WHERE sent_at = 0 AND next_at <= ?1 ORDER BY at, id LIMIT ?2

-- name: count_states
SELECT state, n FROM tallies WHERE n > 0

-- name: count_workers
SELECT count(*) FROM workers WHERE expires_at > {now}

-- name: count_outbox
SELECT count(*) FROM outbox WHERE sent_at = 0

-- name: count_dead
SELECT count(*) FROM records WHERE kind = 'dead'

-- name: clock
SELECT {now}

-- name: seen
SELECT w.id, w.note, {now} - w.beat_at, w.expires_at - {now},
    (SELECT count(*) FROM runs WHERE runs.worker = w.id AND runs.state = 'running')
FROM workers AS w WHERE w.expires_at > {now} - ?1 ORDER BY w.id

-- name: lines
-- A run waits since it was queued, or since its delay was over.
SELECT priority, count(*), min(max(ready_at, updated_at)) FROM runs
WHERE state = 'queued' AND ready_at <= ?1 GROUP BY priority ORDER BY priority

-- name: stuck
SELECT id FROM (
    SELECT id, max(updated_at,
        (SELECT at FROM entries WHERE entries.run = runs.id ORDER BY seq DESC LIMIT 1)) AS last
    FROM runs
    WHERE state = 'running' AND worker IN (SELECT w.id FROM workers AS w WHERE w.expires_at > {now})
) AS held
WHERE last < ?1 ORDER BY last, id LIMIT ?2

-- name: now
-- The store's clock in milliseconds: expiry is judged by it and by nobody else's.
CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
