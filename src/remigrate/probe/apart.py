"""Asks something in a process of its own, as the project's code may leave Django changed.

A part of the probe; see `script`. A project's ``makemigrations`` may replace parts of Django for
the rest of its process (pretix: which options ``AlterModelOptions`` resets), and ``migrate`` after
it would not do what it does alone.
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


def asked(question: Callable[[], Any]) -> Any:
    """The answer, which has to be JSON. Where there is none, we ask here, for what is raised."""
    for connection in connections.all():
        connection.close()
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        process = os.fork()
        if not process:
            try:
                json.dump(question(), file)
                file.flush()
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(process, 0)
        file.seek(0)
        return json.load(file) if not status else question()
