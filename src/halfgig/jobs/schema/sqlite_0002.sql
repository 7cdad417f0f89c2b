-- Whose key asked for a job: a part of the key's hash, empty where there are no keys. Clients are served by turns.
ALTER TABLE jobs ADD COLUMN client TEXT NOT NULL DEFAULT '';
-- The folder that alone has its source; empty where any machine can have it.
ALTER TABLE jobs ADD COLUMN place TEXT NOT NULL DEFAULT '';
DROP INDEX jobs_waiting;
CREATE INDEX jobs_waiting ON jobs (client, priority, id) WHERE state = 'queued';
CREATE INDEX jobs_begun ON jobs (client, started_at);

-- What is to be sent to callback addresses. An earlier server has made the table beside the schema, so it may be there.
CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT PRIMARY KEY, -- the same at every try, so that a receiver can tell a repetition
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at REAL NOT NULL, -- unix seconds
    due_at REAL, -- null where it has been given up
    tries INTEGER NOT NULL DEFAULT 0,
    trouble TEXT -- what became of the last try
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_of_job ON deliveries (job_id);

-- In the transaction that ends the job, whoever ends it: neither can be lost without the other.
CREATE TRIGGER IF NOT EXISTS job_has_ended AFTER UPDATE OF state ON jobs
WHEN new.callback_url IS NOT NULL AND new.state IN ('succeeded', 'failed', 'cancelled') AND old.state != new.state
BEGIN
    INSERT INTO deliveries (id, job_id, url, state, created_at, due_at)
    SELECT 'evt_' || lower(hex(randomblob(16))), new.id, new.callback_url, new.state, now, now
    FROM (SELECT coalesce(new.finished_at, unixepoch('subsec')) AS now);
END;
