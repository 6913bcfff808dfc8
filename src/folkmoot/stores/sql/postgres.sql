-- Named statements of the PostgreSQL store. What a batch writes is the function write_batch
-- (migrations/postgres): one call, one transaction, one round trip.

-- name: run_columns
id, agent, definition, state, priority, source, attempt, fence, worker, created_at, updated_at, ready_at,
wake_at, deadline, waits_for, head, head_hash, spend, output, error, labels,
tenant, lane_limit, spacing, guarded

-- name: now
now_ms()

-- name: version
SELECT coalesce(max(number), 0) FROM schema_steps

-- name: session
-- Who we are for the server, so that a connection thought dead can be ended there, too.
SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()

-- name: end_session
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2

-- name: new_writer
INSERT INTO writers (at) VALUES ({now}) RETURNING id

-- name: close_writer
-- Waits for the transaction that the old connection may have left; after it none of that name commits.
UPDATE writers SET closed = true WHERE id = $1 RETURNING batch

-- name: prune_writers
DELETE FROM writers WHERE at < {now} - 7 * 86400000

-- name: changed
SELECT coalesce(sum(batch), 0)::bigint FROM writers WHERE id <> $1

-- name: begin_batch
SELECT begin_batch($1, $2)

-- name: write_batch
SELECT write_batch($1, $2, $3, $4::belief[], $5::budget_use[], $6::inbox[], $7::runs[], $8::blobs[],
    $9::entries[], $10::signals[], $11::signal_name[], $12::run_claim[], $13::run_change[],
    $14::announcement[], $15::letter[], $16::sending[], $17::heartbeat[], $18::tally[],
    $19::lane_use[])

-- name: lock_runs
SELECT count(*) FROM (
    SELECT 1 FROM runs WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE) AS locked

-- name: lock_budgets
WITH made AS (
    INSERT INTO spends SELECT scope, 0, 0 FROM unnest($1::text[]) AS scope
    ON CONFLICT (scope) DO NOTHING)
SELECT count(*) FROM (
    SELECT 1 FROM spends WHERE scope = ANY($1::text[]) ORDER BY scope FOR NO KEY UPDATE) AS locked

-- name: look
-- All rows that a batch speaks of, of several kinds, in one answer.
SELECT 'run' AS what, id AS a, state AS b, worker AS c, agent AS d, fence AS i, signals AS j, ready_at AS k,
    (SELECT coalesce(max(seq), 0) FROM entries WHERE entries.run = runs.id) AS l,
    lane_limit AS m, spacing AS n, deadline AS o, guarded AS p
    FROM runs WHERE id = ANY($1::text[])
UNION ALL SELECT 'taken', id, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, NULL FROM runs WHERE id = ANY($2::text[])
UNION ALL SELECT 'key', source, key, run, fingerprint, 0, 0, 0, 0, 0, 0, 0, NULL
    FROM inbox JOIN unnest($3::text[], $4::text[]) AS v (s, k) ON source = v.s AND key = v.k
UNION ALL SELECT 'told', run, id, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, NULL
    FROM signals JOIN unnest($5::text[], $6::text[]) AS v (r, i) ON run = v.r AND id = v.i
UNION ALL SELECT 'budget', scope, NULL, NULL, NULL, spent, held, 0, 0, 0, 0, 0, NULL
    FROM spends WHERE scope = ANY($7::text[])

-- name: lanes
-- The lanes of agents, and how many of their runs are at work where that is asked.
SELECT a.agent, r.version, r.body, CASE WHEN a.counted THEN
    (SELECT count(*) FROM runs WHERE runs.agent = a.agent AND runs.state = 'running') END
FROM unnest($1::text[], $2::boolean[]) AS a (agent, counted)
LEFT JOIN records AS r ON r.kind = 'lane' AND r.key = a.agent

-- name: lock_names
-- Names of leases and records are locked before they are looked up, for there may be no row to lock yet.
SELECT count(pg_advisory_xact_lock(hashtextextended(name, 7))) FROM unnest($1::text[]) AS name

-- name: leases
-- One that was granted later than now is from before the clock was set back: over.
SELECT name, holder, fence, expires_at > {now} AND granted_at <= {now}
FROM leases WHERE name = ANY($1::text[])

-- name: named_records
SELECT r.kind, r.key, r.version, r.due, r.body
FROM records AS r JOIN unnest($1::text[], $2::text[]) AS v (kind, key) ON r.kind = v.kind AND r.key = v.key

-- name: versions
SELECT nextval('record_versions') FROM generate_series(1, $1::int)

-- name: upsert_leases
INSERT INTO leases (name, holder, fence, granted_at, expires_at)
SELECT v.name, v.holder, v.fence, {now}, CASE WHEN v.ttl > 0 THEN {now} + v.ttl ELSE 0 END
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS v (name, holder, fence, ttl)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = excluded.fence,
    granted_at = excluded.granted_at, expires_at = excluded.expires_at

-- name: upsert_records
INSERT INTO records
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[])
ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, due = excluded.due, body = excluded.body

-- name: drop_records
DELETE FROM records AS r USING unnest($1::text[], $2::text[]) AS v (kind, key)
WHERE r.kind = v.kind AND r.key = v.key

-- name: lease
SELECT CASE WHEN left_ms > 0 THEN holder ELSE '' END, fence, left_ms FROM (
    SELECT holder, fence,
        CASE WHEN granted_at <= {now} THEN greatest(expires_at - {now}, 0) ELSE 0 END AS left_ms
    FROM leases WHERE name = $1) AS lease

-- name: record
SELECT kind, key, version, due, body FROM records WHERE kind = $1 AND key = $2

-- name: records
SELECT kind, key, version, due, body FROM records WHERE kind = $1 AND key > $2 ORDER BY key LIMIT $3

-- name: due_records
SELECT kind, key, version, due, body FROM records WHERE kind = $1 AND due > 0 AND due <= $2
ORDER BY due, key LIMIT $3

-- name: claimable
SELECT {run_columns}, signals FROM runs WHERE id = ANY($1::text[])

-- name: peeked
-- Beside a run that nobody has had stands its journal: mostly one entry, so that one answer says all.
SELECT {run_columns}, signals,
    e.seq, e.at, e.kind, coalesce(e.body, (SELECT data FROM blobs WHERE digest = e.blob), '') AS body, e.hash
FROM runs LEFT JOIN entries AS e ON e.run = runs.id AND fence = 0 AND state = 'queued'
WHERE id = ANY($1::text[]) ORDER BY id, e.seq

-- name: journals
SELECT run, seq, at, kind, coalesce(body, (SELECT data FROM blobs WHERE digest = blob), '') AS body, hash
FROM entries WHERE run = ANY($1::text[]) ORDER BY run, seq

-- name: open_signals
SELECT run, id, kind, body, at FROM signals WHERE run = ANY($1::text[]) AND NOT done ORDER BY run, nr

-- name: retire
DELETE FROM workers WHERE id = $1

-- name: release
-- The fence is raised here and not only by the next claim: the old worker must not write any more.
UPDATE runs SET state = 'queued', worker = '', fence = fence + 1, ready_at = 0, announced_at = 0,
    updated_at = $2
WHERE id IN (SELECT id FROM runs WHERE worker = $1 AND state = 'running' ORDER BY id FOR NO KEY UPDATE)
RETURNING id

-- name: forget_workers
-- Workers that nobody has heard of for so long (ms); until then they are shown as stale.
DELETE FROM workers WHERE expires_at < least({now}, $2) - $1 OR beat_at > $3

-- name: rescue
-- A row that is locked belongs to somebody who is at work on it: the next round looks at it again.
-- Each worker by its key: beside a scan of the table of workers, which no session of ours wants, the planner
-- would hold all other costs for nothing, and look for the few that run among all runs, in order.
UPDATE runs SET state = 'queued', worker = '', fence = fence + 1, ready_at = 0, announced_at = 0,
    updated_at = $1
WHERE id IN (
    SELECT id FROM runs WHERE state = 'running'
        AND NOT EXISTS (SELECT 1 FROM workers AS w WHERE w.id = runs.worker
            AND w.expires_at > least({now}, $2))
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id

-- name: wake
UPDATE runs SET state = 'queued', wake_at = 0, waits_for = '', announced_at = 0, updated_at = $1
WHERE id IN (
    SELECT id FROM runs WHERE state = 'waiting' AND wake_at > 0 AND wake_at <= $1
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id

-- name: prunable
-- A row that is locked belongs to somebody who is at work on it (a retry): a later round looks at it again.
SELECT id, state FROM runs
WHERE id < $2 AND state IN ('succeeded', 'failed', 'cancelled', 'refused') AND updated_at < $1
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.run = runs.id AND sent_at = 0)
ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED

-- name: their_blobs
SELECT DISTINCT blob FROM entries WHERE run = ANY($1::text[]) AND blob IS NOT NULL

-- name: prune
WITH gone_entries AS (DELETE FROM entries WHERE run = ANY($1::text[])),
    gone_signals AS (DELETE FROM signals WHERE run = ANY($1::text[])),
    gone_keys AS (DELETE FROM inbox WHERE run = ANY($1::text[])),
    gone_letters AS (DELETE FROM outbox WHERE run = ANY($1::text[]))
DELETE FROM runs WHERE id = ANY($1::text[])

-- name: hold_blobs
-- Who keeps a body again right now has either committed its entry, and is seen below, or waits for us.
LOCK TABLE blobs IN SHARE ROW EXCLUSIVE MODE

-- name: prune_blobs
DELETE FROM blobs WHERE digest = ANY($1::text[])
    AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.blob = blobs.digest)

-- name: add_tallies
INSERT INTO tallies SELECT v.state, $1, v.n FROM unnest($2::tally[]) AS v
ON CONFLICT (state, slot) DO UPDATE SET n = tallies.n + excluded.n

-- name: some_runs
SELECT {run_columns} FROM runs WHERE id = ANY($1::text[])

-- name: of_an_agent
agent = $1

-- name: of_any_agent
$1::text = ''

-- name: list_runs
SELECT {run_columns} FROM {source} WHERE {which} AND id < $2 ORDER BY id DESC LIMIT $3

-- name: list_together
SELECT * FROM ({parts}) AS parts ORDER BY id DESC LIMIT $3

-- name: entries
SELECT run, seq, at, kind, coalesce(body, (SELECT data FROM blobs WHERE digest = blob), '') AS body, hash
FROM entries WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: signalled
SELECT DISTINCT runs.id FROM runs JOIN signals ON signals.run = runs.id AND NOT signals.done
WHERE runs.worker = $1 AND runs.state = 'running'

-- name: ready
-- The heads of each lane, then classes of urgency, then turns over tenants and their agents (stores/fair.py).
WITH RECURSIVE lanes AS (
    (SELECT tenant, agent FROM runs WHERE state = 'queued' ORDER BY tenant, agent LIMIT 1)
    UNION ALL
    SELECT following.tenant, following.agent FROM lanes CROSS JOIN LATERAL (
        SELECT tenant, agent FROM runs
        WHERE state = 'queued' AND (tenant, agent) > (lanes.tenant, lanes.agent)
        ORDER BY tenant, agent LIMIT 1) AS following
),
busy AS (
    SELECT agent, count(*) AS n FROM runs
    WHERE state = 'running' OR (state = 'queued' AND announced_at > 0 AND announced_at >= $2) GROUP BY agent
),
classed AS (
    SELECT r.*, greatest(0, r.priority - greatest(0, $1 - r.created_at) / $4) AS urgency
    FROM lanes CROSS JOIN generate_series(0, 3) AS p CROSS JOIN LATERAL (
        SELECT * FROM runs AS q
        WHERE q.state = 'queued' AND q.tenant = lanes.tenant AND q.agent = lanes.agent AND q.priority = p
            AND q.ready_at <= $1 AND (q.announced_at = 0 OR q.announced_at < $2)
        ORDER BY q.id LIMIT $3) AS r
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
)
SELECT {run_columns} FROM turned ORDER BY urgency, turn, tenant, id LIMIT $3

-- name: announced
SELECT count(*) FROM runs WHERE state = 'queued' AND announced_at > 0 AND announced_at >= $1

-- name: due
SELECT least(
    (SELECT min(wake_at) FROM runs WHERE state = 'waiting' AND wake_at > 0),
    (SELECT min(ready_at) FROM runs WHERE state = 'queued' AND ready_at > 0))

-- name: blob
SELECT data FROM blobs WHERE digest = $1

-- name: spent
SELECT spent, held FROM spends WHERE scope = $1

-- name: open_outbox
SELECT id, run, topic, body, at FROM outbox WHERE sent_at = 0 AND next_at <= $1 ORDER BY at, id LIMIT $2

-- name: count_states
SELECT state, sum(n)::bigint FROM tallies GROUP BY state HAVING sum(n) > 0

-- name: count_rest
SELECT (SELECT count(*) FROM workers WHERE expires_at > {now}),
    (SELECT count(*) FROM outbox WHERE sent_at = 0),
    (SELECT count(*) FROM records WHERE kind = 'dead')

-- name: size
-- The server looks at every file of the database for it: seldom, and not for every glance.
SELECT pg_database_size(current_database())

-- name: clock
SELECT {now}

-- name: seen
SELECT w.id, w.note, {now} - w.beat_at, w.expires_at - {now},
    (SELECT count(*) FROM runs WHERE runs.worker = w.id AND runs.state = 'running')
FROM workers AS w WHERE w.expires_at > {now} - $1 ORDER BY w.id

-- name: lines
-- A run waits since it was queued, or since its delay was over.
SELECT priority, count(*), min(greatest(ready_at, updated_at)) FROM runs
WHERE state = 'queued' AND ready_at <= $1 GROUP BY priority ORDER BY priority

-- name: stuck
SELECT id FROM (
    SELECT id, greatest(updated_at,
        (SELECT at FROM entries WHERE entries.run = runs.id ORDER BY seq DESC LIMIT 1)) AS last
    FROM runs
    WHERE state = 'running' AND worker IN (SELECT w.id FROM workers AS w WHERE w.expires_at > {now})
) AS held
WHERE last < $1 ORDER BY last, id LIMIT $2
