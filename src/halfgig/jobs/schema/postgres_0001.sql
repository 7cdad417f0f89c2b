-- The queue, as in SQLite's files. Numbered files are applied once each, in order; halfgig_schema counts them.
-- Ids are compared byte by byte, as in SQLite, whatever the language of the database.
CREATE TABLE jobs (
    id text COLLATE "C" PRIMARY KEY, -- sorts by the time of its creation
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    options text NOT NULL, -- JSON, like all that follows of that form; compared as text
    source text NOT NULL,
    created_at double precision NOT NULL, -- unix seconds
    run_after double precision NOT NULL,
    attempt integer NOT NULL, -- counts claims; only the latest may write
    priority integer NOT NULL, -- lower is sooner
    started_at double precision,
    finished_at double precision,
    owner text,
    lease_until double precision, -- by this server's clock, as every time here
    strikes integer NOT NULL,
    interruptions integer NOT NULL,
    waits integer NOT NULL,
    less integer NOT NULL,
    needs bigint, -- bytes
    progress text NOT NULL,
    peak bigint, -- bytes
    timings text NOT NULL,
    failures text NOT NULL,
    degraded text NOT NULL,
    notes text NOT NULL,
    problem text,
    result text,
    fingerprint text,
    idempotency_key text UNIQUE,
    request text NOT NULL, -- sha256 of all that was asked for: what a key must come back with
    keep_source integer NOT NULL,
    callback_url text,
    client text COLLATE "C" NOT NULL, -- whose key asked for it: a part of the key's hash; empty where there are no keys
    place text NOT NULL -- the folder that alone has its source; empty where any machine can have it
);

CREATE INDEX jobs_waiting ON jobs (client, priority, id) WHERE state = 'queued';
CREATE INDEX jobs_begun ON jobs (client, started_at);
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_made ON jobs (fingerprint, kind);
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_by_upload ON jobs ((replace(source, '\u0000', '\ufffd')::jsonb ->> 'upload'));
CREATE INDEX jobs_by_content ON jobs ((replace(source, '\u0000', '\ufffd')::jsonb ->> 'sha256'));

-- What a client may replay; segments stay as the transcript.
CREATE TABLE events (
    job_id text COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id integer NOT NULL,
    type text NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (job_id, id)
);

-- Every server that listens hears of it when the transaction has been committed, once for each kind of event.
CREATE FUNCTION tell_of_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('halfgig', new.job_id || ' ' || new.type);
    RETURN NULL;
END $$;
CREATE TRIGGER job_has_news AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION tell_of_event();

-- Where work goes on: the newest state of it, and what was made so far and is not an event (batches of poses).
CREATE TABLE checkpoints (
    job_id text COLLATE "C" PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    attempt integer NOT NULL,
    state text NOT NULL
);

CREATE TABLE batches (
    job_id text COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (job_id, number)
);

-- What is to be sent to callback addresses.
CREATE TABLE deliveries (
    id text COLLATE "C" PRIMARY KEY, -- the same at every try, so that a receiver can tell a repetition
    job_id text COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    url text NOT NULL,
    state text NOT NULL,
    created_at double precision NOT NULL, -- unix seconds
    due_at double precision, -- null where it has been given up
    tries integer NOT NULL DEFAULT 0,
    trouble text -- what became of the last try
);

CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_of_job ON deliveries (job_id);

-- In the transaction that ends the job, whoever ends it: neither can be lost without the other.
CREATE FUNCTION owe_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended double precision := coalesce(new.finished_at, extract(epoch FROM clock_timestamp()));
BEGIN
    INSERT INTO deliveries (id, job_id, url, state, created_at, due_at)
    VALUES ('evt_' || replace(gen_random_uuid()::text, '-', ''), new.id, new.callback_url, new.state, ended, ended);
    RETURN NULL;
END $$;
CREATE TRIGGER job_has_ended AFTER UPDATE OF state ON jobs FOR EACH ROW
WHEN (new.callback_url IS NOT NULL AND new.state IN ('succeeded', 'failed', 'cancelled') AND old.state <> new.state)
EXECUTE FUNCTION owe_delivery();
