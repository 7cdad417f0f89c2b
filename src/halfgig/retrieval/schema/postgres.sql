-- The index in Postgres; :dim is the length of the model's vectors. The words of a text are stems that are made here as
-- for the embedded index, so that what is found is what is marked; in `text` a backslash and NUL are escaped.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE halfgig_passages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    "start" double precision NOT NULL,
    "end" double precision NOT NULL,
    text text NOT NULL,
    words tsvector NOT NULL,
    vector vector(:dim) NOT NULL,
    edition text COLLATE "C" NOT NULL,
    UNIQUE (source_id, number)
);
-- Without a list of what is pending: a look at the index reads all of it, and slips and beginnings take a hundred looks.
CREATE INDEX halfgig_passages_words ON halfgig_passages USING gin (words) WITH (fastupdate = off);
CREATE INDEX halfgig_passages_edition ON halfgig_passages (edition);

-- Here they wait until the library has the last of them for whole.
CREATE TABLE halfgig_arrivals (
    edition text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    "start" double precision NOT NULL,
    "end" double precision NOT NULL,
    text text NOT NULL,
    words tsvector NOT NULL,
    vector vector(:dim) NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (edition, number)
);
