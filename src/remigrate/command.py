"""The command in a comment: its first line, read word by word. Pure.

What is not understood runs nothing: a word that somebody hoped for must not be dropped in silence.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from remigrate.outcome import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "/reset-migrations"
FLAGS = ("keep-replaced", "dry-run", "force", "help")
MOST_CHARACTERS = 2_000
"""Of the first line: a label of an app has 255 at most."""
_SHA = re.compile(r"[0-9a-f]{12,40}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


class Command(NamedTuple):
    """What somebody asks for."""

    apps: tuple[str, ...] = ()
    """Labels, in order; none for the apps that have findings, unless `all`."""
    all: bool = False
    strategy: Strategy | None = None
    """None for what suits: `squash`, or `rebase` where base has moved on."""
    sha: str = ""
    """The beginning of the commit that was looked at: 12 hexadecimal digits or more, or none."""
    keep_replaced: bool = False
    dry_run: bool = False
    force: bool = False
    help: bool = False


class Misunderstood(NamedTuple):
    """A command with words that mean nothing."""

    why: tuple[str, ...]
    """A sentence for each; the words in them are the commenter's."""


def is_command(body: str) -> bool:
    """Whether the first line of a comment calls us."""
    return first_line(body).split(maxsplit=1)[:1] == [NAME]


def first_line(body: str) -> str:
    """Without its line end, whichever GitHub sends."""
    return re.split(r"[\r\n]", body, maxsplit=1)[0]


def parse(body: str) -> Command | Misunderstood:
    """What the comment asks for."""
    line = first_line(body)
    if len(line) > MOST_CHARACTERS:
        return Misunderstood((f"The line is longer than {MOST_CHARACTERS:,} characters.",))
    found, wrong = Command(), list[str]()
    for word in line.split()[1:]:
        read = _read(found, word)
        if isinstance(read, Command):
            found = read
        else:
            wrong.append(read)
    wrong += [*_twice(line.split()[1:]), *_contradictions(found)]
    return Misunderstood(tuple(wrong)) if wrong else found


def _read(found: Command, word: str) -> Command | str:
    """The command with one more word, or why it cannot have it."""
    name, equals, value = word.partition("=")
    if equals:
        return _with_value(found, name, value)
    if word in FLAGS:
        flag: dict[str, Any] = {word.replace("-", "_"): True}
        return found._replace(**flag)
    if word == "all":
        return found._replace(all=True)
    labels = [label for label in word.split(",") if label]
    if labels and all(map(_LABEL.fullmatch, labels)):
        return found._replace(apps=tuple(dict.fromkeys((*found.apps, *labels))))
    return f"{word} is none of its words.{_meant(word, (*FLAGS, 'all'))}"


def _with_value(found: Command, name: str, value: str) -> Command | str:
    strategies = get_args(Strategy)
    if name == "strategy":
        for strategy in strategies:
            if value == strategy:
                return found._replace(strategy=strategy)
        return f"{value or 'nothing'} is no strategy: choose from {', '.join(strategies)}."
    if name == "sha":
        if _SHA.fullmatch(value):
            return found._replace(sha=value)
        return "sha= takes 12 or more digits of a commit's id, in lower case."
    if name in (*FLAGS, "all"):
        return f"{name} takes no value."
    return f"{name}= is none of its words.{_meant(name, ('strategy', 'sha'))}"


def _meant(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _twice(words: list[str]) -> list[str]:
    """Of two values nobody knows which is meant."""
    values: dict[str, dict[str, None]] = {"strategy": {}, "sha": {}}
    for name, _, value in (word.partition("=") for word in words if "=" in word):
        values.get(name, {})[value] = None
    return [
        f"{name}= is there twice: {' and '.join(given)}."
        for name, given in values.items()
        if len(given) > 1
    ]


def _contradictions(found: Command) -> list[str]:
    wrong = []
    if found.all and found.apps:
        wrong.append(f"all means every app, and {found.apps[0]} is one of them.")
    if found.keep_replaced and found.strategy not in (None, "squash"):
        wrong.append(f"keep-replaced is for squash: {found.strategy} replaces nothing.")
    return wrong
