"""Model weights on disk: pinned, verified, mirrored, converted once."""
