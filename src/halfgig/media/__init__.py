"""A source becomes decoded blocks of sound and decoded frames."""
