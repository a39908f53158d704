"""Where this program keeps its own files, and what state it is in itself."""

from __future__ import annotations

import os
import sys

from remigrate import __version__

TYPE_CHECKING = False  # typing costs a quarter of a bare interpreter start
if TYPE_CHECKING:
    from collections.abc import Mapping


def cache_folder(environ: Mapping[str, str]) -> str | None:
    """This program's folder for what it can do without; None when there is no home to put it in."""
    folder = environ.get("XDG_CACHE_HOME") or ""
    if not os.path.isabs(folder):
        home = environ.get("HOME") or environ.get("USERPROFILE") or ""
        if not os.path.isabs(home):
            return None
        folder = os.path.join(home, ".cache")
    return os.path.join(folder, "remigrate")


def edition() -> str:
    """Says which program, in which state and on which Python, wrote something down."""
    here = os.path.dirname(__file__)
    newest = count = 0
    for folder in ("", "rules", "report"):
        with os.scandir(os.path.join(here, folder)) as files:
            for file in files:
                if file.name.endswith(".py"):
                    count += 1
                    newest = max(newest, file.stat().st_mtime_ns)
    return f"{__version__}/{sys.hexversion:x}/{count}/{newest}/"
