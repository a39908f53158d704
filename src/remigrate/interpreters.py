"""Finds the Python that has the project's Django, and says where it looked.

Nothing of the project runs here. Tools that keep an environment elsewhere (poetry, pdm, pipenv, uv)
are asked where it is, and only when their lock is there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_VENVS = (".venv", "venv")
_TOOLS = (
    ("uv.lock", ("uv", "python", "find", "--offline", "--no-python-downloads")),
    ("poetry.lock", ("poetry", "env", "info", "--executable")),
    ("pdm.lock", ("pdm", "info", "--python")),
    ("Pipfile.lock", ("pipenv", "--py")),
)
"""Lock files, and the command that names the interpreter of the environment made from them."""
_PATIENCE = 30.0
"""Seconds for one of these tools to answer."""


class Interpreter(NamedTuple):
    """A command that runs the project's Python."""

    argv: tuple[str, ...]
    why: str
    """Where it was found, as in ``.venv beside manage.py``."""
    is_prefix: bool = False
    """Reached through another program: its files and variables may be another machine's."""
    is_own: bool = False
    """The one that Remigrate itself runs in."""


class Search(NamedTuple):
    """What came of looking for an interpreter."""

    found: Interpreter | None
    tried: tuple[str, ...]
    """What was looked at in vain, in words."""


def find(
    wish: str | None,
    folders: Sequence[str],
    environ: Mapping[str, str],
    use_own: bool,
) -> Search:
    """The first interpreter that has Django. Absolute `folders`: that of ``manage.py``, the top.

    `wish` is what the user asked for, an interpreter or a command that leads to one: it is taken
    as it is. `use_own` lets Remigrate's own interpreter be the last resort.
    """
    if wish:
        return Search(_wished(wish, folders, environ), ())
    folders = tuple(dict.fromkeys(folders))
    tried: list[str] = []
    for python, why in _candidates(folders, environ, tried):
        if not os.access(python, os.X_OK):
            tried.append(f"{why}: there is no {python}")
        elif not has_django(python):
            tried.append(f"{why}: no Django in it")
        else:
            is_own = os.path.realpath(sys.prefix) == os.path.realpath(_root(python))
            return Search(Interpreter((python,), why, is_own=is_own), tuple(tried))
    if use_own and _own_django():
        why = "Remigrate's own interpreter, as no other has Django"
        return Search(Interpreter((sys.executable,), why, is_own=True), tuple(tried))
    return Search(None, tuple(tried))


def places(folders: Sequence[str]) -> tuple[str, ...]:
    """Paths whose appearance may change what `find` finds in absolute `folders`."""
    folders = tuple(dict.fromkeys(folders))
    pythons = [_python(os.path.join(folder, name)) for folder in folders for name in _VENVS]
    return (*pythons, *(os.path.join(folder, lock) for folder in folders for lock, _ in _TOOLS))


def _wished(wish: str, folders: Sequence[str], environ: Mapping[str, str]) -> Interpreter:
    if os.path.isfile(wish):  # a path with spaces in it, too
        return Interpreter((os.path.abspath(wish),), "as asked for")
    words = shlex.split(wish)
    if len(words) > 1:
        return Interpreter(tuple(words), "as asked for", is_prefix=True)
    for folder in reversed(folders):
        if os.path.isfile(os.path.join(folder, wish)):
            return Interpreter((os.path.join(folder, wish),), "as asked for")
    on_path = shutil.which(wish, path=environ.get("PATH"))
    return Interpreter((on_path or wish,), "as asked for")


def _candidates(
    folders: Sequence[str], environ: Mapping[str, str], tried: list[str]
) -> Iterator[tuple[str, str]]:
    """(interpreter, where it comes from), the most telling first."""
    active = environ.get("VIRTUAL_ENV")
    if active and not _is_somebodys(active, environ):
        active = _activated_before(environ)
    if active:
        yield _python(active), "the active virtual environment"
    for name in _VENVS:
        for folder, where in zip(folders, ("beside manage.py", "at the top"), strict=False):
            environment = os.path.join(folder, name)
            if os.path.isdir(environment):
                yield _python(environment), f"{name} {where}"
            elif folder == folders[0]:
                tried.append(f"{name} {where}: there is none")
    for lock, argv in _TOOLS:
        for folder in folders:
            if os.path.exists(os.path.join(folder, lock)):
                yield from _told(lock, argv, folder, environ, tried)
                break


def _is_somebodys(active: str, environ: Mapping[str, str]) -> bool:
    """Whether a user made the active environment: pre-commit activates the hook's own."""
    return "PRE_COMMIT" not in environ or os.path.realpath(active) != os.path.realpath(sys.prefix)


def _activated_before(environ: Mapping[str, str]) -> str | None:
    """The environment that was active when git started pre-commit, which only PATH still tells."""
    for folder in environ.get("PATH", "").split(os.pathsep):
        root = os.path.dirname(folder)
        is_one = os.path.isabs(folder) and os.path.exists(os.path.join(root, "pyvenv.cfg"))
        if is_one and os.path.realpath(root) != os.path.realpath(sys.prefix):
            return root
    return None


def _told(
    lock: str, argv: Sequence[str], folder: str, environ: Mapping[str, str], tried: list[str]
) -> Iterator[tuple[str, str]]:
    from remigrate import bounded

    program = shutil.which(argv[0], path=environ.get("PATH"))
    if program is None:
        tried.append(f"{lock}: {argv[0]} is not installed")
        return
    limits = bounded.Limits(seconds=_PATIENCE)
    output = bounded.run([program, *argv[1:]], cwd=folder, env=environ, limits=limits)
    said = output.stdout.decode("utf-8", "replace").strip().splitlines()
    if output.code or not said:
        tried.append(f"{lock}: {' '.join(argv)} knows no environment")
        return
    yield said[-1].strip(), f"the environment that {argv[0]} keeps for {lock}"


def _python(environment: str) -> str:
    return os.path.join(environment, "bin", "python")


def _root(python: str) -> str:
    """The folder of the environment that an interpreter belongs to."""
    return os.path.dirname(os.path.dirname(os.path.abspath(python)))


def has_django(python: str) -> bool:
    """Whether the environment of an interpreter holds Django; asked of itself where need be."""
    library = os.path.join(_root(python), "lib")
    for name in os.listdir(library) if os.path.isdir(library) else ():
        packages = os.path.join(library, name, "site-packages")
        if name.startswith("python") and os.path.exists(os.path.join(packages, "django")):
            return True
    from remigrate import bounded

    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('django') is None)"
    limits = bounded.Limits(seconds=_PATIENCE)
    return bounded.run([python, "-c", code], cwd="/", env=os.environ, limits=limits).code == 0


def _own_django() -> bool:
    import importlib.util

    return importlib.util.find_spec("django") is not None
