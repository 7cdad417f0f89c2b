"""Blocks become windows of speech, segments and words."""
