"""Dumps of SQLite: the backup of the `sqlite3` module, by the project's interpreter.

That is where the file is. Behind a prefix a copy is made over there, and comes through the pipe.
"""

from __future__ import annotations

import hashlib
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
except sqlite3.Error as error:
    sys.exit(str(error))
finally:
    shutil.rmtree(folder)
"""

LOAD = """\
import hashlib, os, shutil, sqlite3, sys, tempfile, time
from urllib.parse import quote
path, digest, patience = sys.argv[1], sys.argv[2], float(sys.argv[3])
folder = tempfile.mkdtemp(prefix="remigrate-")
deadline = time.monotonic() + patience
def waited(status, remaining, total):
    if status in (5, 6) and time.monotonic() > deadline:  # SQLITE_BUSY, SQLITE_LOCKED
        sys.exit("the database was held by somebody else for %g seconds" % patience)
try:
    copy = os.path.join(folder, "copy")
    with open(copy, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    with open(copy, "rb") as file:
        found = hashlib.sha256()
        for part in iter(lambda: file.read(1 << 20), b""):
            found.update(part)
    if found.hexdigest() != digest:
        sys.exit("the copy did not come through whole")
    new = sqlite3.connect("file:" + quote(copy) + "?mode=rw", uri=True)
    try:
        said = new.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        sys.exit("the copy is damaged: " + said)
    live = sqlite3.connect("file:" + quote(path) + "?mode=rwc", uri=True, timeout=0)
    new.backup(live, pages=-1, progress=waited, sleep=0.1)
    live.close()
except sqlite3.Error as error:
    sys.exit(str(error))
finally:
    shutil.rmtree(folder)
"""


def dump(database: Reached, on: Ground, target: int) -> str:
    """Write a dump to the descriptor `target`; what made it. Raises `EnvironmentFailure`."""
    argv = [*on.there.interpreter.argv, "-I", "-c", _DUMP, database.path]
    title = f"the copy of {database.alias}"
    tools.demand(argv, title, dict(on.there.environ), on, target=target)
    return f"sqlite3 {database.version}"


def load(database: Reached, on: Ground, path: str) -> None:
    """Put the dump in the file `path` in the place of what is there, in one transaction."""
    digest = hashlib.sha256()
    for part in tools.content(path):
        digest.update(part)
    words = [database.path, digest.hexdigest(), str(on.patience)]
    argv = [*on.there.interpreter.argv, "-I", "-c", LOAD, *words]
    title = f"the restoring of {database.alias}"
    tools.demand(argv, title, dict(on.there.environ), on, tools.content(path))
