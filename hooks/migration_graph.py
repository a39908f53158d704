"""Blocks a commit that would break the migration graph.

Judges the index, merged into the branch that it is meant for: the configured ``base``, else the
default branch of ``origin``, else the upstream of the current branch. All options of ``remigrate
check`` may be given.
"""

from __future__ import annotations

import os
import sys

from remigrate import process
from remigrate.__main__ import run

_CANDIDATES = ("refs/remotes/origin/HEAD", "@{upstream}")


def main() -> int:
    """Run the hook. Returns its exit code."""
    words = ["check", "--index", "--select", "RM1,RM2", *sys.argv[1:]]
    if not any(word.split("=")[0] == "--base" for word in words):
        base = _default_base()
        if base:
            words += ["--base", base]
    return run(words)


def _default_base() -> str | None:
    """A base that nobody configured; None when the configuration has one or there is nothing "
    "to take."""
    if _is_configured():
        return None
    env = process.git_environment(os.environ)
    for name in _CANDIDATES:
        argv = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        output = process.run(argv, env)
        if output.code == 0 and _shares_history(output.stdout.decode().strip(), env):
            return name
    return None


def _is_configured() -> bool:
    try:
        with open("pyproject.toml", "rb") as file:
            content = file.read()
    except OSError:
        return False
    if b"remigrate" not in content:
        return False
    from remigrate.options import from_file

    return "base" in from_file("pyproject.toml", ".").values


def _shares_history(sha: str, env: dict[str, str]) -> bool:
    """Whether the two can be merged at all: not before the first commit, nor in a shallow clone."""
    return process.run(["git", "merge-base", sha, "HEAD"], env).code == 0


if __name__ == "__main__":
    sys.exit(main())
