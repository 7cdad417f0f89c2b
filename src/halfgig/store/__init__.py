"""What we know about sources: transcripts and reports on disk."""
