"""Blocks a commit that would break the migration graph.

Judges the index (when pre-commit names a commit, as before a push: that commit), merged into the
branch that it is meant for: the configured ``base``, else the default branch of ``origin``, else
the upstream of the current branch. All options of ``remigrate check`` may be given.
"""

from __future__ import annotations

import os
import sys

from remigrate import process
from remigrate.__main__ import run

_CANDIDATES = ("refs/remotes/origin/HEAD", "@{upstream}")


def main() -> int:
    """Run the hook. Returns its exit code."""
    words = ["check", "--select", "RM1,RM2", *sys.argv[1:]]
    pushed = os.environ.get("PRE_COMMIT_TO_REF") or os.environ.get("PRE_COMMIT_LOCAL_BRANCH")
    if "--index" not in words and _given(words, "--head") is None:
        words += ["--head", pushed] if pushed else ["--index"]
    if _given(words, "--base") is None:
        base = _default_base(_given(words, "--config") or "pyproject.toml", pushed or "HEAD")
        if base:
            words += ["--base", base]
    return run(words)


def _given(words: list[str], option: str) -> str | None:
    """The value of `option` on the command line."""
    value = None
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, sign, rest = word.partition("=")
        if name == option:
            value = rest if sign else after
    return value


def _default_base(config: str, head: str) -> str | None:
    """A base that nobody configured; None when somebody did, or there is nothing to take."""
    if _is_configured(config):
        return None
    env = process.git_environment(os.environ)
    for name in _CANDIDATES:
        argv = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        output = process.run(argv, env)
        if output.code == 0 and _shares_history(output.stdout.decode().strip(), head, env):
            return name
    return None


def _is_configured(config: str) -> bool:
    try:
        with open(config, "rb") as file:
            content = file.read()
    except OSError:
        return False
    if b"remigrate" not in content:
        return False
    from remigrate import errors, options

    try:
        return "base" in options.from_file(config, ".").values
    except errors.Failure:
        return True  # the check says what is wrong with it


def _shares_history(sha: str, head: str, env: dict[str, str]) -> bool:
    """Whether the two can be merged at all: not before the first commit, nor in a shallow clone."""
    return process.run(["git", "merge-base", sha, head], env).code == 0


if __name__ == "__main__":
    sys.exit(main())
