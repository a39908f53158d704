"""Asks the Django of a project that a workflow checks: in the sandbox, unless the code is trusted.

In the container everything is sandboxed. On the job's own machine there is no sandbox to be had, so
only code that is on a branch already is run, in the environment that the job has installed.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from remigrate import building, closing, drift, sandbox
from remigrate.errors import EnvironmentFailure
from remigrate.interpreters import Interpreter
from remigrate.options import demand_choice
from remigrate.report.escape import plain_lines
from remigrate.runtime import Workshop
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from remigrate.check import Answer
    from remigrate.git import Repository
    from remigrate.options import Options
    from remigrate.runtime import Place

ON_HOST = "REMIGRATE_ON_HOST"
"""Set by host/action.yml, which runs in the job's own environment."""
TRUSTED = ("push", "schedule", "workflow_dispatch")
"""Events about code that somebody with write access has put on a branch."""
CHOICES = ("auto", "true", "false")
_MOST_SECONDS = 900
NO_SERVER = (
    "The image has PostgreSQL. For MySQL or MariaDB, give the input apt-packages (of the step that "
    "uses remigrate, below `with:`): `apt-packages: mariadb-server-core mariadb-client-core`"
)
"""In the container, where a proof takes another server than PostgreSQL."""
_OF_THE_JOB = ("PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH")
"""What the job's own Python may need; the rest comes through the input ``env``."""


class Inputs(NamedTuple):
    """The inputs that are about running the project's code, checked."""

    wanted: str
    """``auto``, ``true`` or ``false``."""
    packages: tuple[str, ...]
    wish: building.Wish
    variables: Mapping[str, str]
    settings: str | None
    manage: str | None
    python: str | None


def inputs(read: Callable[[str], str]) -> Inputs:
    """The inputs, as `read` knows them by name. Raises `UsageFailure`."""
    wanted = read("drift") or "auto"
    demand_choice("drift", wanted, CHOICES)
    return Inputs(
        wanted,
        building.packages(read("apt-packages")),
        building.wish(read("python-version"), read("install")),
        building.variables(read("env")),
        read("settings") or None,
        read("manage") or None,
        read("python") or None,
    )


def with_drift(
    asked: Inputs,
    options: Options,
    repository: Repository,
    answer: Answer,
    environ: Mapping[str, str],
) -> drift.Outcome:
    """Ask the project's Django. Raises `EnvironmentFailure` where that was demanded and failed."""
    if asked.wanted == "false" or (asked.wanted == "auto" and options.drift is False):
        return drift.Outcome(answer)
    options = preferred(asked, options)
    ask = _on_host if environ.get(ON_HOST) else _in_sandbox
    try:
        found = ask(asked, options, repository, answer, environ)
    except EnvironmentFailure as error:
        if asked.wanted == "true" or options.drift:
            raise
        return drift.Outcome(answer, why_not=str(error), told=error.hint)
    facts = answer.facts._replace(drift=found.drift)
    return drift.Outcome(answer._replace(facts=facts), found.notices)


def preferred(asked: Inputs, options: Options) -> Options:
    """Inputs over ``[tool.remigrate]``, where both say how the project's code is run."""
    return options._replace(
        settings=asked.settings or options.settings,
        manage=asked.manage or options.manage,
        python=asked.python or options.python,
        time_limit=min(options.time_limit, _MOST_SECONDS),
    )


def _in_sandbox(
    asked: Inputs,
    options: Options,
    repository: Repository,
    answer: Answer,
    environ: Mapping[str, str],
) -> drift.Answer:
    with workshop(asked, options, repository, answer, environ) as found:
        return drift.ask(found.place, View())


@contextmanager
def workshop(
    asked: Inputs,
    options: Options,
    repository: Repository,
    answer: Answer,
    environ: Mapping[str, str],
) -> Iterator[Workshop]:
    """A sandbox with the commit of `answer` and an environment for it, while the block lasts.

    Raises `EnvironmentFailure` where either cannot be had.
    """
    assert answer.head is not None
    if not answer.project.roots and not options.manage:
        raise EnvironmentFailure("no manage.py was found", "Name it with the input manage.")
    building.install_packages(asked.packages, environ)
    with open("/proc/self/mountinfo", encoding="latin-1") as file:
        ground = closing.ground(environ, file.read())
    with sandbox.opened(repository, answer.head, ground, environ, asked.variables) as box:
        place = _place(options, repository, answer, box)
        built = building.build(box, place.folder, asked.wish)
        if built is not None:
            place = place._replace(interpreter=Interpreter((built.python,), built.why))
        yield Workshop(place, box.databases, sandbox.BASE, NO_SERVER)


def _place(options: Options, repository: Repository, answer: Answer, box: sandbox.Sandbox) -> Place:
    """The project in the scratch copy, run by our own interpreter as long as it has no other.

    Found before any of its code has run, so that nobody can have moved it.
    """
    manage = os.path.join(box.top, options.manage) if options.manage else None
    place = drift.find(
        repository._replace(top=box.top),
        answer.project,
        options._replace(python=sys.executable, manage=manage),
        box.environ,
    )
    why = "Remigrate's own, as nothing says what the project needs"
    return place._replace(interpreter=Interpreter((sys.executable,), why), run=box.run)


def _on_host(
    asked: Inputs,
    options: Options,
    repository: Repository,
    answer: Answer,
    environ: Mapping[str, str],
) -> drift.Answer:
    event = environ.get("GITHUB_EVENT_NAME", "")
    is_branch = environ.get("GITHUB_REF", "").startswith("refs/heads/")
    if event not in TRUSTED or not is_branch or answer.head != environ.get("GITHUB_SHA"):
        raise EnvironmentFailure(
            f"the project's code is not run for the event {event or 'without a name'} and this "
            "commit, as there is no sandbox outside the container",
            "Use the container action for pull requests (without /host in `uses`): it builds the "
            "project's environment in a sandbox. Here, drift is checked on pushes to a branch, "
            "schedules and manual runs.",
        )
    kept = {name: environ[name] for name in _OF_THE_JOB if name in environ}
    place = drift.find(repository, answer.project, options, {**kept, **asked.variables})
    return drift.ask(place, drift.seen(repository, options, answer.head, answer.facts))


def harmless(text: str) -> str:
    """What the project said, for the log of a workflow: no line of it is a command."""
    lines = plain_lines(text).splitlines()
    return "".join(f"| {line}\n" for line in lines)
