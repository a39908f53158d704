"""Blocks a commit that would leave migration files behind: untracked, ignored, or not staged."""

from __future__ import annotations

import sys

from remigrate.__main__ import run


def main() -> int:
    """Run the hook. Returns its exit code. All options of ``remigrate check`` may be given."""
    return run(["check", "--index", "--select", "RM302,RM303,RM304", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
