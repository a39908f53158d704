"""What stays on the disk if the machine stops."""

from __future__ import annotations

import os


def sync_all(folder: str) -> None:
    """All that is in a folder, and the folder."""
    for inner, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(os.path.join(inner, name))
        sync(inner)


def sync(path: str) -> None:
    """What is in a file, or was renamed or removed in a folder, stays so if the machine stops."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
