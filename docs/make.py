"""Makes what can be made: the rules' page, the README's pictures and tables, what shells complete.

``python docs/make.py`` writes them. A test holds them equal to what the code says.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import shtab
import yaml

from remigrate import arguments, console, demo_bot, git, memory, parsing, rules
from remigrate.local_github.server import LocalGitHub
from remigrate.options import Options
from remigrate.report import replies, reset_text
from remigrate.reset import flow

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from docs import recording  # noqa: E402
from docs.recording import COMMIT  # noqa: E402
from tests.reset.store import ORDERS, Bookshop, migration  # noqa: E402 # from the top

if TYPE_CHECKING:
    from collections.abc import Callable

_INTRODUCTION = """\
# Rules

What Remigrate finds, why it hurts and how to fix it. This page is made from the rules themselves by
`python docs/make.py`.

`--select` and `--ignore` (and the keys of the same names in `[tool.remigrate]`) take codes,
beginnings of codes, and names: `--ignore RM104`, `--select RM1,landed-edited`.

| Code | Rule | Severity | Says |
|---|---|---|---|
"""


def rules_page() -> str:
    """The page of the rules."""
    infos = rules.described()
    rows = [
        f"| [{i.code}](#{i.code.lower()}-{i.name}) | {i.name} | {i.severity} | {i.summary} |\n"
        for i in infos
    ]
    sections = [
        f"\n## {i.code} {i.name}\n\n{i.summary}\n\n{_emphasised(i.help_text)}\n" for i in infos
    ]
    return _INTRODUCTION + "".join(rows + sections)


def _emphasised(text: str) -> str:
    return re.sub(r"^(Why it hurts|How to fix):", r"**\1:**", text, flags=re.MULTILINE)


def proof() -> str:
    """What a terminal shows of ``remigrate reset --all``, without the files, and without what is
    another each time or with another Django."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Bookshop.open(Path(folder) / "bookshop")
        shop.write("orders/models.py", f"{ORDERS}    note = models.TextField(default='')\n")
        note = 'migrations.AddField("order", "note", models.TextField(default=""))'
        shop.write("orders/migrations/0003_note.py", migration([("orders", "0002_amount")], [note]))
        shop.commit("Take notes")
        options = Options(path=str(shop.path), all=True, python=sys.executable)
        quiet = console.Console("never", {}, io.StringIO(), io.StringIO())
        repository = git.open_repository(options.path, os.environ)
        found = flow.run(repository, options, os.environ, memory.NoCache(), quiet)
    checks = tuple(
        check._replace(
            database=check.database and check.database.partition(" ")[0],
            seconds=0.0,
            notes=check.notes if check.check == "fresh-schema" else (),
            why=check.why.replace(str(found.start)[:12], COMMIT),
        )
        for check in found.proof
    )
    stable = found._replace(proof=checks, times=(), start=COMMIT, files=())
    told = reset_text.render(stable, lambda text, color: console.painted(text, color, True))
    prompt = console.painted("$", "dim", True)
    return f"{prompt} remigrate reset --all\n\n{told}"


class _Kept(demo_bot.Story):
    """The story of ``remigrate demo --bot``, with all that is said in it."""

    texts: tuple[tuple[str, str], ...] = ()

    def quote(self, who: str, text: str) -> None:
        self.texts += ((who, demo_bot.said(text)),)


def bot_page() -> str:
    """What the bot writes, as GitHub shows it."""
    with tempfile.TemporaryDirectory() as folder:
        hub = LocalGitHub("octo/shop", folder=Path(folder) / "github")
        quiet = console.Console("never", {}, io.StringIO(), io.StringIO())
        with hub:
            story = _Kept(hub, folder, quiet, os.environ)
            story.tell()
    told = [text for who, text in story.texts if who != "ada"]
    titles = (
        "The comment about a check",
        "The answer to `/reset-migrations`",
        "The pull request of the bot",
        "The comment about the check, once that is merged",
    )
    parts = [*zip(titles, told, strict=True), *_ANSWERS.items()]
    page = "".join(f"\n## {title}\n\n{_quoted(text)}\n" for title, text in parts)
    return _BOT_SAYS + _stable(page)


_BOT_SAYS = """\
# What the bot says

The texts of `remigrate demo --bot`, whole, and the other answers. This page is made by
`python docs/make.py`; ids of commits stand for others, and seconds are left out.
"""
_RUN = "https://github.com/octo/shop/actions/runs/1"
_LINE = "/reset-migrations shop"
_ANSWERS = {
    "While it runs": replies.started(_RUN, "The project's environment is built."),
    "A word that means nothing": replies.misunderstood(["`strategy=squish`: not a strategy"]),
    "Somebody who may not write": replies.not_allowed("grace"),
    "A pull request from another repository": replies.from_fork("remigrate reset --all"),
    "Nobody has looked at this commit": replies.which_commit(COMMIT, _LINE),
    "The pull request has moved on": replies.moved(COMMIT, "9c1d33b7e0a4"),
    "Base has more migrations": replies.behind("main", ["shop.0004_stock"]),
    "Somebody else's commit on the bot's branch": replies.human("remigrate/pr-1", _LINE),
    "Something is missing": replies.failed(
        "the project's environment cannot be built", "uv: no lock file was found", "", _RUN
    ),
    "The job was cancelled": replies.stopped(""),
    "The pull request is closed": replies.closed(),
}
"""What is said outside the story, by when."""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.rstrip().splitlines())


def _stable(page: str) -> str:
    """The page without what is another each time."""
    ids: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        short = match[0][:12]
        digit = f"{len(ids) + 1:x}"
        return (ids.setdefault(short, digit * 12) * 4)[: len(match[0])]

    page = re.sub(r"\b[0-9a-f]{12}(?:[0-9a-f]{28})?\b", named, page)
    return re.sub(r"(?<=\| )`(\w+) [\d.]+` \| (?:[\d.]+)? ?\|", r"`\1` |  |", page)


PICTURES: dict[str, Callable[[], str]] = {
    "proof.svg": lambda: recording.picture(proof(), "remigrate reset"),
    "session.svg": lambda: recording.film(recording.session(), "a conflict, and the way out"),
}
"""By the name of the file."""


def readme() -> str:
    """The README, its tables made anew from ``action.yml``."""
    action = yaml.safe_load((DOCS.parent / "action.yml").read_text())
    text = (DOCS.parent / "README.md").read_text()
    for kind, title in (("inputs", "Input"), ("outputs", "Output")):
        rows = [
            f"| `{name}` | {each['description'].strip()} |" for name, each in action[kind].items()
        ]
        table = "\n".join([f"| {title} | |", "|---|---|", *rows])
        start, end = f"<!-- {kind}: made by docs/make.py -->\n", f"\n<!-- end of {kind} -->"
        before, _, rest = text.partition(start)
        text = f"{before}{start}{table}{end}{rest.partition(end)[2]}"
    return text


COMPLETIONS = DOCS.parent / "src/remigrate/completions"
_PLACES = {
    "config": shtab.FILE,
    "manage": shtab.FILE,
    "output": shtab.FILE,
    "path": shtab.DIRECTORY,
    "python": shtab.FILE,
}
"""What stands for a file or a folder, by attribute. Not revisions: bash would run what stands in
the name of a branch."""


def completion(shell: str) -> str:
    """What has a shell complete the command line."""
    program = arguments.parser()
    _tell_places(program)
    return str(shtab.complete(program, shell))


def _tell_places(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if action.dest in _PLACES:
            action.complete = _PLACES[action.dest]  # type: ignore[attr-defined]
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _tell_places(command)


def main() -> None:
    """Write everything that is made."""
    for shell in parsing.SHELLS:
        (COMPLETIONS / f"remigrate.{shell}").write_text(completion(shell))
    (DOCS / "rules.md").write_text(rules_page())
    (DOCS / "bot-says.md").write_text(bot_page())
    for name, made in PICTURES.items():
        (DOCS / name).write_text(made())
    (DOCS.parent / "README.md").write_text(readme())


if __name__ == "__main__":
    main()
