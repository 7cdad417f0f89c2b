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
