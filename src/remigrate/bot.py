"""GitHub's door for what is written there: the command in a comment, the clean-up, the comment
about a check."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from remigrate import chatops, clone, errors, handover, marks, rehearsal, untrusted
from remigrate.chatops import Result
from remigrate.github import LONGEST_BODY, GitHub
from remigrate.report import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from remigrate.event import Event, Grant
    from remigrate.handover import Handover
    from remigrate.model import Report

MODES = ("all", "plan", "apply")
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
) -> tuple[Result, str]:
    """Carry out the task ``command`` or ``clean-up``. `read` knows the inputs by their names.

    With the input `mode` half of it: what is planned comes back as text, or is read from the file
    `plan`.
    """
    assert event.number is not None
    mode = _mode(read)
    hub = hub_of(environ, read("token"))
    page = f"{environ['GITHUB_SERVER_URL']}/{environ['GITHUB_REPOSITORY']}"
    with tempfile.TemporaryDirectory(prefix="remigrate-bot-") as folder:
        ours = clone.Clone(os.path.join(folder, "clone"), page, read("token"), environ)
        work = rehearsal.Sandboxed(untrusted.inputs(read), environ)
        bench = rehearsal.Bench(ours, read("path") or ".", work)
        try:
            if grant.task == "clean-up":
                return chatops.clean_up(event.number, hub, ours), ""
            there = rehearsal.Planned(bench, plan) if mode == "apply" else bench
            tools = chatops.Tools(hub, ours, there.rehearse)
            if mode == "plan":
                return _planned(chatops.plan(event, grant, tools))
            run_url = f"{page}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}"
            return chatops.carry_out(event, grant, tools, run_url), ""
        finally:
            ours.close()


def _mode(read: Callable[[str], str]) -> str:
    mode = read("mode") or MODES[0]
    if mode not in MODES:
        raise errors.UsageFailure(f"the input mode is {mode}", f"Choose from: {', '.join(MODES)}.")
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


def report(hub: GitHub, number: int, head: str, found: Report) -> str:
    """Keep our one comment about the check true; why it was not touched, or nothing.

    There is none as long as there is nothing to say.
    """
    if hub.own_comment(number, marks.REPORT) is None and not found.findings:
        return "there is nothing to say"
    if hub.pull_request(number).head != head:
        return "the pull request has moved on, and a later run tells about it"
    conflict = any(each.severity == "error" for each in found.findings)
    below = f"{_HINT if conflict else ''}\n{marks.report(head)}\n"
    hub.say(number, marks.REPORT, markdown.render(found, LONGEST_BODY - len(below)) + below)
    return ""
