-- Vectors of another model, while they are made for the passages that are there: they take the place of passage_vectors
-- and passage_bits when none is missing. :dim is the length of its vectors.
CREATE VIRTUAL TABLE passage_vectors_next USING vec0 (
    id INTEGER PRIMARY KEY,
    source_id TEXT PARTITION KEY,
    vector float[:dim] distance_metric = cosine,
    chunk_size = 8
);
