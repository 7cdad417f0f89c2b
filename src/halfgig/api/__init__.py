"""The HTTP interface: a module of routes for each noun."""
