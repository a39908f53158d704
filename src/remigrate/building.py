"""Builds the project's environment inside the sandbox, with uv, from what the project says.

Building runs the project's code (``setup.py``, build backends), so it happens as the sandbox's
user. Debian packages alone are installed by root, beforehand, from Debian's own sources, by name.

No cache outlives the job: what fills it is the pull request's code, and a later run, of the default
branch even, would execute what it finds there. uv fetches ready-made wheels in seconds. Within a
job, one environment serves every question that is asked of the project.
"""

from __future__ import annotations

import os
import re
import time
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate import bounded, sandbox, trees
from remigrate.errors import EnvironmentFailure, UsageFailure
from remigrate.report.escape import cut, plain_lines, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECONDS = 900.0
"""For the whole environment."""
_OUTPUT = 1 << 26
_LINES, _WIDTH = 15, 300
_UV = "uv"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]*[a-z0-9.+]")
"""Debian's grammar; a minus at the end would tell apt-get to remove."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VERSION = re.compile(r"[A-Za-z0-9<>=!~^][A-Za-z0-9.,*<>=!~@+_ -]*")

REQUIREMENTS = (
    "requirements.txt",
    "requirements/requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements/common.txt",
    "requirements/main.txt",
    "requirements/local.txt",
    "requirements/dev.txt",
    "requirements/development.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
)
"""The first of these counts where there is no lock."""


class Wish(NamedTuple):
    """What the inputs say about the environment. Empty: as the project says."""

    python: str = ""
    """A version, as in ``3.12`` or ``>=3.11``."""
    install: str = ""
    """A shell command that fills the environment."""


class Built(NamedTuple):
    """An environment that was built."""

    python: str
    """Absolute path of its interpreter."""
    why: str
    """What it was built from, in words."""


class Recipe(NamedTuple):
    """How to fill an environment that exists."""

    source: str
    """What it is made from, as a path from the top or an input."""
    folder: str
    """Absolute; where the commands run."""
    commands: tuple[tuple[str, ...], ...]
    seeded: bool = False
    """Whether pip is wanted in the environment first."""


def variables(text: str) -> dict[str, str]:
    """The input ``env``: lines of NAME=value. Raises `UsageFailure`."""
    found = {}
    for line in filter(str.strip, text.splitlines()):
        name, equals, value = line.strip().partition("=")
        if not equals or not _VARIABLE.fullmatch(name) or "\0" in value:
            raise UsageFailure(
                f"the input env has a line that is not NAME=value: {visible(cut(name, 60))}",
                "One variable on each line, without quotes around its value.",
            )
        if name.startswith(sandbox.FORBIDDEN) or name in sandbox.reserved():
            raise UsageFailure(
                f"the input env may not set {name}",
                "The sandbox sets it, or keeps it from the project's code.",
            )
        found[name] = value
    return found


def packages(text: str) -> tuple[str, ...]:
    """The input ``apt-packages``: names with spaces between. Raises `UsageFailure`."""
    names = tuple(text.replace(",", " ").split())
    for name in names:
        if not _PACKAGE.fullmatch(name):
            raise UsageFailure(
                f"{visible(name)} is not the name of a Debian package",
                "apt-packages takes names with spaces between, without versions or options.",
            )
    return names


def wish(python: str, install: str) -> Wish:
    """The inputs ``python-version`` and ``install``. Raises `UsageFailure`."""
    if python and not _VERSION.fullmatch(python):
        raise UsageFailure(f"the input python-version is {visible(python)}", "For example: 3.12")
    return Wish(python, install)


def install_packages(names: tuple[str, ...], environ: Mapping[str, str]) -> None:
    """Install Debian packages, before any of the project's code runs. Needs root."""
    if not names:
        return
    kept = {name: environ[name] for name in ("http_proxy", "https_proxy") if name in environ}
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **kept}
    env["DEBIAN_FRONTEND"] = "noninteractive"
    install = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "--")
    limits = bounded.Limits(seconds=SECONDS, output=_OUTPUT)
    for argv in (("apt-get", "update", "--quiet"), (*install, *names)):
        try:
            output = bounded.run(argv, cwd="/", env=env, limits=limits)
        except OSError as error:
            raise EnvironmentFailure(
                f"apt-packages cannot be installed here: {error.strerror}"
            ) from error
        if output.code:
            raise EnvironmentFailure(
                f"apt-packages could not be installed: {' '.join(names)}",
                _told(output, " ".join(argv), "Are these the names of Debian's packages?"),
            )


def build(box: sandbox.Sandbox, folder: str, wanted: Wish) -> Built | None:
    """An environment for the project whose ``manage.py`` is in `folder` (from the top).

    None where nothing says what the project needs. Raises `EnvironmentFailure` with the tool's own
    last words.
    """
    place = os.path.join(box.folder, "env")
    recipe = _recipe(box, folder, wanted)
    if recipe is None:
        return None
    deadline = time.monotonic() + SECONDS
    python = (f"--python={wanted.python}",) if wanted.python else ()
    seed = ("--seed",) if recipe.seeded else ()
    for argv in ((_UV, "venv", "--quiet", *python, *seed, place), *recipe.commands):
        _step(box, recipe, place, argv, deadline)
    return Built(os.path.join(place, "bin/python"), f"built with uv from {recipe.source}")


def _step(
    box: sandbox.Sandbox, recipe: Recipe, place: str, argv: tuple[str, ...], deadline: float
) -> None:
    env = {
        **box.environ,
        "VIRTUAL_ENV": place,
        "UV_PROJECT_ENVIRONMENT": place,
        "PATH": f"{place}/bin:{box.environ['PATH']}",
    }
    left = bounded.Limits(seconds=max(1.0, deadline - time.monotonic()), output=_OUTPUT)
    try:
        output = box.run(argv, cwd=recipe.folder, env=env, limits=left)
    except OSError as error:
        raise EnvironmentFailure(f"{argv[0]} cannot be started: {error.strerror}") from error
    if output.code or output.stopped:
        stopped = {"time": " in time", "output": ": it printed too much"}.get(output.stopped, "")
        raise EnvironmentFailure(
            f"the project's environment could not be built from {recipe.source}{stopped}",
            _told(output, _shown(argv, box), _WAYS),
        )


_WAYS = (
    "Inputs that may help: install (the command that installs your project), python-version, "
    "apt-packages (system libraries), env. Or use the action in host/, in a job that has installed "
    "the project."
)


def _shown(argv: tuple[str, ...], box: sandbox.Sandbox) -> str:
    return visible(" ".join(argv).replace(box.folder, "…"))


def _told(output: bounded.Output, tried: str, ways: str) -> str:
    """The tool's own last lines, what was tried, what to do."""
    return "\n".join(filter(None, [said(output), f"Tried: {tried}", ways]))


def said(output: bounded.Output) -> str:
    """The last lines of a program's output, harmless in a log."""
    text = (output.stderr.strip() or output.stdout[-(1 << 16) :]).decode("utf-8", "replace")
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return plain_lines("\n".join(f"  | {cut(line, _WIDTH)}" for line in lines[-_LINES:]))


# What the project says


def _recipe(box: sandbox.Sandbox, folder: str, wanted: Wish) -> Recipe | None:
    """The nearest to ``manage.py``, going up to the top; within a folder, as `_FINDERS` goes."""
    if wanted.install:
        shell = ("bash", "-euo", "pipefail", "-c", wanted.install)
        place = os.path.normpath(os.path.join(box.top, folder))
        return Recipe("the input install", place, (shell,), seeded=True)
    for path in _upwards(folder):
        for find in _FINDERS:
            found = find(Project(box, path))
            if found is not None:
                return found
    return None


def _upwards(folder: str) -> Iterator[str]:
    path = os.path.normpath(folder)
    while path not in ("", "."):
        yield path
        path = os.path.dirname(path)
    yield "."


class Project(NamedTuple):
    """A folder of the scratch copy. Read as root: no link may lead out of it."""

    box: sandbox.Sandbox
    path: str

    @property
    def folder(self) -> str:
        return os.path.normpath(os.path.join(self.box.top, self.path))

    def has(self, name: str) -> bool:
        return isinstance(trees.content(self.box.top, os.path.join(self.path, name)), bytes)

    def table(self, *names: str) -> dict[str, Any] | None:
        """A table of ``pyproject.toml``; None when it is not there or cannot be read."""
        content = trees.content(self.box.top, os.path.join(self.path, "pyproject.toml"))
        try:
            found: object = tomllib.loads(content.decode()) if isinstance(content, bytes) else None
        except (ValueError, RecursionError):  # the tool that needs it will say so, with the line
            return None
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None

    def recipe(self, name: str, *commands: tuple[str, ...]) -> Recipe:
        return Recipe(os.path.normpath(os.path.join(self.path, name)), self.folder, commands)

    def exported(self, name: str, *export: str) -> Recipe:
        """Another tool's lock, put into the words of pip by that tool itself."""
        into = os.path.join(self.box.folder, "tmp", "exported.txt")
        shell = ("bash", "-euo", "pipefail", "-c", 'into=$1; shift; "$@" > "$into"', "bash", into)
        own = self._itself() if self.is_package() else ()
        install = (_UV, "pip", "install", f"--requirements={into}")
        return self.recipe(name, (*shell, _UV, "tool", "run", *export), install, *own)

    def is_package(self) -> bool:
        poetry = self.table("tool", "poetry") or {}
        return self.table("build-system") is not None and bool(poetry.get("package-mode", True))

    def _itself(self) -> tuple[tuple[str, ...], ...]:
        return ((_UV, "pip", "install", "--no-deps", "--editable", "."),)


_GROUP = ("tool", "poetry", "group")


def _by_uv(project: Project) -> Recipe | None:
    if not project.has("uv.lock"):
        return None
    return project.recipe("uv.lock", (_UV, "sync", "--frozen"))


def _by_poetry(project: Project) -> Recipe | None:
    """The groups that `poetry install` takes."""
    if not project.has("poetry.lock"):
        return None
    own = project.table(*_GROUP) or {}
    groups = [name for name in own if not (project.table(*_GROUP, name) or {}).get("optional")]
    groups += project.table("dependency-groups") or {}
    tool = ("--from=poetry>=2,<3", "--with=poetry-plugin-export>=1.9,<2")
    export = ("poetry", "export", "--no-interaction", "--without-hashes")
    given = (f"--with={','.join(groups)}",) if groups else ()
    return project.exported("poetry.lock", *tool, *export, *given)


def _by_pdm(project: Project) -> Recipe | None:
    if not project.has("pdm.lock"):
        return None
    return project.exported("pdm.lock", "--from=pdm>=2,<3", "pdm", "export", "--without-hashes")


def _by_pipenv(project: Project) -> Recipe | None:
    if not project.has("Pipfile.lock"):
        return None
    return project.exported("Pipfile.lock", "pipenv", "requirements", "--dev")


def _by_requirements(project: Project) -> Recipe | None:
    for name in REQUIREMENTS:
        if project.has(name):
            return project.recipe(name, (_UV, "pip", "install", f"--requirements={name}"))
    return None


def _by_pyproject(project: Project) -> Recipe | None:
    if project.table("project") is None:
        return None
    dev = ("--group=dev",) if "dev" in (project.table("dependency-groups") or {}) else ()
    what = ("--editable", ".") if project.is_package() else ("--requirements=pyproject.toml",)
    return project.recipe("pyproject.toml", (_UV, "pip", "install", *what, *dev))


def _by_setup(project: Project) -> Recipe | None:
    if not project.has("setup.py"):
        return None
    return project.recipe("setup.py", (_UV, "pip", "install", "--editable", "."))


_FINDERS = (
    _by_uv,
    _by_poetry,
    _by_pdm,
    _by_pipenv,
    _by_requirements,
    _by_pyproject,
    _by_setup,
)
