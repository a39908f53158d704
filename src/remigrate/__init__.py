"""Keeps the migration history of Django projects healthy."""

__version__ = "0.1.0.dev0"
