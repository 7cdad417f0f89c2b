-- What the queue is called where it meets others, as in storage of uploads that it owns.
CREATE TABLE queue_facts (id TEXT NOT NULL) STRICT;
INSERT INTO queue_facts VALUES (lower(hex(randomblob(16))));
