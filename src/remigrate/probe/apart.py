"""Asks something in a process of its own.

A part of the probe; see `script`. A project's ``makemigrations`` may replace parts of Django for
the rest of its process (pretix: which options ``AlterModelOptions`` resets), and ``migrate`` after
it would not do what it does alone. And what takes long can run beside us.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable


class Apart:
    """A process that answers a question while we go on."""

    def __init__(self, question: Callable[[], Any]) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 # both need it
        for connection in connections.all():
            connection.close()
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = os.fork()
        if not self._process:
            try:
                json.dump(question(), self._file, default=str)
                self._file.flush()
                os._exit(0)
            finally:  # whoever started us has to find out why
                os._exit(1)

    def answer(self) -> Any:
        """What it answered, as JSON; None where it did not."""
        _, status = os.waitpid(self._process, 0)
        with self._file as file:
            file.seek(0)
            return None if status else json.load(file)


def asked(question: Callable[[], Any]) -> Any:
    """The answer, which is never None. Where there is none, we ask here, for what is raised."""
    found = Apart(question).answer()
    return question() if found is None else found
