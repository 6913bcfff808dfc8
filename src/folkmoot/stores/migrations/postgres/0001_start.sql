-- The first schema. Times are milliseconds since 1970; hashes are bytes; 0 stands for "no time".
-- COLLATE "C": names are compared byte by byte, as everywhere else, and not by a country's rules.
-- TEXT cannot hold the character NUL; the adapter writes it as the two characters SUB and 0 (SUB as SUB, 1).

CREATE TABLE runs (
    id           TEXT COLLATE "C" PRIMARY KEY,
    agent        TEXT COLLATE "C" NOT NULL,
    definition   TEXT NOT NULL,
    state        TEXT NOT NULL,
    priority     BIGINT NOT NULL,       -- 0 critical … 3 low
    source       TEXT NOT NULL,
    attempt      BIGINT NOT NULL,
    fence        BIGINT NOT NULL,
    worker       TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    ready_at     BIGINT NOT NULL,
    wake_at      BIGINT NOT NULL,
    deadline     BIGINT NOT NULL,
    waits_for    TEXT NOT NULL,
    head         BIGINT NOT NULL,
    head_hash    TEXT NOT NULL,
    spend        TEXT NOT NULL,
    output       TEXT NOT NULL,
    error        TEXT NOT NULL,
    labels       TEXT NOT NULL,
    signals      BIGINT NOT NULL,       -- how many were ever sent
    announced_at BIGINT NOT NULL
);

CREATE INDEX runs_ready ON runs (priority, id) WHERE state = 'queued';
CREATE INDEX runs_delayed ON runs (ready_at) WHERE state = 'queued' AND ready_at > 0;
CREATE INDEX runs_held ON runs (worker) WHERE state = 'running';
CREATE INDEX runs_wake ON runs (wake_at) WHERE state = 'waiting' AND wake_at > 0;
CREATE INDEX runs_waiting ON runs (id) WHERE state = 'waiting';
CREATE INDEX runs_agent ON runs (agent, id);

-- How many runs are in each state: counting a million rows for every glance would be slow. Each writer
-- counts in a slot of its own; in one common row they would wait for each other's commit.
CREATE TABLE tallies (
    state TEXT COLLATE "C" NOT NULL,
    slot  BIGINT NOT NULL,
    n     BIGINT NOT NULL,
    PRIMARY KEY (state, slot)
) WITH (fillfactor = 50);

CREATE TABLE entries (
    run  TEXT COLLATE "C" NOT NULL,
    seq  BIGINT NOT NULL,
    at   BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body BYTEA,                         -- NULL when it is kept in blobs
    blob TEXT,
    hash BYTEA NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE blobs (
    digest TEXT COLLATE "C" PRIMARY KEY,
    data   BYTEA NOT NULL
);

CREATE TABLE inbox (
    source      TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    run         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (source, key)
);

CREATE TABLE signals (
    run  TEXT COLLATE "C" NOT NULL,
    nr   BIGINT NOT NULL,
    id   TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    body BYTEA NOT NULL,
    at   BIGINT NOT NULL,
    done BOOLEAN NOT NULL,
    PRIMARY KEY (run, nr)
);

CREATE UNIQUE INDEX signals_id ON signals (run, id);
CREATE INDEX signals_open ON signals (run) WHERE NOT done;

CREATE TABLE spends (
    scope TEXT COLLATE "C" PRIMARY KEY,
    spent BIGINT NOT NULL,
    held  BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE outbox (
    id      TEXT COLLATE "C" PRIMARY KEY,
    run     TEXT NOT NULL,
    topic   TEXT NOT NULL,
    body    BYTEA NOT NULL,
    at      BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    tries   BIGINT NOT NULL DEFAULT 0,
    sent_at BIGINT NOT NULL DEFAULT 0,
    error   TEXT NOT NULL DEFAULT ''
);

CREATE INDEX outbox_open ON outbox (next_at) WHERE sent_at = 0;

CREATE TABLE workers (
    id         TEXT COLLATE "C" PRIMARY KEY,
    note       TEXT NOT NULL,
    beat_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITH (fillfactor = 50);

-- Who writes: one row for each connection that commits batches. Every batch puts its number here, in the
-- same transaction: after a lost connection this tells whether the batch was kept. Who looks closes the
-- row first, so that a transaction that was thought dead cannot commit behind the answer.
CREATE TABLE writers (
    id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch  BIGINT NOT NULL DEFAULT 0,
    at     BIGINT NOT NULL,
    closed BOOLEAN NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- What a batch says, row by row. A NULL in a run_change leaves its column as it is; a belief without a
-- state only locks its run.
CREATE TYPE belief AS (id TEXT, state TEXT, fence BIGINT, signals BIGINT);
CREATE TYPE budget_use AS (
    scope TEXT, fresh BOOLEAN, least_held BIGINT, most_held BIGINT, least BIGINT, most BIGINT,
    spent BIGINT, held BIGINT);
CREATE TYPE run_claim AS (id TEXT, fence BIGINT, worker TEXT, at BIGINT);
CREATE TYPE run_change AS (
    id TEXT, state TEXT, fence BIGINT, worker TEXT, at BIGINT, attempt BIGINT, head BIGINT,
    head_hash TEXT, spend TEXT, ready_at BIGINT, wake_at BIGINT, waits_for TEXT, output TEXT,
    error TEXT, signals BIGINT, announced_at BIGINT);
CREATE TYPE tally AS (state TEXT, n BIGINT);
CREATE TYPE signal_name AS (run TEXT, id TEXT);
CREATE TYPE announcement AS (id TEXT, at BIGINT);
CREATE TYPE letter AS (id TEXT, run TEXT, topic TEXT, body BYTEA, at BIGINT);
CREATE TYPE sending AS (id TEXT, tries BIGINT, sent_at BIGINT, error TEXT, next_at BIGINT);
CREATE TYPE heartbeat AS (worker TEXT, note TEXT, ttl_ms BIGINT);

-- The database's clock in milliseconds: expiry is judged by it and by nobody else's.
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint';

-- The first statement of every transaction that writes: it names the batch, and is refused (FM002) when
-- the writer's row was closed by whoever took it for dead.
CREATE FUNCTION begin_batch(p_writer BIGINT, p_batch BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    UPDATE writers SET batch = p_batch, at = now_ms() WHERE id = p_writer AND NOT closed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this writer was closed' USING ERRCODE = 'FM002';
    END IF;
END $$;

-- One batch, in one transaction. The caller has decided it by what it believes of the rows; the rows are
-- locked here (runs, then budgets, each in the order of their ids) and must be as believed, else the whole
-- batch is refused (FM001) and the caller decides again, by rows that it locks first.
-- Inserts come in the order of their keys, so that two processes never wait for each other in a circle.
CREATE FUNCTION write_batch(
    p_writer BIGINT, p_batch BIGINT, p_slot BIGINT,
    p_beliefs belief[], p_budgets budget_use[], p_inbox inbox[], p_runs runs[], p_blobs blobs[],
    p_entries entries[], p_signals signals[], p_consumed signal_name[], p_claims run_claim[],
    p_changes run_change[], p_announced announcement[], p_outbox letter[], p_sent sending[],
    p_beats heartbeat[], p_tallies tally[]
) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    found_n BIGINT;
BEGIN
    PERFORM begin_batch(p_writer, p_batch);
    IF cardinality(p_beliefs) > 0 THEN
        SELECT count(state) INTO found_n FROM (
            SELECT b.state FROM unnest(p_beliefs) AS b JOIN runs AS r ON r.id = b.id
            WHERE b.state IS NULL
                OR (r.state = b.state AND r.fence = b.fence AND r.signals = b.signals)
            ORDER BY r.id FOR NO KEY UPDATE OF r) AS fitting;
        IF found_n < (SELECT count(b.state) FROM unnest(p_beliefs) AS b) THEN
            RAISE EXCEPTION 'a run is not as believed' USING ERRCODE = 'FM001';
        END IF;
    END IF;
    IF cardinality(p_budgets) > 0 THEN
        INSERT INTO spends SELECT b.scope, 0, 0 FROM unnest(p_budgets) AS b WHERE b.fresh
            ON CONFLICT (scope) DO NOTHING;
        UPDATE spends AS s SET spent = s.spent + b.spent, held = s.held + b.held
            FROM unnest(p_budgets) AS b
            WHERE s.scope = b.scope AND s.held BETWEEN b.least_held AND b.most_held
                AND s.spent + s.held BETWEEN b.least AND b.most;
        GET DIAGNOSTICS found_n = ROW_COUNT;
        IF found_n < cardinality(p_budgets) THEN
            RAISE EXCEPTION 'a budget is not as believed' USING ERRCODE = 'FM001';
        END IF;
    END IF;
    IF cardinality(p_inbox) > 0 THEN
        INSERT INTO inbox SELECT * FROM unnest(p_inbox);
    END IF;
    IF cardinality(p_runs) > 0 THEN
        INSERT INTO runs SELECT * FROM unnest(p_runs);
    END IF;
    IF cardinality(p_blobs) > 0 THEN
        INSERT INTO blobs SELECT * FROM unnest(p_blobs) ON CONFLICT (digest) DO NOTHING;
    END IF;
    IF cardinality(p_entries) > 0 THEN
        INSERT INTO entries SELECT * FROM unnest(p_entries);
    END IF;
    IF cardinality(p_signals) > 0 THEN
        INSERT INTO signals SELECT * FROM unnest(p_signals);
    END IF;
    IF cardinality(p_consumed) > 0 THEN
        UPDATE signals AS s SET done = true FROM unnest(p_consumed) AS v
            WHERE s.run = v.run AND s.id = v.id AND NOT s.done;
    END IF;
    IF cardinality(p_claims) > 0 THEN
        UPDATE runs AS r SET state = 'running', fence = v.fence, worker = v.worker, updated_at = v.at
            FROM unnest(p_claims) AS v WHERE r.id = v.id;
    END IF;
    IF cardinality(p_changes) > 0 THEN
        UPDATE runs AS r SET
            state = v.state, fence = v.fence, worker = v.worker,
            updated_at = coalesce(v.at, r.updated_at), ready_at = v.ready_at, signals = v.signals,
            attempt = coalesce(v.attempt, r.attempt), head = coalesce(v.head, r.head),
            head_hash = coalesce(v.head_hash, r.head_hash), spend = coalesce(v.spend, r.spend),
            wake_at = coalesce(v.wake_at, r.wake_at), waits_for = coalesce(v.waits_for, r.waits_for),
            output = coalesce(v.output, r.output), error = coalesce(v.error, r.error),
            announced_at = coalesce(v.announced_at, r.announced_at)
            FROM unnest(p_changes) AS v WHERE r.id = v.id;
    END IF;
    IF cardinality(p_announced) > 0 THEN
        UPDATE runs AS r SET announced_at = v.at FROM unnest(p_announced) AS v
            WHERE r.id = v.id AND r.state = 'queued';
    END IF;
    IF cardinality(p_outbox) > 0 THEN
        INSERT INTO outbox (id, run, topic, body, at, next_at)
            SELECT v.id, v.run, v.topic, v.body, v.at, v.at FROM unnest(p_outbox) AS v
            ON CONFLICT (id) DO NOTHING;
    END IF;
    IF cardinality(p_sent) > 0 THEN
        UPDATE outbox AS o SET tries = o.tries + v.tries, error = v.error,
            sent_at = greatest(o.sent_at, v.sent_at), next_at = coalesce(v.next_at, o.next_at)
            FROM unnest(p_sent) AS v WHERE o.id = v.id;
    END IF;
    IF cardinality(p_beats) > 0 THEN
        INSERT INTO workers (id, note, beat_at, expires_at)
            SELECT v.worker, v.note, now_ms(), now_ms() + v.ttl_ms FROM unnest(p_beats) AS v
            ON CONFLICT (id) DO UPDATE SET note = excluded.note, beat_at = excluded.beat_at,
                expires_at = excluded.expires_at;
    END IF;
    IF cardinality(p_tallies) > 0 THEN
        INSERT INTO tallies SELECT v.state, p_slot, v.n FROM unnest(p_tallies) AS v
            ON CONFLICT (state, slot) DO UPDATE SET n = tallies.n + excluded.n;
    END IF;
END $$;
