"""``/reset-migrations``: from the comment to the pull request (for a fork, to a patch), and to the
last word of the answer.

Whatever happens, the comment ends with a reaction and an answer that says what to do. Nothing is
pushed before the proof holds, who asked may still write, and the pull request is where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from remigrate import command, github, marks
from remigrate.answering import Answer
from remigrate.command import Command, Misunderstood
from remigrate.errors import Failure, NetworkFailure, UsageFailure
from remigrate.handover import Failed, Handover, packed
from remigrate.rehearsal import Behind
from remigrate.report import replies

if TYPE_CHECKING:
    from collections.abc import Callable

    from remigrate.clone import Clone, Tip
    from remigrate.event import Event, Grant
    from remigrate.github import GitHub, PullRequest, Reaction
    from remigrate.outcome import Reset
    from remigrate.rehearsal import Made
    from remigrate.steps import Steps

BRANCHES = "remigrate/pr-"
"""How our branches begin; the number of the pull request follows."""


class Rehearse(Protocol):
    """Works out a reset of a pull request at the commits that it names, in our clone.

    Raises `Behind` and `Failure`.
    """

    def __call__(
        self, pull_request: PullRequest, order: Command, say: Callable[[str], None]
    ) -> Made: ...


class Tools(NamedTuple):
    """What an order is carried out with."""

    hub: GitHub
    clone: Clone
    rehearse: Rehearse
    steps: Steps
    label: str = ""
    """For our pull requests; empty for none."""
    forks: bool = False
    """Whether a reset is worked out for pull requests of forks: in a job that may not write, and
    where the plan of such a job is all that there is."""


class Result(NamedTuple):
    """How an order ended."""

    decision: str
    """``pushed``, ``rehearsed``, ``nothing``, ``refused`` or ``failed``."""
    reason: str
    """A word for machines."""
    pull_request: str = ""
    """Address of ours."""
    branch: str = ""


class _End(Exception):
    """The answer is known, and nothing more is done."""

    def __init__(self, result: Result, words: str, reaction: Reaction, mark: str = "") -> None:
        super().__init__(result.reason)
        self.result, self.words, self.reaction, self.mark = result, words, reaction, mark


def _refused(reason: str, words: str, reaction: Reaction = "-1", mark: str = "") -> _End:
    return _End(Result("refused", reason), words, reaction, mark)


def carry_out(event: Event, grant: Grant, tools: Tools, run_url: str) -> Result:
    """Do what the comment of `event` asks for, and answer it. What is raised was told before."""
    assert event.comment
    assert event.number is not None
    answer = Answer(tools.hub, event.number, event.comment.id, run_url)
    order = _Order(event, grant, tools)
    try:
        return order.carried_out(answer)
    except _End as end:
        answer.end(end.words, end.reaction, end.mark)
        return end.result
    except Failure as error:
        answer.end(replies.failed(str(error), error.hint, order.pushed, run_url), "-1")
        raise
    except KeyboardInterrupt:
        answer.end(replies.stopped(order.pushed), "-1")
        raise
    except Exception:
        answer.end(replies.broken(order.pushed, run_url), "-1")
        raise


def plan(event: Event, grant: Grant, tools: Tools) -> Handover | None:
    """Work out what the comment of `event` asks for, and write nothing; None where that needs no
    work. The job that writes asks everything again."""
    try:
        return _Order(event, grant, tools).planned()
    except _End:
        return None


class _Order:
    """One command. Each step gives what the next one needs, or ends it all."""

    def __init__(self, event: Event, grant: Grant, tools: Tools) -> None:
        assert event.comment
        assert event.number is not None
        self._event, self._grant = event, grant
        self._hub, self._clone, self._rehearse, self._steps, self._label, self._forks = tools
        self._number, self._comment = event.number, event.comment
        self._line = command.first_line(event.comment.body).strip()
        self._branch = f"{BRANCHES}{event.number}"
        self.pushed = ""
        """Our branch, from the moment when it may be on GitHub."""

    def carried_out(self, answer: Answer) -> Result:
        """From the first question to the pull request."""
        self._steps.begin("Asking GitHub who asks, and for what")
        self._demand_permission()
        self._hub.react(self._comment.id, "eyes")
        order = self._understood()
        pull_request = self._found(order)
        made = self._made(pull_request, order, answer.progress)
        if self._is_fork(pull_request):
            raise self._patched(pull_request, order, made)
        self._steps.begin("Asking GitHub whether everything is as it was")
        tip = self._clone.tip(self._branch)
        self._demand_own(tip, order)
        # All that was asked before counts only if it is still so.
        self._demand_permission()
        self._demand_unmoved(pull_request)
        sha = self._clone.commit(pull_request.head, made.files, _message(made.reset, self._number))
        if tip is None or tip.sha != sha:
            self._steps.begin("Pushing the branch")
            self._push(sha, tip)
        self._steps.begin("Opening the pull request")
        result, words = self._proposed(pull_request, order, made.reset)
        self._steps.begin("Answering")
        answer.end(words, "rocket")
        return result

    def planned(self) -> Handover:
        """What another job needs to write it."""
        self._steps.begin("Asking GitHub who asks, and for what")
        self._demand_permission()
        order = self._understood()
        found = self._found(order)
        try:
            self._demand_reader(found)
            made = self._rehearse(found, order, self._steps.begin)
        except Behind as error:
            return Handover(found.head, found.base, behind=tuple(error.missing))
        except Failure as error:
            return Handover(found.head, found.base, failed=Failed(str(error), error.hint))
        return Handover(found.head, found.base, made.reset, packed(made.files))

    def _demand_permission(self) -> None:
        for login in self._grant.askers:
            if self._hub.permission(login) not in github.MAY_WRITE:
                raise _refused("no-permission", replies.not_allowed(login), "-1", marks.REFUSED)

    def _understood(self) -> Command:
        order = command.parse(self._comment.body)
        if isinstance(order, Misunderstood):
            raise _refused("not-understood", replies.misunderstood(order.why), "confused")
        if order.help:
            raise _End(Result("nothing", "help"), replies.helped(), "+1")
        return order

    def _found(self, order: Command) -> PullRequest:
        """The pull request, at the commit that somebody has looked at."""
        found = self._hub.pull_request(self._number)
        if not found.is_open:
            raise _refused("closed", replies.closed())
        is_gone = found.head_repository is None
        if is_gone or (self._is_fork(found) and not self._forks):
            raise _refused("fork", replies.from_fork(self._at_home(order, found)))
        if found.head_branch.startswith(BRANCHES):
            raise _refused("own", replies.of_the_bot(), "confused")
        seen = order.sha or self._reported()
        if not seen:
            raise _refused("which-commit", replies.which_commit(found.head, self._line), "confused")
        if not found.head.startswith(seen):
            if order.sha:
                raise _refused("moved", replies.moved(seen, found.head))
            raise _refused("which-commit", replies.which_commit(found.head, self._line), "confused")
        return found

    def _is_fork(self, found: PullRequest) -> bool:
        return found.head_repository != self._event.repository

    def _demand_reader(self, found: PullRequest) -> None:
        """The code of a fork is run by a job that may not write, or not at all."""
        if self._is_fork(found) and self._clone.may_push():
            raise UsageFailure(
                "this pull request comes from another repository, and the job that would run its "
                "code has a token that may write",
                "Give the job with `mode: plan` the permissions `contents: read` and "
                "`pull-requests: read`, and no others.",
            )

    def _reported(self) -> str:
        """The commit that the check's comment was about when the order was given."""
        found = self._hub.own_comment(self._number, marks.REPORT)
        if found is None or found.updated_at > self._comment.created_at:
            return ""
        return marks.reported(found.body).head

    def _at_home(self, order: Command, found: PullRequest) -> str:
        words = ["remigrate reset", *(("--all",) if order.all else order.apps)]
        if order.strategy:
            words.append(f"--strategy {order.strategy}")
        return " ".join([*words, f"--base origin/{found.base_branch}"])

    def _made(self, pull_request: PullRequest, order: Command, say: Callable[[str], None]) -> Made:
        def begin(step: str) -> None:
            self._steps.begin(step)
            say(step)

        try:
            made = self._rehearse(pull_request, order, begin)
        except Behind as error:
            words = replies.behind(pull_request.base_branch, error.missing)
            raise _refused("behind", words, "confused") from error
        if not made.files:
            raise self._without_files(made.reset)
        if order.dry_run:
            raise _End(Result("rehearsed", "dry-run"), replies.rehearsed(made.reset), "+1")
        return made

    def _without_files(self, reset: Reset) -> _End:
        wrong = any(check.result in ("differs", "failed") for check in reset.proof)
        if wrong or reset.refused:
            return _End(Result("failed", "not-proved"), replies.not_proved(reset), "-1")
        return _End(Result("nothing", "nothing-to-do"), replies.rehearsed(reset), "+1")

    def _patched(self, pull_request: PullRequest, order: Command, made: Made) -> _End:
        """For a branch that we cannot push to."""
        self._demand_permission()
        self._demand_unmoved(pull_request)
        reset = made.reset._replace(written=True)
        sha = self._clone.commit(pull_request.head, made.files, _message(reset, self._number))
        at_home = self._at_home(order, pull_request)
        words = replies.patched(reset, pull_request.head, self._clone.patch(sha), at_home)
        return _End(Result("rehearsed", "patch"), words, "+1")

    def _demand_own(self, tip: Tip | None, order: Command) -> None:
        if tip is not None and not tip.made_from and not order.force:
            raise _refused("human", replies.human(self._branch, self._line))

    def _demand_unmoved(self, pull_request: PullRequest) -> None:
        now = self._hub.pull_request(self._number)
        if not now.is_open:
            raise _refused("closed", replies.closed())
        if now.head != pull_request.head:
            raise _refused("moved", replies.moved(pull_request.head, now.head))

    def _push(self, sha: str, tip: Tip | None) -> None:
        """Push; when the answer was lost, look whether it is there before giving up."""
        self.pushed = self._branch
        try:
            self._clone.push(sha, self._branch, tip.sha if tip else None)
        except NetworkFailure:
            now = self._clone.tip(self._branch)
            if now is None or now.sha != sha:
                self.pushed = ""
                raise

    def _proposed(
        self, pull_request: PullRequest, order: Command, reset: Reset
    ) -> tuple[Result, str]:
        reset = reset._replace(written=True)
        mark = marks.proposal(for_findings=not order.apps and not order.all)
        asker = self._comment.author.login
        body = replies.proposal(reset, self._number, asker, pull_request.head, mark)
        title = replies.title(reset, self._number)
        try:
            ours, is_new = self._hub.propose(self._branch, pull_request.head_branch, title, body)
        except NetworkFailure as error:
            compare = self._hub.compare_url(pull_request.head_branch, self._branch)
            words = replies.no_pull_request(reset, self._branch, compare, str(error), error.hint)
            raise _End(
                Result("failed", "no-pull-request", "", self._branch), words, "-1"
            ) from error
        words = replies.done(reset, ours.number, is_new=is_new) + self._labelled(ours.number)
        return Result("pushed", "done", ours.url, self._branch), words

    def _labelled(self, number: int) -> str:
        """Label our pull request; why it has none, as that alone is no failure."""
        try:
            if self._label:
                self._hub.label(number, self._label)
        except NetworkFailure as error:
            return replies.unlabelled(str(error), error.hint)
        return ""


def clean_up(number: int, hub: GitHub, clone: Clone, *, only_for_findings: bool = False) -> Result:
    """The pull request `number` needs ours no more: close it, and delete its branch unless somebody
    else has pushed there."""
    branch = f"{BRANCHES}{number}"
    ours = hub.pull_requests(branch)
    if only_for_findings:
        ours = [each for each in ours if marks.is_for_findings(each.body)]
        if not ours:
            return Result("nothing", "nothing-to-do")
    tip = clone.tip(branch)
    is_own = tip is None or bool(tip.made_from)
    for each in ours:
        words = replies.superseded(number) if is_own else replies.left(number, branch)
        mark = marks.closing(number)
        hub.say(each.number, mark, f"{words}\n\n{mark}\n")
        hub.close(each.number)
    if tip is not None and tip.made_from:
        clone.delete(branch, tip.sha)
    return Result("cleaned-up" if ours or tip else "nothing", "done")


def _message(reset: Reset, number: int) -> str:
    return f"{replies.title(reset, number)}\n\nThe proof is in the text of the pull request."
