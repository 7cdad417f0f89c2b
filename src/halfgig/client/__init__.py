"""The client of a running server, with nothing but the standard library."""
