"""What is sent to the project's own interpreter: `script.py`, which is run there and not here."""
