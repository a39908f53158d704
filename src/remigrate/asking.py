"""Asks the project's Django for the command line: or says, in the report, why it was not asked."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from remigrate import drift, git, skipping, strays
from remigrate.errors import BrokenGraph, EnvironmentFailure, UsageFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.call import Call
    from remigrate.check import Answer
    from remigrate.git import Repository
    from remigrate.options import Options
    from remigrate.rules import Rule
    from remigrate.witness import Witness


A_COMMIT = "a commit was read, whose code runs only with --drift"
"""Why nothing is run for ``--head`` alone: it may be somebody else's commit."""


def with_drift(
    call: Call, repository: Repository, answer: Answer, chosen: Sequence[Rule]
) -> drift.Outcome:
    """Ask the project's Django, where that can be done. `chosen` are the rules of this run.

    Raises `EnvironmentFailure` where drift was asked for and cannot be known.
    """
    options = call.options
    if options.fix:
        options = _fixing(options)
        call = call._replace(options=options)
    if options.drift is None and options.head is not None:
        return drift.Outcome(answer, why_not=A_COMMIT)
    observed = git.Observed()
    if (options.from_index or options.head is not None) and answer.facts.strays is None:
        apart = repository._replace(observed=observed)
        facts = answer.facts._replace(strays=strays.find(apart, answer.project))
        answer = answer._replace(facts=facts)
    try:
        found = _asked(call, repository, answer)
    except EnvironmentFailure as error:
        call.say.done()
        if options.drift and not (isinstance(error, BrokenGraph) and _is_told(answer, chosen)):
            raise
        _note_places(repository)
        if options.verbose:
            for line in (f"drift was not checked: {error}", *error.hint.splitlines()):
                call.say.remark(line)
        return drift.Outcome(answer, why_not=str(error))
    if found.drift.changes:  # a clean answer knows from its witness that no file has come
        repository.observed.answers += observed.answers
        repository.observed.repeatable &= observed.repeatable
    answer = answer._replace(facts=answer.facts._replace(drift=found.drift))
    if options.fix:
        repository.observed.repeatable = False
        _fixed(call, repository, answer)
    return drift.Outcome(answer, found.notices)


def _fixing(options: Options) -> Options:
    """``--fix`` asks for drift. Raises `UsageFailure` where it cannot be meant."""
    if options.head is not None:
        raise UsageFailure("--fix cannot write into the commit of --head", "Check it out first.")
    return options._replace(drift=True)


def _is_told(answer: Answer, chosen: Sequence[Rule]) -> bool:
    """Whether the report will tell that the graph is broken: then that is enough."""
    from remigrate import check

    wrong = check.report(answer, chosen).findings
    return any(finding.severity == "error" for finding in wrong)


def _note_places(repository: Repository) -> None:
    """An environment that appears is a reason to ask again."""
    for path in drift.places(repository):
        if os.path.exists(path):
            repository.observed.repeatable = False
        repository.observed.files[path] = None


def _asked(call: Call, repository: Repository, answer: Answer) -> drift.Answer:
    place = drift.find(repository, answer.project, call.options, call.environ)
    if call.options.verbose:
        interpreter = place.interpreter
        call.say.remark(f"interpreter: {' '.join(interpreter.argv)} ({interpreter.why})")
    head = answer.head if call.options.head is not None else None
    tree = drift.seen(repository, call.options, head, answer.facts)
    memory = skipping.Memory(place, tree)
    seen = memory.recall() if call.options.cache else None
    if seen is not None:
        found = drift.nothing(place)
    else:
        started = time.time_ns()
        call.say.progress("asking the project's Django …")
        try:
            found = drift.ask(place, tree)
        except EnvironmentFailure:
            repository.observed.repeatable = False  # nobody knows what a failure rests on
            raise
        call.say.done()
        if call.options.verbose:
            call.say.remark(f"settings: {found.settings}")
        seen = memory.keep(found, started) if call.options.cache else None
    _note(repository, seen)
    if call.options.explain_cache:
        _explain(call, memory.reasons, seen)
    return found


def _note(repository: Repository, seen: Witness | None) -> None:
    """The result may be given again while what Django's answer rests on is as it was."""
    if seen is None:
        repository.observed.repeatable = False
    else:
        repository.observed.witness = skipping.encoded(seen)


def _explain(call: Call, reasons: Sequence[str], seen: Witness | None) -> None:
    if not call.options.cache:
        call.say.remark("drift: nothing is remembered, because of --no-cache")
    elif not reasons and seen is not None:
        rests_on = skipping.counted(seen)
        call.say.remark(f"drift: the last clean answer stands, as {rests_on} are as they were")
    else:
        call.say.remark("drift: Django was asked, because")
        for reason in reasons:
            call.say.remark(f"  {reason}")


def _fixed(call: Call, repository: Repository, answer: Answer) -> None:
    """Write what is missing. Not while other migrations wait to be added: it may need those."""
    from remigrate.facts import typed

    facts = answer.facts
    assert facts.drift is not None
    assert repository.top is not None
    left_behind = {stray.label for stray in facts.left_behind}
    if any(change.label in left_behind for change in facts.drift.changes):
        call.say.warn("nothing was written: first add the migrations that are on disk")
        return
    try:
        written = drift.write(repository.top, facts.drift)
    except drift.Unanswered as error:
        call.say.warn(str(error), error.hint)
        return
    if written:
        call.say.warn(
            f"wrote {', '.join(written)}", f"git add {' '.join(typed(path) for path in written)}"
        )
