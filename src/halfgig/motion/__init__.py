"""Frames become poses, joint angles, reps and a report."""
