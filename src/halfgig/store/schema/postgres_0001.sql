-- What the library knows of sources, as in SQLite's files. Numbered files are applied once each, in order;
-- halfgig_schema counts them. Ids are compared byte by byte, as in SQLite, whatever the language of the database.
CREATE TABLE sources (
    id text COLLATE "C" PRIMARY KEY, -- sha256 of the content
    address text COLLATE "C" NOT NULL,
    title text COLLATE "C" NOT NULL,
    duration double precision,
    language text,
    model text NOT NULL, -- empty while nobody has asked for the transcript
    added_at text COLLATE "C" NOT NULL, -- ISO 8601, UTC
    state text NOT NULL CHECK (state IN ('unheard', 'recognizing', 'indexing', 'ready')),
    attempt integer NOT NULL DEFAULT 1 -- only the latest may write
);
CREATE INDEX sources_by_time ON sources (added_at, id);

CREATE TABLE segments (
    source_id text COLLATE "C" NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    number integer NOT NULL,
    "start" double precision NOT NULL, -- seconds on the source's clock
    "end" double precision NOT NULL,
    text text NOT NULL,
    words text NOT NULL, -- JSON: [[start, end, text, probability], ...]
    tokens text NOT NULL, -- JSON: [id, ...]
    temperature double precision,
    avg_logprob double precision,
    compression_ratio double precision,
    no_speech_prob double precision,
    PRIMARY KEY (source_id, number)
);

CREATE TABLE tags (
    source_id text COLLATE "C" NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    tag text COLLATE "C" NOT NULL,
    PRIMARY KEY (source_id, tag)
);
CREATE INDEX tags_by_tag ON tags (tag);

-- What a person has changed in transcripts. An edit stays when its source is recognised again, and counts where a
-- segment is again what it was.
CREATE TABLE edits (
    source_id text COLLATE "C" NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    "start" double precision NOT NULL, -- of the segment
    original text NOT NULL, -- as it was recognised
    text text NOT NULL
);
CREATE UNIQUE INDEX edits_one ON edits (source_id, "start", md5(original)); -- a key holds no long text

-- Ready sources whose passages are older than their text; `changes` tells whether more have come meanwhile.
CREATE TABLE stale (
    source_id text COLLATE "C" PRIMARY KEY REFERENCES sources (id) ON DELETE CASCADE,
    changes integer NOT NULL
);

CREATE TABLE reports (
    source_id text COLLATE "C" PRIMARY KEY REFERENCES sources (id) ON DELETE CASCADE,
    exercise text NOT NULL,
    count integer NOT NULL,
    report text NOT NULL -- JSON, as motion/report.py has it
);

-- What is seen and not said, for retrieval/postgres_events.py: `told` is everything that an event may be asked for by.
CREATE TABLE motion_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    "start" double precision NOT NULL,
    "end" double precision NOT NULL,
    text text NOT NULL,
    told text NOT NULL,
    words tsvector NOT NULL,
    UNIQUE (source_id, number)
);
CREATE INDEX motion_events_words ON motion_events USING gin (words) WITH (fastupdate = off);

-- What of the index does not depend on its model, as in retrieval/schema/postgres_words.sql; the tables of passages are
-- made once the model is known.
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
-- Words as they are written, for beginnings and slips; `runs` are their runs of three letters, `place` as in SQLite.
CREATE TABLE halfgig_words (
    word text COLLATE "C" PRIMARY KEY,
    runs text[] NOT NULL,
    place integer
);
CREATE INDEX halfgig_words_runs ON halfgig_words USING gin (runs) WITH (fastupdate = off);

CREATE TABLE halfgig_facts (
    name text PRIMARY KEY,
    value text NOT NULL
);
