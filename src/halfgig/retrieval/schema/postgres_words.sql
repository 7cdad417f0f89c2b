-- The index in Postgres, as far as it does not depend on the model.
-- Words as they are written, for beginnings and slips; `runs` are their runs of three letters, `place` as in SQLite.
CREATE TABLE IF NOT EXISTS halfgig_words (
    word text COLLATE "C" PRIMARY KEY,
    runs text[] NOT NULL,
    place integer
);
CREATE INDEX IF NOT EXISTS halfgig_words_runs ON halfgig_words USING gin (runs) WITH (fastupdate = off);

CREATE TABLE IF NOT EXISTS halfgig_facts (
    name text PRIMARY KEY,
    value text NOT NULL
);
