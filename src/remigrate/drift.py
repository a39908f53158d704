"""The flow of a drift check: where the project's code is, what the probe says of it.

Only here (and below) does the project's code run. The graph is read without it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate import bounded, interpreters, runtime, surroundings, trees, view
from remigrate.errors import BrokenGraph, EnvironmentFailure
from remigrate.facts import Change, Drift, Moved, Question
from remigrate.model import Broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from remigrate import check
    from remigrate.facts import Facts
    from remigrate.git import Repository
    from remigrate.model import Project
    from remigrate.options import Options

_MOST_MEMORY = 8 * 2**30
"""Bytes of address space that the project's code may take when nobody says otherwise."""


class Answer(NamedTuple):
    """What came of asking the project's Django."""

    drift: Drift
    notices: tuple[str, ...]
    """What it could not judge, and why."""
    settings: str
    """The settings module that was used."""
    read: Mapping[str, Any]
    """What the answer rests on, as the probe reports it."""


class Unanswered(EnvironmentFailure):
    """Django has questions about a migration that only a person can answer."""


class Outcome(NamedTuple):
    """All that is known of a tree, with what Django says of drift."""

    answer: check.Answer
    notices: tuple[str, ...] = ()
    """What Django could not judge."""
    why_not: str = ""
    """Why Django was not asked, where it should have been."""
    told: str = ""
    """What goes with that: the project's last lines, what was tried, what to do."""


def find(
    repository: Repository, project: Project, options: Options, environ: Mapping[str, str]
) -> runtime.Place:
    """Where the project's code is, and how it runs.

    Raises `EnvironmentFailure`, which names what is missing and how to give it.
    """
    if repository.top is None:
        raise EnvironmentFailure(
            "a bare repository has no files to run", "Check drift where the project is checked out."
        )
    folder = _folder(repository, project, options)
    home = os.path.normpath(os.path.join(repository.top, folder))
    if not options.settings:
        _demand_settings(repository.top, folder, environ)
    search = interpreters.find(
        options.python, (home, repository.top), environ, use_own=options.drift is True
    )
    if search.found is None:
        raise EnvironmentFailure(
            "no environment with Django was found",
            "\n".join([*search.tried, "Name its interpreter: --python, or python in "
                       "[tool.remigrate]."]),
        )  # fmt: skip
    limits = bounded.Limits(
        options.time_limit,
        options.memory_limit * 2**20 if options.memory_limit else _memory(),
    )
    manage = os.path.normpath(os.path.join(folder, "manage.py")).replace(os.sep, "/")
    if not os.path.exists(os.path.join(repository.top, manage)):
        manage = ""
    return runtime.Place(
        repository.top, folder, manage, search.found, options.settings, environ, limits
    )


def _memory() -> int:
    """As much as the machine has, within reason."""
    return min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), _MOST_MEMORY)


def _folder(repository: Repository, project: Project, options: Options) -> str:
    """Folder of the project's ``manage.py``, from the top."""
    assert repository.top is not None
    if options.manage:
        return _named(repository.top, options.manage)
    asked = repository.prefix.rstrip("/") or "."
    owners = {app.project for app in project.apps}
    for roots in (project.roots, tuple(root for root in project.roots if root in owners)):
        if asked in roots:
            return asked
        if len(roots) == 1:
            return roots[0]
    if project.roots:
        known = ", ".join(root.removeprefix("./") + "/manage.py" for root in project.roots)
        raise EnvironmentFailure(
            f"there are several projects here: {known}", "Name one of them: --manage PATH."
        )
    while asked not in ("", "."):  # PATH may be a folder inside the project
        asked = os.path.dirname(asked)
        if os.path.exists(os.path.join(repository.top, asked, "manage.py")):
            return asked or "."
    if options.settings and options.python:
        return repository.prefix.rstrip("/") or "."
    raise EnvironmentFailure(
        "no manage.py was found", "Name it: --manage PATH. Or give both --settings and --python."
    )


def _named(top: str, manage: str) -> str:
    place = os.path.realpath(manage)
    if not os.path.exists(place):  # as a configuration file has it, from wherever we were started
        place = os.path.realpath(os.path.join(top, manage))
    if os.path.isfile(place) and os.path.basename(place) != "manage.py":
        raise EnvironmentFailure(
            f"{manage} is not called manage.py",
            "Name the folder it is in, and the settings module: --settings.",
        )
    if not os.path.exists(place):
        raise EnvironmentFailure(f"{manage} does not exist", "Name the project's manage.py.")
    home = place if os.path.isdir(place) else os.path.dirname(place)
    folder = os.path.relpath(home, os.path.realpath(top))
    if folder.startswith(".."):
        raise EnvironmentFailure(
            f"{manage} is not in {top}", "Name a manage.py of the repository that is checked."
        )
    return folder.replace(os.sep, "/")


def _demand_settings(top: str, folder: str, environ: Mapping[str, str]) -> None:
    """Raise `EnvironmentFailure` unless the environment or ``manage.py`` says which settings.

    Which ones is for ``manage.py`` to say when it runs: it may read a file or look at its words.
    """
    if environ.get("DJANGO_SETTINGS_MODULE"):
        return
    path = os.path.normpath(os.path.join(folder, "manage.py"))
    content = trees.content(top, path)  # a link that leads out of the repository is not followed
    if isinstance(content, Broken):
        raise EnvironmentFailure(
            f"{path} cannot be read: {content.why}", "Name the settings: --settings MODULE."
        )
    if not surroundings.names_settings(content):
        raise EnvironmentFailure(
            f"{path} names no settings module",
            "Name one: --settings, or settings in [tool.remigrate].",
        )


def places(repository: Repository) -> tuple[str, ...]:
    """Paths that were looked for where no environment was found: one of them may come."""
    asked = os.path.join(repository.top or repository.path, repository.prefix)
    return interpreters.places((os.path.normpath(asked), repository.top or asked))


def seen(repository: Repository, options: Options, head: str | None, facts: Facts) -> view.View:
    """The tree that was asked for, as far as it is not the one on disk."""
    hidden = [stray.path for stray in facts.left_behind]
    if head is not None:
        return view.of_commit(repository, head, hidden)
    if options.from_index:
        return view.of_index(repository, hidden)
    return view.View()


def ask(place: runtime.Place, tree: view.View) -> Answer:
    """Ask the project's Django. Raises `EnvironmentFailure`."""
    data = runtime.ask(place, "drift", tree)
    return runtime.demand_shape(lambda found: _answer(place, found), data)


def _answer(place: runtime.Place, data: Mapping[str, Any]) -> Answer:
    if data["conflicts"]:
        raise BrokenGraph(
            f"migrations conflict: {_leaves(data['conflicts'])}",
            "Django stops there too. `remigrate check` shows how they came about.",
        )
    changes = tuple(_change(row) for row in data["changes"])
    questions = tuple(Question(row["app"], row["text"]) for row in data["questions"])
    notices = [f"{_UNSEEN}: {data['urls']}"] if data["urls"] else []
    drift = Drift(changes, questions, place.manage)
    return Answer(drift, tuple(notices), data["settings"] or "", data["read"])


_UNSEEN = "The project's URLs cannot be imported, so models that only they import were not seen"


def _leaves(conflicts: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{' and '.join(names)} of {label}" for label, names in conflicts.items())


def nothing(place: runtime.Place) -> Answer:
    """The answer that models and migrations agree."""
    return Answer(Drift(manage=place.manage), (), "", {})


def _change(row: Mapping[str, Any]) -> Change:
    own = row["first_party"]  # a virtual environment may well be inside the repository
    return Change(
        row["app"],
        own,
        row["migration"],
        tuple(
            Moved(step["text"], _inside(step["path"]) if own else "", step["line"] or 1)
            for step in row["operations"]
        ),
        _inside(row["path"]) if own else "",
        row["source"] or "",
        row["unwritable"] or "",
    )


def _inside(path: str | None) -> str:
    """A path in the repository; empty for one elsewhere."""
    if path is None or os.path.isabs(path) or os.path.normpath(path).startswith(".."):
        return ""
    return path


def write(top: str, drift: Drift) -> tuple[str, ...]:
    """Write the migrations that are missing: all of them or none. Returns their paths.

    Raises `Unanswered` where Django has a question, `EnvironmentFailure` when a file is in the way.
    """
    wanted = [change for change in drift.changes if change.first_party]
    labels = {change.label for change in wanted}
    asked = [question.text for question in drift.questions if question.label in labels]
    for change in wanted:
        if not change.source or not change.path:
            asked.append(f"{change.label}: {change.why_no_source or 'it has no place to go'}.")
    if asked:
        manage = drift.manage or "-m django"
        apps = " ".join(sorted(labels))
        raise Unanswered(
            "nothing was written, as Django needs answers that only you can give",
            "\n".join(
                [
                    *(f"  ? {question}" for question in dict.fromkeys(asked)),
                    f"Answer in a terminal: python {manage} makemigrations {apps}",
                ]
            ),
        )
    return _written(top, {change.path: change.source for change in wanted})


def _written(top: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write new files, all or none; nothing that exists is touched."""
    done: list[str] = []
    try:
        for path, source in files.items():
            place = os.path.join(top, path)
            partial = f"{place}.{os.getpid()}.part"
            try:
                with open(partial, "x", encoding="utf-8") as file:
                    file.write(source)
                os.link(partial, place)  # fails where a file is in the way
            finally:
                if os.path.exists(partial):
                    os.unlink(partial)
            done.append(place)
    except OSError as error:
        _undone(done)
        raise EnvironmentFailure(
            f"{error.filename2 or error.filename} cannot be written: {error.strerror}",
            "Nothing was written. `git status --ignored` shows what is in the way.",
        ) from error
    except BaseException:
        _undone(done)
        raise
    return tuple(files)


def _undone(places: Iterable[str]) -> None:
    for place in places:
        os.unlink(place)
