"""Warns when the database does not fit the migrations that git has just put into the work tree.

After switching branches, pulling or rebasing: rows whose files are gone, with the commands that
step back where these still are, and migrations that are not applied yet. Nothing is asked when no
migration came or went, and nothing is said where the database or the project cannot be asked. The
hook stops nothing: git has done its work by then.
"""

from __future__ import annotations

import os
import re
import sys

from remigrate import process
from remigrate.__main__ import run

_NOTHING = re.compile("0*")
_MIGRATION = re.compile(rb"(^|/)migrations/[^/]+\.py$")


def main() -> int:
    """Run the hook. Returns its exit code: 1 where there is something to do."""
    before = os.environ.get("PRE_COMMIT_FROM_REF") or "ORIG_HEAD"
    after = os.environ.get("PRE_COMMIT_TO_REF") or "HEAD"
    if _NOTHING.fullmatch(before) or not _have_migrations_changed(before, after):
        return 0
    code = run(["db", "status", "--check", "--since", before, *sys.argv[1:]])
    return code if code == 1 else 0


def _have_migrations_changed(before: str, after: str) -> bool:
    argv = ["git", "diff", "--name-only", "--no-renames", "-z", before, after, "--"]
    output = process.run(argv, process.git_environment(os.environ))
    return output.code == 0 and any(map(_MIGRATION.search, output.stdout.split(b"\0")))


if __name__ == "__main__":
    sys.exit(main())
