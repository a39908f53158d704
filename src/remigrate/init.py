"""The flow of ``remigrate init``: the files that a project needs to be looked after, as proposals.

What is there already stays as it is: files are added to, at the end of the list or of the file that
is theirs, and whoever has a line of ours has it for a reason.
"""

from __future__ import annotations

import glob
import json
import os
import re
import tomllib
from typing import TYPE_CHECKING, NamedTuple

from remigrate import __version__, compose, git, interpreters, projects
from remigrate.errors import Failure, UsageFailure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.options import Options

HOOKS = ("migration-graph", "migration-files", "migration-drift", "migration-database")
_TYPES = "default_install_hook_types"
_STAGES = f"{_TYPES}: [pre-commit, post-checkout, post-merge, post-rewrite]\n"
ACTION = "remigrate/remigrate"
REPOSITORY = "https://github.com/remigrate/remigrate"
_WORKFLOWS = ".github/workflows"
_WORKFLOW = f"{_WORKFLOWS}/remigrate.yml"
PRE_COMMIT = ".pre-commit-config.yaml"
_PYPROJECT = "pyproject.toml"


class Proposal(NamedTuple):
    """A file to be written."""

    path: str
    """From the top of the work tree."""
    before: str
    """Empty for a new one."""
    after: str


class Proposals(NamedTuple):
    """What could be written, and what is there already or has to be done by hand."""

    files: tuple[Proposal, ...]
    remarks: tuple[str, ...]


def propose(
    repository: Repository, options: Options, environ: Mapping[str, str], cache: Cache
) -> Proposals:
    """Look at the work tree. Raises `UsageFailure` where there is nothing to look after."""
    if repository.top is None:
        raise UsageFailure("a bare repository has no files to write", "Name a work tree as PATH.")
    folders = projects.folders(repository, options, cache)
    if not folders:
        raise UsageFailure(
            f"no migrations and no manage.py found in {options.path}",
            "Name the top of a repository with a Django project as PATH.",
        )
    base = git.default_branch(repository)
    keys, remarks = {"base": base}, []
    if len(folders) == 1:
        home = os.path.normpath(os.path.join(repository.top, folders[0]))
        container = contained(home, repository.top, environ)
        python = container.python(home) if container else None
        if python:
            keys["python"] = python
        elif container and container.services:
            remarks.append(_unclear(container))
    makers = (
        lambda top: _workflow(top, base, several=len(folders) > 1),
        _pre_commit,
        lambda top: _configuration(top, keys),
    )
    files = []
    for make in makers:
        made = make(repository.top)
        if isinstance(made, Proposal):
            files.append(made)
        else:
            remarks.append(made)
    if any(each.path == PRE_COMMIT for each in files):
        remarks.append("`pre-commit install` has git run the hooks, once these files are there.")
    return Proposals(tuple(files), tuple(remarks))


def contained(home: str, top: str, environ: Mapping[str, str]) -> compose.Compose | None:
    """The compose file of a project that has no environment outside of containers, if there is
    one. Absolute folders: that of ``manage.py``, and the top."""
    if interpreters.find(None, (home, top), environ, use_own=False).found is not None:
        return None
    return compose.find((home, top))


def _unclear(found: compose.Compose) -> str:
    names = " or ".join(found.services)
    return (
        f"{os.path.basename(found.path)} does not tell which service runs Django ({names}): write "
        'python = "docker compose exec -T SERVICE python" for tool.remigrate by hand.'
    )


def write(top: str, files: Sequence[Proposal]) -> None:
    """Write all files, or none where one of them cannot be written."""
    made: list[tuple[str, str]] = []
    try:
        for each in files:
            place = os.path.join(top, each.path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            partial = f"{place}.{os.getpid()}.partial"
            made.append((partial, place))
            with open(partial, "x", encoding="utf-8", newline="") as file:
                file.write(each.after)
        for partial, place in made:
            os.replace(partial, place)
    except OSError as error:
        raise Failure(
            f"{error.filename} cannot be written: {error.strerror}",
            "Mend that, then run remigrate init again.",
        ) from error
    finally:
        for partial, _ in made:
            if os.path.exists(partial):
                os.remove(partial)


def workflows(top: str) -> list[str]:
    """Paths of the workflows that are there."""
    return sorted(glob.glob(os.path.join(glob.escape(top), _WORKFLOWS, "*.y*ml")))


def hooks_in(configuration: str) -> list[str]:
    """Our hooks that a pre-commit configuration has."""
    return [hook for hook in HOOKS if f"id: {hook}" in configuration]


def _workflow(top: str, base: str, *, several: bool) -> Proposal | str:
    for path in workflows(top):
        if ACTION in _text(path):
            return f"{os.path.relpath(path, top)} has Remigrate already."
    if os.path.lexists(os.path.join(top, _WORKFLOW)):
        return f"{_WORKFLOW} is something else: add a job with `uses: {ACTION}` by hand."
    name = "monorepo.yml" if several else "two-jobs.yml"
    text = _text(os.path.join(os.path.dirname(__file__), "workflows", name))
    branch = base.removeprefix("origin/")
    if not re.fullmatch(r"[A-Za-z][\w./-]*", branch):  # 1.0 is a number
        branch = json.dumps(branch)
    return Proposal(_WORKFLOW, "", text.replace("branches: [main]", f"branches: [{branch}]"))


def _pre_commit(top: str) -> Proposal | str:
    before = _text(os.path.join(top, PRE_COMMIT))
    if hooks_in(before):
        return f"{PRE_COMMIT} has hooks of Remigrate already."
    after = with_hooks(before)
    if after is None:
        return f"{PRE_COMMIT} is not written as a list of repos below `repos:`: add {REPOSITORY}."
    return Proposal(PRE_COMMIT, before, after)


def with_hooks(text: str) -> str | None:
    """A pre-commit configuration with our hooks at the end of its ``repos``, all else as it was;
    None where that list cannot be found. Kinds of hooks that `pre-commit install` installs are
    added where none are named."""
    lines = text.splitlines(keepends=True)
    if not "".join(lines).strip():
        return f"{_STAGES}repos:\n{_entry('  ')}"
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    starts = [at for at, line in enumerate(lines) if re.match(r"repos:\s*(#.*)?$", line)]
    if len(starts) != 1:
        return None
    end, indent = starts[0] + 1, None
    for at in range(starts[0] + 1, len(lines)):
        item = re.match(r"( *)- ", lines[at])
        if item and indent is None:
            indent = item[1]
        elif re.match(r"[^\s#-]", lines[at]):
            break
        if lines[at].strip() and not lines[at].lstrip().startswith("#"):
            end = at + 1
    if indent is None:
        return None
    added = [*lines[:end], _entry(indent), *lines[end:]]
    if not any(line.startswith(_TYPES) for line in lines):
        above = starts[0]
        while above and lines[above - 1].startswith("#"):  # what is said of the list
            above -= 1
        added.insert(above, _STAGES)
    return "".join(added)


def _entry(indent: str) -> str:
    version = __version__.partition(".dev")[0]
    rows = [f"- repo: {REPOSITORY}", f"  rev: v{version}", "  hooks:"]
    rows += [f"    - id: {hook}" for hook in HOOKS]
    return "".join(f"{indent}{row}\n" for row in rows)


def _configuration(top: str, keys: Mapping[str, str]) -> Proposal | str:
    path = os.path.join(top, _PYPROJECT)
    rows = "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items()
    )
    table = f"[tool.remigrate]\n{rows}"
    if not os.path.lexists(path):
        if os.path.exists(os.path.join(top, "setup.py")):  # pip would build it in another way
            return f"Beside setup.py, {_PYPROJECT} is for you to add, with:\n{table.rstrip()}"
        return Proposal(_PYPROJECT, "", table)
    before = _text(path)
    if re.search(r"^\s*\[tool\.remigrate\]", before, re.MULTILINE):
        return f"{_PYPROJECT} has [tool.remigrate] already."
    after = f"{before.rstrip()}\n\n{table}".lstrip()
    try:
        is_read = tomllib.loads(after)["tool"]["remigrate"] == keys
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        is_read = False
    if not is_read:
        return f"{_PYPROJECT} cannot be added to. For tool.remigrate, by hand:\n{rows.rstrip()}"
    return Proposal(_PYPROJECT, before, after)


def _text(path: str) -> str:
    """Empty for a file that is not there."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFailure(f"{path} cannot be read: {error}", "Mend it first.") from error
