"""Asks the project's Django for the command line: or says, in the report, why it was not asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from remigrate import drift, strays
from remigrate.errors import BrokenGraph, EnvironmentFailure

if TYPE_CHECKING:
    from remigrate.check import Answer
    from remigrate.cli import Call
    from remigrate.facts import Drift
    from remigrate.git import Repository


A_COMMIT = "a commit was read, whose code runs only with --drift"
"""Why nothing is run for ``--head`` alone: it may be somebody else's commit."""


class Outcome(NamedTuple):
    """The facts with what Django says of drift."""

    answer: Answer
    notices: tuple[str, ...] = ()
    """What Django could not judge."""
    why_not: str = ""
    """Why Django was not asked; empty when it was."""


def with_drift(call: Call, repository: Repository, answer: Answer) -> Outcome:
    """Ask the project's Django, where that can be done.

    Raises `EnvironmentFailure` where drift was asked for and cannot be known.
    """
    options = call.options
    if options.drift is None and options.head is not None:
        return Outcome(answer, why_not=A_COMMIT)
    if options.from_index or options.head is not None:
        facts = answer.facts._replace(strays=strays.find(repository, answer.project))
        answer = answer._replace(facts=facts)
    try:
        found = _asked(call, repository, answer)
    except EnvironmentFailure as error:
        call.say.done()
        if options.drift and not (isinstance(error, BrokenGraph) and _is_broken(answer)):
            raise
        _note_places(repository)
        if options.verbose:
            call.say.remark(f"drift was not checked: {error}")
        return Outcome(answer, why_not=str(error))
    if options.fix:
        _fixed(call, repository, found.drift)
    facts = answer.facts._replace(drift=found.drift)
    return Outcome(answer._replace(facts=facts), found.notices)


def _is_broken(answer: Answer) -> bool:
    """Whether the graph has errors of its own: then those are what is to be told."""
    from remigrate import check, rules

    wrong = check.report(answer, rules.ALL).findings
    return any(finding.severity == "error" for finding in wrong)


def _note_places(repository: Repository) -> None:
    """An environment that appears is a reason to ask again."""
    for path in drift.places(repository):
        if os.path.exists(path):
            repository.observed.repeatable = False
        repository.observed.files[path] = None


def _not_checked(why: str) -> str:
    return f"Drift was not checked: {why}."


def _asked(call: Call, repository: Repository, answer: Answer) -> drift.Answer:
    place = drift.find(repository, answer.project, call.options, call.environ)
    if call.options.verbose:
        interpreter = place.interpreter
        call.say.remark(f"interpreter: {' '.join(interpreter.argv)} ({interpreter.why})")
        call.say.remark(f"settings: {place.settings or place.environ['DJANGO_SETTINGS_MODULE']}")
    head = answer.head if call.options.head is not None else None
    tree = drift.seen(repository, call.options, head, answer.facts.strays)
    call.say.progress("asking the project's Django …")
    found = drift.ask(place, tree)
    call.say.done()
    return found


def _fixed(call: Call, repository: Repository, found: Drift) -> None:
    from remigrate.facts import typed

    assert repository.top is not None
    written = drift.write(repository.top, found)
    if written:
        call.say.warn(
            f"wrote {', '.join(written)}", f"git add {' '.join(typed(path) for path in written)}"
        )
