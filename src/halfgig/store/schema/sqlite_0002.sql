-- Sources of which only the motion is known; tags. The table is made anew because SQLite changes no CHECK; foreign keys
-- are off while schema files are applied, so that the segments stay.
CREATE TABLE sources_anew (
    id TEXT PRIMARY KEY, -- sha256 of the content
    address TEXT NOT NULL,
    title TEXT NOT NULL,
    duration REAL,
    language TEXT,
    model TEXT NOT NULL, -- empty while nobody has asked for the transcript
    added_at TEXT NOT NULL, -- ISO 8601, UTC
    state TEXT NOT NULL CHECK (state IN ('unheard', 'recognizing', 'indexing', 'ready')),
    attempt INTEGER NOT NULL DEFAULT 1 -- only the latest may write
) STRICT, WITHOUT ROWID;
INSERT INTO sources_anew SELECT id, address, title, duration, language, model, added_at, state, attempt FROM sources;
DROP TABLE sources;
ALTER TABLE sources_anew RENAME TO sources;

CREATE TABLE tags (
    source_id TEXT NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (source_id, tag)
) STRICT, WITHOUT ROWID;
