"""Demonstration media that the project makes itself: a drawn athlete, and a talk in synthetic speech."""
