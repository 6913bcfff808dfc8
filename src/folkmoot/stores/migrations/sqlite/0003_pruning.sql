-- What is a run's can be found by the run, and a body by its digest: for pruning.

CREATE INDEX inbox_run ON inbox (run);
CREATE INDEX outbox_run ON outbox (run);
CREATE INDEX entries_blob ON entries (blob) WHERE blob IS NOT NULL;
