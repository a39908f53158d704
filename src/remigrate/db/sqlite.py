"""Dumps of SQLite: the backup of the `sqlite3` module, by the project's interpreter.

That is where the file is. Behind a prefix a copy is made over there, and comes through the pipe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.db import tools

if TYPE_CHECKING:
    from remigrate.db.reached import Reached
    from remigrate.db.tools import Ground

FILE = "dump.sqlite3"
_DUMP = """\
import os, shutil, sqlite3, sys, tempfile
from urllib.parse import quote
folder = tempfile.mkdtemp(prefix="remigrate-")
try:
    copy = os.path.join(folder, "copy")
    old = sqlite3.connect("file:" + quote(sys.argv[1]) + "?mode=ro", uri=True, timeout=60)
    new = sqlite3.connect(copy)
    old.backup(new)
    new.close()
    with open(copy, "rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
    sys.stdout.buffer.flush()
finally:
    shutil.rmtree(folder)
"""


def dump(database: Reached, on: Ground, target: int) -> str:
    """Write a dump to the descriptor `target`; what made it. Raises `EnvironmentFailure`."""
    argv = [*on.there.interpreter.argv, "-I", "-c", _DUMP, database.path]
    title = f"the copy of {database.alias}"
    tools.demand(argv, title, dict(on.there.environ), on, target=target)
    return f"sqlite3 {database.version}"
