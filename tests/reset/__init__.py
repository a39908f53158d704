import os

THOROUGH = bool(os.environ.get("REMIGRATE_THOROUGH"))
"""Whether a test with many moments or pairs goes through all of them, as ``nox -s thorough`` asks:
some otherwise, so that all tests end in time."""
