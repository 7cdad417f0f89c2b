-- What the library knows of sources. Numbered files are applied once each, in order; PRAGMA user_version counts them.
CREATE TABLE sources (
    id TEXT PRIMARY KEY, -- sha256 of the content
    address TEXT NOT NULL,
    title TEXT NOT NULL,
    duration REAL,
    language TEXT,
    model TEXT NOT NULL,
    added_at TEXT NOT NULL, -- ISO 8601, UTC
    state TEXT NOT NULL CHECK (state IN ('recognizing', 'indexing', 'ready')),
    attempt INTEGER NOT NULL DEFAULT 1 -- only the latest may write
) STRICT, WITHOUT ROWID;

CREATE TABLE segments (
    source_id TEXT NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    "start" REAL NOT NULL, -- seconds on the source's clock
    "end" REAL NOT NULL,
    text TEXT NOT NULL,
    words TEXT NOT NULL, -- JSON: [[start, end, text, probability], ...]
    tokens TEXT NOT NULL, -- JSON: [id, ...]
    temperature REAL,
    avg_logprob REAL,
    compression_ratio REAL,
    no_speech_prob REAL,
    PRIMARY KEY (source_id, number)
) STRICT, WITHOUT ROWID;
