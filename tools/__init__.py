"""Tools for whoever works on halfgig; nothing that runs needs them."""
