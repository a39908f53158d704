"""The bot's whole story on a GitHub of our own, offline: two pull requests that collide, the
comment, the bot's pull request, its merge, and a green check."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from remigrate import bot, chatops, check, clone, demo_shop, errors, git, rehearsal, rules
from remigrate import event as events
from remigrate.console import painted
from remigrate.github import GitHub, Pace
from remigrate.local_github import events as payloads
from remigrate.local_github.records import BOT
from remigrate.local_github.server import LocalGitHub
from remigrate.memory import NoCache
from remigrate.reset import flow
from remigrate.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.console import Console
    from remigrate.git import Repository
    from remigrate.model import Report
    from remigrate.options import Options
    from remigrate.rehearsal import Voice

_ADA = "ada"
_ORDER = "/reset-migrations"
_AT_ONCE = Pace(between_writes=0.0)
_LINES = 24
"""Of a long text; the rest of it is counted."""


def run(say: Console, environ: Mapping[str, str]) -> int:
    """Tell the story. Returns an exit code."""
    with tempfile.TemporaryDirectory(prefix="remigrate-demo-") as folder:
        hub = LocalGitHub("octo/shop", folder=Path(folder) / "github")
        with hub:
            return Story(hub, folder, say, environ).tell()


def said(text: str) -> str:
    """`text` without marks that nobody sees."""
    lines = [line for line in text.splitlines() if not line.startswith("<!--")]
    return "\n".join(lines).rstrip()


class Story:
    """The two pull requests, and all that is said about them."""

    def __init__(
        self, hub: LocalGitHub, folder: str, say: Console, environ: Mapping[str, str]
    ) -> None:
        self._hub, self._folder, self._say = hub, folder, say
        kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
        self._environ = {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        token = hub.token({"contents": "write", "pull-requests": "write"})
        self._token = token
        self._client = GitHub(hub.url, hub.api_url, "octo/shop", token, _AT_ONCE)

    def tell(self) -> int:
        """From the first commit to the last comment. Returns an exit code."""
        state = self._hub.state
        self._line("A shop on GitHub. Ada and somebody else change its models on branches.", "bold")
        state.join(_ADA, "write")
        state.push("main", demo_shop.START, "A shop")
        state.push("discount", demo_shop.DISCOUNT, "Give discounts", by=_ADA, onto="main")
        state.push("main", demo_shop.STOCK, "Count the stock (#1)")
        number = state.open("discount", "main", "Discounts", by=_ADA).number
        self._line("The other branch is merged. The bot looks at Ada's pull request, and comments:")
        self._checked(number)
        self._line("Ada, who may write to the repository, answers:")
        self.quote(_ADA, _ORDER)
        said = state.comment(number, _ORDER, by=_ADA)
        result = self._carried_out(said.id)
        ours = state.pulls()[-1][0]
        self._line("It answers, and opens a pull request to Ada's branch:")
        self.quote(BOT, self._client.comments(number)[-1].body)
        self.quote(f"#{ours.number} {ours.title}", ours.body)
        self._line("Ada merges it. Her pull request is checked again, and the comment changes:")
        state.merge(ours.number, by=_ADA)
        report = self._checked(number)
        self._line("For your repository: examples/two-jobs.yml, as docs/bot.md tells.", "bold")
        is_told = result.decision == "pushed" and not report.findings
        return errors.OK if is_told else errors.BUG

    def _checked(self, number: int) -> Report:
        """Check a pull request, and keep the comment about it."""
        path = str(self._hub.state.repository.folder)
        _, pull = self._hub.state.pull(number)
        repository = git.open_repository(path, self._environ)
        question = check.Question(pull.head, base=pull.base)
        found = check.report(check.look(repository, question, NoCache()), rules.ALL)
        bot.report(self._client, number, pull.head, found)
        self.quote(BOT, self._client.comments(number)[0].body)
        return found

    def _carried_out(self, comment: int) -> chatops.Result:
        payload = payloads.issue_comment(self._hub.shapes, comment)
        event = events.read("issue_comment", payload)
        place = os.path.join(self._folder, "clone")
        ours = clone.Clone(place, f"{self._hub.url}/octo/shop", self._token, self._environ)
        try:
            bench = rehearsal.Bench(ours, ".", self._worked_out)
            tools = chatops.Tools(self._client, ours, bench.rehearse, Steps(lambda _: None))
            return chatops.carry_out(event, events.grants(event), tools, "")
        finally:
            ours.close()

    def _worked_out(
        self, repository: Repository, wanted: Options, answer: check.Answer, say: Voice
    ) -> flow.Worked:
        """Without a sandbox: the shop's code is our own."""
        del answer
        environ = {**self._environ, **repository.env}
        wanted = wanted._replace(python=sys.executable)
        return flow.worked_out(repository, wanted, environ, NoCache(), say)

    def _line(self, words: str, color: str = "") -> None:
        self._say.result(f"{self._paint(words, color) if color else words}\n\n")

    def quote(self, who: str, text: str) -> None:
        """Show what somebody says, without marks that nobody sees."""
        lines = said(text).splitlines()
        shown = lines[:_LINES]
        if len(lines) > _LINES:
            shown.append(f"… {len(lines) - _LINES} more lines")
        bar = self._paint("│", "dim")
        told = "".join(f"  {bar} {line}".rstrip() + "\n" for line in shown)
        self._say.result(f"  {self._paint(who, 'bold')}\n{told}\n")

    def _paint(self, words: str, color: str) -> str:
        return painted(words, color, self._say.colored)
