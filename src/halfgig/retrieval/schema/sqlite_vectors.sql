-- Made once the embedding model is known; :dim is the length of its vectors.
-- Rows lie together by source in runs of 8, so that a short source costs 12 kB and not 1.5 MB.
CREATE VIRTUAL TABLE IF NOT EXISTS passage_vectors USING vec0 (
    id INTEGER PRIMARY KEY,
    source_id TEXT PARTITION KEY,
    vector float[:dim] distance_metric = cosine,
    chunk_size = 8
);
