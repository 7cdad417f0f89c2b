-- What the queue is called where it meets others, as in storage of uploads that it owns.
CREATE TABLE queue_facts (id text NOT NULL);
INSERT INTO queue_facts VALUES (replace(gen_random_uuid()::text, '-', ''));
