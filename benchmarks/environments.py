"""Virtual environments of fixed contents, made once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Failed, say

ROOT = Path(__file__).resolve().parents[1]
PIP = "pip==26.3"
"""A fixed one: the start of a console script is written by pip, and is part of what is measured."""


def cache_folder() -> Path:
    """Where everything is kept that takes long to make; REMIGRATE_BENCH_CACHE names another."""
    own = os.environ.get("REMIGRATE_BENCH_CACHE")
    if own:
        return Path(own).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "remigrate-benchmarks"


def kept(kind: str, name: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, made anew when its `recipe` changes, and not left half made."""
    mark = hashlib.sha256(f"{recipe}\0{sys.version}".encode()).hexdigest()[:10]
    folder = cache_folder() / kind / f"{name}-{mark}"
    done = folder / ".made"
    if not done.exists():
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        say(f"making {folder}")
        make(folder)
        done.touch()
    return folder


def project_environment(name: str, requirements: tuple[str, ...]) -> Path:
    """An environment with `requirements`."""

    def make(folder: Path) -> None:
        _venv(folder)
        pip(folder, *requirements)

    return kept("environments", name, " ".join(requirements), make)


def own_environment() -> Path:
    """An environment with this checkout in it, installed as a user would install it."""

    def make(folder: Path) -> None:
        _venv(folder)
        pip(folder, PIP)

    folder = kept("environments", "remigrate", PIP, make)
    pip(folder, str(ROOT))
    pip(folder, "--no-deps", "--force-reinstall", str(ROOT))
    return folder


def _venv(folder: Path) -> None:
    _run(sys.executable, "-m", "venv", str(folder))


def pip(folder: Path, *args: str) -> None:
    """Install something; pip compiles what it installs."""
    flags = ("--quiet", "--disable-pip-version-check")
    _run(str(folder / "bin" / "python"), "-m", "pip", "install", *flags, *args)


def _run(*argv: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr.strip()}")
