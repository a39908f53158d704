"""Runs migration files in an interpreter with Django: what they say when they are run.

Reads one JSON list of base64 texts, and writes one JSON list of answers: the three lists of the
migration, or null for a file that Python or Django refuses.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import resource
import signal
import sys
import types
from typing import Any

SECONDS = 0.5
LISTS = ("dependencies", "run_before", "replaces")


def answer(source: bytes) -> list[list[list[str]]] | None:
    """The lists of the migration that `source` makes."""
    from django.db.migrations import Migration

    module: Any = types.ModuleType("fuzzed")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            signal.setitimer(signal.ITIMER_REAL, SECONDS, SECONDS)
            exec(compile(source, "fuzzed", "exec", dont_inherit=True), module.__dict__)
            made = module.Migration("name", "label")
        # What a file adds to the lists of Django's own class is not judged.
        if not isinstance(made, Migration) or any(vars(Migration)[n] != [] for n in LISTS):
            return None
        return [[[text(part) for part in entry] for entry in getattr(made, n)] for n in LISTS]
    except BaseException:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def stop(*_: object) -> None:
    """A file that runs for ever says nothing."""
    raise KeyboardInterrupt


def text(part: object) -> str:
    """Half of an entry. Python 2 wrote bytes for text."""
    if isinstance(part, bytes):
        part = part.decode("ascii", "replace")
    return part if isinstance(part, str) else repr(part)


def main() -> None:
    """One question, one answer."""
    import django
    from django.conf import settings
    from django.db.migrations import Migration

    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.flatpages",
            "django.contrib.redirects",
            "django.contrib.sessions",
            "django.contrib.sites",
        ],
        DATABASES={},
        AUTH_USER_MODEL="auth.User",
    )
    django.setup()
    signal.signal(signal.SIGALRM, stop)
    limit = 2 << 30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers = []
    for source in json.load(sys.stdin):
        answers.append(answer(base64.b64decode(source)))
        for name in LISTS:  # a migration may have changed Django's own class
            setattr(Migration, name, [])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
