"""GitHub's door for what is written there: the command in a comment, the clean-up, the comment
about a check, and the lines that it suggests."""

from __future__ import annotations

import itertools
import os
import tempfile
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from remigrate import chatops, clone, errors, handover, marks, rehearsal, suggesting, untrusted
from remigrate.chatops import Result
from remigrate.github import LONGEST_BODY, GitHub
from remigrate.model import Finding
from remigrate.options import demand_choice
from remigrate.report import markdown, replies
from remigrate.rules import drift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from remigrate.event import Event, Grant
    from remigrate.handover import Handover
    from remigrate.model import Report
    from remigrate.steps import Steps
    from remigrate.suggesting import Suggestion

MODES = ("all", "plan", "apply")
MOST_SUGGESTIONS = 3
"""Each is a mail to everybody who follows the pull request."""
_HINT = (
    "\nTo have the migrations put right by the bot, comment `/reset-migrations`; "
    "`/reset-migrations help` tells more.\n"
)


def run(
    event: Event,
    grant: Grant,
    read: Callable[[str], str],
    environ: Mapping[str, str],
    plan: str,
    steps: Steps,
) -> tuple[Result, str]:
    """Carry out the task ``command`` or ``clean-up``. `read` knows the inputs by their names.

    With the input `mode` half of it: what is planned comes back as text, or is read from the file
    `plan`.
    """
    assert event.number is not None
    mode = _mode(read)
    hub = hub_of(environ, read("token"))
    with clone_of(environ, read("token")) as ours:
        work = rehearsal.Sandboxed(untrusted.inputs(read), environ)
        bench = rehearsal.Bench(ours, read("path") or ".", work)
        if grant.task == "clean-up":
            return chatops.clean_up(event.number, hub, ours), ""
        there = rehearsal.Planned(bench, plan) if mode == "apply" else bench
        tools = chatops.Tools(hub, ours, there.rehearse, steps, read("label"), forks=mode != "all")
        if mode == "plan":
            return _planned(chatops.plan(event, grant, tools))
        run_url = f"{_page(environ)}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}"
        return chatops.carry_out(event, grant, tools, run_url), ""


@contextmanager
def clone_of(environ: Mapping[str, str], token: str) -> Iterator[clone.Clone]:
    """A clone of the repository that the job runs for, while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="remigrate-bot-") as folder:
        ours = clone.Clone(os.path.join(folder, "clone"), _page(environ), token, environ)
        try:
            yield ours
        finally:
            ours.close()


def _page(environ: Mapping[str, str]) -> str:
    return f"{environ['GITHUB_SERVER_URL']}/{environ['GITHUB_REPOSITORY']}"


def _mode(read: Callable[[str], str]) -> str:
    mode = read("mode") or MODES[0]
    demand_choice("mode", mode, MODES)
    return mode


def _planned(found: Handover | None) -> tuple[Result, str]:
    if found is None:
        return Result("nothing", "nothing-to-do"), ""
    return Result("planned", "failed" if found.failed else "done"), handover.encoded(found)


def hub_of(environ: Mapping[str, str], token: str) -> GitHub:
    """The repository that the job runs for. Raises `UsageFailure` without a token."""
    if not token:
        raise errors.UsageFailure(
            "there is no token to write with", "Leave the input token as it is, or give one."
        )
    names = ("GITHUB_SERVER_URL", "GITHUB_API_URL", "GITHUB_REPOSITORY")
    server, api, repository = (environ[name] for name in names)
    return GitHub(server, api, repository, token)


def report(
    hub: GitHub,
    number: int,
    head: str,
    found: Report,
    offered: Iterable[Suggestion] = (),
    *,
    again: bool = False,
) -> str:
    """Keep our one comment about the check true, and our suggestions; why they were not touched,
    or nothing.

    There are none as long as there is nothing to say. `again`: the commit was checked before, now
    none of its code was run, and what our comment says of drift still stands.
    """
    there = hub.own_comment(number, marks.REPORT)
    told = marks.reported(there.body) if there else marks.Reported()
    said = _fingerprint(found)
    if again and told.head == head:
        if told.said == said:
            return "the comment says so already"
        found = found._replace(findings=(*found.findings, *map(_standing, told.drift)))
    if there is None and not found.findings:
        return "there is nothing to say"
    now = hub.pull_request(number)
    if not now.is_open:
        return "the pull request is closed"
    if now.head != head:
        return "the pull request has moved on, and a later run tells about it"
    conflict = any(each.severity == "error" for each in found.findings)
    mark = marks.report(head, said, _drifted(found.findings))
    below = f"{_HINT if conflict else ''}\n{mark}\n"
    hub.say(number, marks.REPORT, markdown.render(found, LONGEST_BODY - len(below)) + below)
    _suggest(hub, number, head, offered)
    return ""


def _suggest(hub: GitHub, number: int, head: str, offered: Iterable[Suggestion]) -> None:
    """Have our suggestions, and none but those, on lines that the diff shows.

    One that does not hold any more is deleted, as whoever commits it would break something, and an
    open conversation can stand in the way of a merge. One that was committed, or whose line was
    changed by hand, GitHub folds by itself; it stays as a trace. None is made twice.
    """
    there = hub.own_remarks(number, marks.SUGGESTION)
    wanted = _placed(offered, hub.patches(number)) if (offered := tuple(offered)) else {}
    for remark in there:
        if remark.line is not None and not any(mark in remark.body for mark in wanted):
            hub.unremark(remark)
    for mark, each in wanted.items():
        if not any(mark in remark.body for remark in there):
            words = replies.suggestion(each.finding, each.fix, each.line.after, each.left, mark)
            hub.remark(number, mark, words, (head, each.finding.path, each.line.number))


def _placed(
    offered: Iterable[Suggestion], patches: Mapping[str, tuple[str, str]]
) -> dict[str, Suggestion]:
    """By their marks, those about a line that the diff shows, in a file that is as we read it."""
    placed: dict[str, Suggestion] = {}
    for each in offered:
        path, line = each.finding.path, each.line
        blob, patch = patches.get(path, ("", ""))
        if blob == each.blob and line.number in suggesting.shown(patch):
            placed.setdefault(marks.suggestion(path, line.before, line.after), each)
    return dict(itertools.islice(placed.items(), MOST_SUGGESTIONS))


def _fingerprint(found: Report) -> str:
    """The same for reports that say the same of the migrations, whatever the commits are."""
    said = [each for each in found.findings if each.code != drift.CODE]
    return sha256(ascii((said, found.unread)).encode()).hexdigest()[:32]


def _drifted(findings: Iterable[Finding]) -> list[str]:
    wrong = [each for each in findings if each.code == drift.CODE and each.severity == "error"]
    return list(dict.fromkeys(each.app for each in wrong))


def _standing(label: str) -> Finding:
    """What was found when the project's own Django was asked."""
    said = f"The models of {label} were ahead of its migrations when this commit was checked."
    hint = f"`python manage.py makemigrations {label}`"
    return Finding(drift.CODE, drift.NAME, drift.SEVERITY, label, "", 0, 0, said, hint)
