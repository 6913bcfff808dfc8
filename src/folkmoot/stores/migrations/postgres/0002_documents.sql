-- Leases on names, and small versioned documents. Who writes one locks its name first (lock_names).

CREATE TABLE leases (
    name       TEXT COLLATE "C" PRIMARY KEY,
    holder     TEXT NOT NULL,
    fence      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE records (
    kind    TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    due     BIGINT NOT NULL,            -- 0 is never
    body    BYTEA NOT NULL,
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 70);

CREATE INDEX records_due ON records (kind, due) WHERE due > 0;

-- Versions of records: none is used twice, also not after a record was dropped.
CREATE SEQUENCE record_versions;
