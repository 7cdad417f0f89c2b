"""Jobs: work that was accepted, who does it, and what became of it."""
