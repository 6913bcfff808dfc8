-- Leases on names, and small versioned documents.

CREATE TABLE leases (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    fence      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE records (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    version INTEGER NOT NULL,
    due     INTEGER NOT NULL,           -- 0 is never
    body    BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

CREATE INDEX records_due ON records (kind, due) WHERE due > 0;

-- The last version that a record was given: none is used twice, also not after a record was dropped.
CREATE TABLE versions (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
);

INSERT INTO versions VALUES (1, 0);
