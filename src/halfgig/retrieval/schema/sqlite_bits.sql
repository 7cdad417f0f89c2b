-- The signs of the vectors, to pick by in a large index. In runs of 16: sqlite-vec sorts within a run, in time that
-- grows with its square.
CREATE VIRTUAL TABLE IF NOT EXISTS passage_bits USING vec0 (
    id INTEGER PRIMARY KEY,
    bits bit[:dim],
    chunk_size = 16
);
