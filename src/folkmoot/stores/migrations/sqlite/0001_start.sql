-- The first schema. Times are milliseconds since 1970; hashes are bytes; 0 stands for "no time".

CREATE TABLE runs (
    id           TEXT PRIMARY KEY,
    agent        TEXT NOT NULL,
    definition   TEXT NOT NULL,
    state        TEXT NOT NULL,
    priority     INTEGER NOT NULL,      -- 0 critical … 3 low
    source       TEXT NOT NULL,
    attempt      INTEGER NOT NULL,
    fence        INTEGER NOT NULL,
    worker       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    ready_at     INTEGER NOT NULL,
    wake_at      INTEGER NOT NULL,
    deadline     INTEGER NOT NULL,
    waits_for    TEXT NOT NULL,
    head         INTEGER NOT NULL,
    head_hash    TEXT NOT NULL,
    spend        TEXT NOT NULL,
    output       TEXT NOT NULL,
    error        TEXT NOT NULL,
    labels       TEXT NOT NULL,
    signals      INTEGER NOT NULL,      -- how many were ever sent
    announced_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX runs_ready ON runs (priority, id) WHERE state = 'queued';
CREATE INDEX runs_held ON runs (worker) WHERE state = 'running';
CREATE INDEX runs_wake ON runs (wake_at) WHERE state = 'waiting' AND wake_at > 0;
CREATE INDEX runs_waiting ON runs (id) WHERE state = 'waiting';
CREATE INDEX runs_agent ON runs (agent, id);

-- How many runs are in each state: counting a million rows for every glance would be slow.
CREATE TABLE tallies (
    state TEXT PRIMARY KEY,
    n     INTEGER NOT NULL
) WITHOUT ROWID;

-- With a rowid: a long body in a table without one would take an overflow page of its own.
CREATE TABLE entries (
    run  TEXT NOT NULL,
    seq  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB,                          -- NULL when it is kept in blobs
    blob TEXT,
    hash BLOB NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    data   BLOB NOT NULL
);

CREATE TABLE inbox (
    source      TEXT NOT NULL,
    key         TEXT NOT NULL,
    run         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;

CREATE TABLE signals (
    run  TEXT NOT NULL,
    nr   INTEGER NOT NULL,
    id   TEXT NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    at   INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, nr)
) WITHOUT ROWID;

CREATE UNIQUE INDEX signals_id ON signals (run, id);
CREATE INDEX signals_open ON signals (run) WHERE done = 0;

CREATE TABLE spends (
    scope TEXT PRIMARY KEY,
    spent INTEGER NOT NULL,
    held  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox (
    id      TEXT PRIMARY KEY,
    run     TEXT NOT NULL,
    topic   TEXT NOT NULL,
    body    BLOB NOT NULL,
    at      INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER NOT NULL DEFAULT 0,
    error   TEXT NOT NULL DEFAULT ''
);

CREATE INDEX outbox_open ON outbox (next_at) WHERE sent_at = 0;

CREATE TABLE workers (
    id         TEXT PRIMARY KEY,
    note       TEXT NOT NULL,
    beat_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
