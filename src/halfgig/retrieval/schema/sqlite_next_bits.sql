-- The signs of the next vectors, where their length is one of whole bytes.
CREATE VIRTUAL TABLE passage_bits_next USING vec0 (
    id INTEGER PRIMARY KEY,
    bits bit[:dim],
    chunk_size = 16
);
