"""``remigrate db``: the databases that are there already, and their rows of applied migrations."""
