-- The index's own tables in the library file; :tokenizer is filled in, so that what is found is what is marked.
CREATE TABLE IF NOT EXISTS index_facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    "start" REAL NOT NULL,
    "end" REAL NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (source_id, number)
) STRICT;

-- Keeps word places only: the text itself is in passages.
CREATE VIRTUAL TABLE IF NOT EXISTS passage_words USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = ':tokenizer'
);

-- What is seen and not said: sets and repetitions. `words` is everything that an event may be asked for by.
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    "start" REAL NOT NULL,
    "end" REAL NOT NULL,
    text TEXT NOT NULL,
    words TEXT NOT NULL,
    UNIQUE (source_id, number)
) STRICT;

CREATE VIRTUAL TABLE IF NOT EXISTS event_words USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = ':tokenizer'
);

-- Words as they are written, for beginnings and slips of the pen. What is removed leaves its words until a vacuum.
-- `place` is where a word stands among those that the embedding model has whole, which begin with the commonest: these
-- are no slips, even where no passage holds them.
CREATE TABLE IF NOT EXISTS vocabulary (
    id INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE,
    place INTEGER
) STRICT;

-- Each between two spaces, so that the first and the last letters count as well.
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary_trigrams USING fts5 (
    word, content = '', tokenize = 'trigram'
);

-- Indexes outside of this file, whose vectors belong to the passages here: which model each is of,
CREATE TABLE IF NOT EXISTS index_places (
    place TEXT PRIMARY KEY, -- its address without secrets
    model TEXT NOT NULL,
    dim INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- and what each holds of which source (see ledger.py).
CREATE TABLE IF NOT EXISTS index_ledger (
    place TEXT NOT NULL,
    source_id TEXT NOT NULL,
    edition TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('arriving', 'settling', 'current', 'leaving')),
    passages INTEGER NOT NULL,
    seen INTEGER NOT NULL, -- whether a search there is known to find it
    PRIMARY KEY (place, source_id, edition)
) STRICT, WITHOUT ROWID;
