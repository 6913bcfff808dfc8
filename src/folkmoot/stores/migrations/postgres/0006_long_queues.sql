-- A queue that is long is announced and rescued at no more than what it costs to touch its runs.

-- Room in each page: a run that is announced stays in its page, and no index hears of it (announced_at is in
-- none). Pages that are there already keep as they are.
ALTER TABLE runs SET (fillfactor = 60);

-- One batch, in one transaction. The caller has decided it by what it believes of the rows; the rows are
-- locked here (runs, then budgets, then lanes, each in the order of their names) and must be as believed, else the whole
-- batch is refused (FM001) and the caller decides again, by rows that it locks first.
-- Inserts come in the order of their keys, so that two processes never wait for each other in a circle.
CREATE OR REPLACE FUNCTION write_batch(
    p_writer BIGINT, p_batch BIGINT, p_slot BIGINT,
    p_beliefs belief[], p_budgets budget_use[], p_inbox inbox[], p_runs runs[], p_blobs blobs[],
    p_entries entries[], p_signals signals[], p_consumed signal_name[], p_claims run_claim[],
    p_changes run_change[], p_announced announcement[], p_outbox letter[], p_sent sending[],
    p_beats heartbeat[], p_tallies tally[], p_lanes lane_use[]
) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    found_n BIGINT;
    in_use BOOLEAN;
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
    IF cardinality(p_lanes) > 0 THEN
        -- Most batches only believe what they have read before: they lock nothing and write nothing.
        SELECT bool_or(body IS NOT NULL OR dropped OR running IS NOT NULL) INTO in_use FROM unnest(p_lanes);
        IF in_use THEN
            -- Who writes a lane or counts its runs at work locks its name, as for any record (lock_names).
            PERFORM pg_advisory_xact_lock(hashtextextended('record/lane/' || l.agent, 7))
                FROM (SELECT agent FROM unnest(p_lanes) WHERE body IS NOT NULL OR dropped OR running IS NOT NULL
                    ORDER BY agent) AS l;
        END IF;
        SELECT count(*) INTO found_n FROM unnest(p_lanes) AS l
            LEFT JOIN records AS r ON r.kind = 'lane' AND r.key = l.agent
            WHERE coalesce(r.version, 0) <> l.version OR l.running < (
                SELECT count(*) FROM runs WHERE runs.agent = l.agent AND runs.state = 'running');
        IF found_n > 0 THEN
            RAISE EXCEPTION 'a lane is not as believed' USING ERRCODE = 'FM001';
        END IF;
        IF in_use THEN
            INSERT INTO records
                SELECT 'lane', l.agent, nextval('record_versions'), 0, l.body FROM unnest(p_lanes) AS l
                WHERE l.body IS NOT NULL
                ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, body = excluded.body;
            DELETE FROM records AS r USING unnest(p_lanes) AS l
                WHERE l.dropped AND r.kind = 'lane' AND r.key = l.agent;
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
        -- By the key, run by run: were the state named plainly, its index would fit, too, and the whole queue
        -- would be read for every run.
        UPDATE runs AS r SET announced_at = v.at FROM unnest(p_announced) AS v
            WHERE r.id = v.id AND r.state || '' = 'queued';
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
