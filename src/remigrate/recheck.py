"""Open pull requests, looked at because their base has moved, or because another one may collide
with them.

Nothing of theirs is run or followed: their migrations are read from git's objects, in a clone of
our own. GitHub is asked for one list and, for those that change migrations, for the comments below
them; which files they change git knows, without a limit.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate import bot, check, collisions, rules, suggesting
from remigrate import event as events
from remigrate.errors import Failure, NetworkFailure, RepositoryFailure
from remigrate.facts import Rival
from remigrate.github import A_PAGE
from remigrate.memory import NoCache, ThisRun
from remigrate.report import rechecked
from remigrate.report.rechecked import Rechecked, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from remigrate.clone import Clone
    from remigrate.github import GitHub, PullRequest
    from remigrate.model import Project
    from remigrate.rules import Rule

_SECONDS = 600.0
"""After these no further pull request is looked at."""
_NO_DRIFT = "nothing of a pull request is run when it is looked at again"


class Job(NamedTuple):
    """What a run looks at pull requests with."""

    environ: Mapping[str, str]
    token: str
    prefix: str
    """The folder that is checked, with ``/`` at the end; empty for the top."""
    modules: Mapping[str, str]
    """As `check.Question` has them."""


class _Look(NamedTuple):
    """A pull request, merged into its base."""

    pull_request: PullRequest
    changed: Project | None = None
    """The apps that it changes; all of a hundred large projects would fill the memory. None where
    it changes nothing that a check reads, or where it could not be looked at."""
    failure: Failure | None = None


class _Merges(NamedTuple):
    """Pull requests merged into one commit, to be read."""

    ours: Clone
    base: str
    job: Job
    memory: ThisRun

    def answer(self, head: str) -> check.Answer | None:
        """What is to be found there; None where nothing is changed that a check reads."""
        ours, base, job, memory = self
        repository, start = ours.opened(job.prefix), ours.start(base, head)
        if not start:
            raise RepositoryFailure(
                "it was not cut from its base, or too long ago", "Merge the base branch into it."
            )
        files = check.files_read(repository, job.modules)
        if not any(os.fsencode(path) in files for path in ours.changed(start, head)):
            return None
        return check.look(repository, check.Question(head, base=base, modules=job.modules), memory)


# A check of one pull request


def with_rivals(
    name: str, payload: Mapping[str, Any], job: Job, answer: check.Answer
) -> tuple[check.Answer, list[str]]:
    """The answer for the pull request of an event, with the others that it collides with; and what
    could not be looked at."""
    if not _adds(answer):
        return answer, []
    try:
        event = events.read(name, payload)
        looks = _others(event, job, answer)
    except Failure as error:
        return answer, [rechecked.no_rivals(str(error), error.hint)]
    facts = answer.facts._replace(rivals=tuple(_rivals(answer, looks)))
    failed: dict[str, list[int]] = {}
    for each in looks:
        if each.failure:
            failed.setdefault(str(each.failure), []).append(each.pull_request.number)
    notices = [rechecked.unread_rivals(numbers, why) for why, numbers in failed.items()]
    if len(looks) >= A_PAGE - 1:
        notices.append(rechecked.limited(A_PAGE))
    return answer._replace(facts=facts), notices


def _adds(answer: check.Answer) -> bool:
    facts = answer.facts
    return any(facts.side(key) == "new" for key in facts.graph.files)


def _others(event: events.Event, job: Job, answer: check.Answer) -> list[_Look]:
    assert answer.base is not None
    found = bot.hub_of(job.environ, job.token).pull_requests_into(event.branch)
    pulls = [each for each in found if each.number != event.number]
    if not pulls:
        return []
    with bot.clone_of(job.environ, job.token) as ours:
        merges = _Merges(ours, answer.base, job, ThisRun(NoCache()))
        return list(_looks(pulls, merges, _Clock()))


# All open pull requests into a branch


def again(
    name: str, payload: Mapping[str, Any], job: Job, wanted: Iterable[Rule]
) -> Rechecked | None:
    """Look at what is open into the branch that an event is about, and keep the comments true.

    None where no branch is concerned. Never raises `Failure`: the check that went before counts.
    """
    branch = ""
    try:
        event = events.read(name, payload)
        if events.grants(event).task != "recheck":
            return None
        branch = event.branch
        hub = bot.hub_of(job.environ, job.token)
        pulls = hub.pull_requests_into(branch)
        if not pulls:
            return Rechecked(branch)
        with bot.clone_of(job.environ, job.token) as ours:
            return _again(branch, pulls, hub, ours, job, tuple(wanted))
    except Failure as error:
        return Rechecked(branch, failed=str(error), cures=(error.hint,))


def _again(
    branch: str,
    pulls: Sequence[PullRequest],
    hub: GitHub,
    ours: Clone,
    job: Job,
    wanted: tuple[Rule, ...],
) -> Rechecked:
    tip, clock = ours.tip(branch), _Clock()
    if tip is None:
        return Rechecked(branch, failed="the branch is gone")
    merges = _Merges(ours, tip.sha, job, ThisRun(NoCache()))
    looks = list(_looks(pulls, merges, clock))
    rows, cures = [], []
    for look in looks:
        try:
            clock.demand_time()
            row = _told(look, looks, merges, hub, wanted)
        except Failure as error:
            row = Row(look.pull_request.number, failed=str(error))
            cures.append(error.hint)
        rows += [row] if row else []
    return Rechecked(
        branch, len(pulls), tuple(sorted(rows)), len(pulls) >= A_PAGE, cures=tuple(cures)
    )


def _told(
    look: _Look,
    looks: Sequence[_Look],
    merges: _Merges,
    hub: GitHub,
    wanted: tuple[Rule, ...],
) -> Row | None:
    """What was found in one pull request, and what became of our comment. Raises `Failure`."""
    if look.failure:
        raise look.failure
    answer = merges.answer(look.pull_request.head) if look.changed else None
    if answer is None:
        return None
    chosen = [rule for rule in wanted if rule is not rules.NEEDS_THE_PROJECT]
    rivals = tuple(_rivals(answer, looks))  # nothing collides with itself
    answer = answer._replace(facts=answer.facts._replace(rivals=rivals))
    no_drift = _NO_DRIFT if rules.NEEDS_THE_PROJECT in wanted else ""
    found = check.report(answer, chosen, no_drift=no_drift)
    number, head = look.pull_request.number, look.pull_request.head
    offered = suggesting.worked_out(answer, chosen, found)
    untouched = bot.report(hub, number, head, found, offered, again=True)
    return Row(number, tuple(each.severity for each in found.findings), untouched)


# Looking


class _Clock:
    """The time that is left for all of it."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _SECONDS

    def demand_time(self) -> None:
        if time.monotonic() > self._until:
            raise NetworkFailure(f"there was no time left after {_SECONDS:g} seconds")


def _looks(pulls: Sequence[PullRequest], merges: _Merges, clock: _Clock) -> Iterator[_Look]:
    """Each pull request, merged. What is wrong with one does not stop the others."""
    ours, base = merges.ours, merges.base
    all_here = _fetched(ours, base, [each.head for each in pulls])
    for each in pulls:
        try:
            clock.demand_time()
            if not all_here:
                ours.fetch(base, each.head, whole=False)
            answer = merges.answer(each.head)
            yield _Look(each, _changed(answer) if answer else None)
        except Failure as error:
            yield _Look(each, failure=error)


def _fetched(ours: Clone, base: str, heads: Sequence[str]) -> bool:
    """Get all heads at once; False where one of them cannot be had, and with it none."""
    try:
        ours.fetch(base, *heads, whole=False)
    except Failure:
        return False
    return True


def _changed(answer: check.Answer) -> Project:
    assert answer.facts.landed is not None
    before = set(answer.facts.landed.project.apps)
    apps = tuple(app for app in answer.project.apps if app not in before)
    return answer.project._replace(apps=apps)


def _rivals(answer: check.Answer, looks: Iterable[_Look]) -> Iterator[Rival]:
    """The pull requests among `looks` that collide with the one of `answer`, app by app."""
    assert answer.facts.landed is not None
    base = answer.facts.landed.project
    for pull_request, theirs, _ in sorted(looks, key=lambda look: look.pull_request.number):
        number, url, onto = pull_request.number, pull_request.url, pull_request.base_branch
        for each in collisions.between(base, answer.project, theirs) if theirs else ():
            yield Rival(each.app, number, url, onto, each.one, each.other)
