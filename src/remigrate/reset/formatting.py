"""New files look as the project's other files do: formatted by its own `ruff format` or `black`.

This is for the eye. Whatever goes wrong, a file stays as Django wrote it, and the note says why.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import tomllib
from typing import TYPE_CHECKING, Literal, NamedTuple

from remigrate import bounded
from remigrate.reset.journal import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Formatter = Literal["ruff", "black"]

_SECONDS = 60.0
"""For all files together."""
_HOOKS = ".pre-commit-config.yaml"
_HOOK = re.compile(
    r"""(?:^|[\s{,])id:\s*["']?(ruff-format|black|black-jupyter)["']?\s*(?:[,}]|$)"""
)
_REQUIREMENT = re.compile(r"^\s*black\s*(?:[\[<>=!~;].*)?$", re.MULTILINE)


class Formatted(NamedTuple):
    """The files, and what was done to them."""

    files: Mapping[str, bytes]
    note: str
    """In words; empty when the project names no formatter."""


class Choice(NamedTuple):
    """The formatter that a project uses, the file that says so, and where its settings hold."""

    program: Formatter
    source: str
    """From the top."""
    folder: str
    """From the top; empty for the top itself."""


class _Signs(NamedTuple):
    """What the files of one folder say."""

    ruff: str = ""
    """The file that configures ruff, for whatever purpose."""
    ruff_format: str = ""
    """The file that says that it formats."""
    black: str = ""


class _Job(NamedTuple):
    program: str
    top: str
    choice: Choice
    modules: Mapping[str, bytes]
    environ: Mapping[str, str]
    deadline: float


class _Failed(Exception):
    """A formatter did not do its work; `str()` says why."""


def formatted(
    top: str,
    folder: str,
    python: str | None,
    files: Mapping[str, bytes],
    environ: Mapping[str, str],
) -> Formatted:
    """`files` (content by path from `top`) in the format of the project in `folder` of `top`.

    The formatter is the one beside the interpreter `python`, or else on PATH. It is run without a
    sandbox: whoever does not trust the project's environment gives None for `python`.
    """
    modules = {
        path: content for path, content in files.items() if path.endswith(".py") and is_name(path)
    }
    try:
        choice = chosen(top, folder)
    except ValueError as error:
        return Formatted(files, f"New files were not formatted: {error}.")
    if choice is None or not modules:
        return Formatted(files, "")
    program = _found(choice.program, python, environ)
    if program is None:
        return Formatted(
            files,
            f"New files were not formatted: {choice.source} asks for {choice.program}, which is "
            "neither beside the project's interpreter nor on PATH.",
        )
    run = _with_ruff if choice.program == "ruff" else _with_black
    try:
        done, left = run(_Job(program, top, choice, modules, environ, time.monotonic() + _SECONDS))
    except (OSError, _Failed) as error:
        done, left = {}, dict.fromkeys(modules, str(error))
    return Formatted({**files, **done}, _note(choice, len(modules), left))


def _note(choice: Choice, count: int, left: Mapping[str, str]) -> str:
    name = "ruff format" if choice.program == "ruff" else "black"
    said = f"New files were formatted with {name}, as {choice.source} asks"
    if not left:
        return f"{said}."
    path, why = next(iter(left.items()))
    if len(left) == count:
        return f"New files were not formatted: {name}, for which {choice.source} asks: {why}"
    return f"{said}; {len(left)} were not, as {path}: {why}"


# Which one


def chosen(top: str, folder: str) -> Choice | None:
    """The formatter of the project in `folder`. Raises `ValueError` for a file that says nothing
    clear because it is broken."""
    found = [(at, _signs(top, at)) for at in _upwards(folder)]
    for at, signs in found:
        if signs.ruff_format:
            return Choice("ruff", signs.ruff_format, at)
    for _, signs in found:
        if signs.black:
            return Choice("black", signs.black, _root(found))
    for at, signs in found:
        if signs.ruff:
            return Choice("ruff", signs.ruff, at)
    return None


def _root(found: list[tuple[str, _Signs]]) -> str:
    """Where black looks for its settings: the nearest that has some, or the top."""
    own = (at for at, signs in found if os.path.basename(signs.black) == "pyproject.toml")
    return next(own, "")


def _upwards(folder: str) -> Iterator[str]:
    at = os.path.normpath(folder) if folder else ""
    at = "" if at == "." else at
    while at:
        yield at
        at = os.path.dirname(at)
    yield ""


def _signs(top: str, at: str) -> _Signs:
    ruff, ruff_format, black = "", "", ""
    pyproject = os.path.join(at, "pyproject.toml")
    tools = _toml(top, pyproject).get("tool")
    if isinstance(tools, dict):
        ruff = pyproject if "ruff" in tools else ""
        black = pyproject if "black" in tools else ""
        own = tools.get("ruff")
        ruff_format = pyproject if isinstance(own, dict) and "format" in own else ""
    for name in ("ruff.toml", ".ruff.toml"):
        path = os.path.join(at, name)
        if os.path.isfile(os.path.join(top, path)):
            ruff = path
            ruff_format = path if "format" in _toml(top, path) else ruff_format
    hooks, setup = os.path.join(at, _HOOKS), os.path.join(at, "setup.cfg")
    named = _hooks(_text(top, hooks))
    ruff_format = ruff_format or (hooks if "ruff-format" in named else "")
    black = black or (hooks if named - {"ruff-format"} else "")
    black = black or (setup if _REQUIREMENT.search(_text(top, setup)) else "")
    return _Signs(ruff, ruff_format, black)


def _hooks(text: str) -> set[str]:
    lines = (re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines())
    return {name for line in lines for name in _HOOK.findall(line)}


def _toml(top: str, path: str) -> dict[str, object]:
    try:
        return tomllib.loads(_text(top, path))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error


def _text(top: str, path: str) -> str:
    try:
        with open(os.path.join(top, path), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _found(program: Formatter, python: str | None, environ: Mapping[str, str]) -> str | None:
    beside = shutil.which(program, path=os.path.dirname(python)) if python else None
    return beside or shutil.which(program, path=environ.get("PATH", os.defpath))


# Running it


def _with_ruff(job: _Job) -> tuple[dict[str, bytes], dict[str, str]]:
    """File by file: it starts in no time, and finds its settings by the path, excludes too."""
    done, left = {}, {}
    for path, content in job.modules.items():
        flags = ("--quiet", "--force-exclude", "--stdin-filename", path)
        output = _run(job, job.top, "format", *flags, "-", stdin=content)
        if output.code:
            left[path] = _last_line(output)
        else:
            done[path] = output.stdout
    return done, left


def _with_black(job: _Job) -> tuple[dict[str, bytes], dict[str, str]]:
    """All files at once, in a copy of the tree: black takes a while to start, and does not apply
    all of its excludes to a single file."""
    root = f"{job.choice.folder}/" if job.choice.folder else ""
    inside = [path for path in job.modules if path.startswith(root)]
    left = {
        path: f"it is outside {root}, where black has its settings"
        for path in job.modules
        if path not in inside
    }
    with tempfile.TemporaryDirectory(prefix="remigrate-black-") as copy:
        _copied(job, root, inside, copy)
        own = {**job.environ, "BLACK_CACHE_DIR": os.path.join(copy, root, ".hg")}
        output = _run(job._replace(environ=own), copy, "--quiet", root or ".")
        left |= (failed := _refused(output, copy, inside))
        if output.code and not failed:
            raise _Failed(_last_line(output))
        done = {}
        for path in inside:
            if path not in failed:
                with open(os.path.join(copy, path), "rb") as file:
                    done[path] = file.read()
    return done, left


def _copied(job: _Job, root: str, paths: list[str], copy: str) -> None:
    os.makedirs(os.path.join(copy, root, ".hg"))  # black looks for its settings no further up
    for name in ("pyproject.toml", ".gitignore"):
        if os.path.isfile(os.path.join(job.top, root, name)):
            shutil.copyfile(os.path.join(job.top, root, name), os.path.join(copy, root, name))
    for path in paths:
        os.makedirs(os.path.join(copy, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(copy, path), "wb") as file:
            file.write(job.modules[path])


def _refused(output: bounded.Output, copy: str, paths: Iterable[str]) -> dict[str, str]:
    """Those of `paths` that black names in an error, with what it says; it does so variously."""
    failed = {}
    for line in output.stderr.decode("utf-8", "replace").splitlines():
        said = line.replace(f"{os.path.realpath(copy)}/", "").replace(f"{copy}/", "")
        for path in paths if said.startswith("error: ") else ():
            if f" {path}:" in said:
                failed[path] = said.removeprefix("error: ")
    return failed


def _run(job: _Job, cwd: str, *args: str, stdin: bytes = b"") -> bounded.Output:
    limits = bounded.Limits(seconds=max(0.0, job.deadline - time.monotonic()))
    output = bounded.run([job.program, *args], cwd=cwd, env=job.environ, stdin=stdin, limits=limits)
    if output.stopped:
        raise _Failed(f"it was stopped: too much {output.stopped}")
    return output


def _last_line(output: bounded.Output) -> str:
    lines = output.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else f"it ended with exit status {output.code}"
