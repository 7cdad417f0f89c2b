"""What halfgig takes and what the usual tool takes, measured side by side: `python -m benchmarks`."""
