-- What a person has changed in transcripts, and what was counted in sources.
-- An edit stays when its source is recognised again, and counts where a segment is again what it was.
CREATE TABLE edits (
    source_id TEXT NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    "start" REAL NOT NULL, -- of the segment
    original TEXT NOT NULL, -- as it was recognised
    text TEXT NOT NULL,
    PRIMARY KEY (source_id, "start", original)
) STRICT, WITHOUT ROWID;

-- Ready sources whose passages are older than their text; `changes` tells whether more have come meanwhile.
CREATE TABLE stale (
    source_id TEXT PRIMARY KEY REFERENCES sources (id) ON DELETE CASCADE,
    changes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reports (
    source_id TEXT PRIMARY KEY REFERENCES sources (id) ON DELETE CASCADE,
    exercise TEXT NOT NULL,
    count INTEGER NOT NULL,
    report TEXT NOT NULL -- JSON, as motion/report.py has it
) STRICT;
