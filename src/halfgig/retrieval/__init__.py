"""Segments become passages, vectors and hits."""
