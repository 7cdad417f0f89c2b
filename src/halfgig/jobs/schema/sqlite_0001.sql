-- The queue. Numbered files are applied once each, in order; PRAGMA user_version counts them.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, -- sorts by the time of its creation
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    options TEXT NOT NULL, -- JSON, like all that follows of that form
    source TEXT NOT NULL,
    created_at REAL NOT NULL, -- unix seconds
    run_after REAL NOT NULL,
    attempt INTEGER NOT NULL, -- counts claims; only the latest may write
    priority INTEGER NOT NULL, -- lower is sooner
    started_at REAL,
    finished_at REAL,
    owner TEXT,
    lease_until REAL,
    strikes INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    waits INTEGER NOT NULL,
    less INTEGER NOT NULL,
    needs INTEGER, -- bytes
    progress TEXT NOT NULL,
    peak INTEGER, -- bytes
    timings TEXT NOT NULL,
    failures TEXT NOT NULL,
    degraded TEXT NOT NULL,
    notes TEXT NOT NULL,
    problem TEXT,
    result TEXT,
    fingerprint TEXT,
    idempotency_key TEXT UNIQUE,
    request TEXT NOT NULL, -- sha256 of all that was asked for: what a key must come back with
    keep_source INTEGER NOT NULL,
    callback_url TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_waiting ON jobs (priority, id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_made ON jobs (fingerprint, kind) WHERE state = 'succeeded';
CREATE INDEX jobs_by_state ON jobs (state, id);

-- What a client may replay; segments stay as the transcript.
CREATE TABLE events (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job_id, id)
) STRICT, WITHOUT ROWID;

-- Where work goes on: the newest state of it, and what was made so far and is not an event (batches of poses).
CREATE TABLE checkpoints (
    job_id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (job_id, number)
) STRICT;
