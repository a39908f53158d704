"""Short histories that are proved to be the same database."""
