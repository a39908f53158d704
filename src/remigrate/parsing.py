"""A parser that says what is wrong in one line, and which word may have been meant."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from remigrate.errors import UsageFailure
from remigrate.options import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHELLS = ("bash", "zsh", "fish")
"""Those that can complete the command line."""


class Parser(argparse.ArgumentParser):
    """Raises `UsageFailure` for what it does not know."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """A command's own parser tells what it does not know, and so names its own help."""
        first = (args or [""])[0]
        if self._subparsers and first.startswith("--") and not self._knows(first):
            self._unrecognized([first])  # before the command is missed
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._unrecognized(unknown)
        return found, unknown

    def error(self, message: str) -> None:  # type: ignore[override]
        self._refuse(message)

    def _knows(self, word: str) -> bool:
        return word.partition("=")[0] in self._option_string_actions

    def _unrecognized(self, words: Sequence[str]) -> NoReturn:
        meant = None
        if words[0].startswith("--"):
            here = [("", self), *((f"{name} ", parser) for name, parser in _commands(self))]
            options = {
                word.lstrip("-"): f"{before}{word}"
                for before, parser in reversed(here)  # the first one that has it counts
                for word in parser._option_string_actions
            }
            near = nearest(words[0].partition("=")[0].lstrip("-"), options)
            meant = options[near] if near else None
        self._refuse(f"unrecognized arguments: {' '.join(words)}", meant)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            names = {str(choice): str(choice) for choice in action.choices or ()}
            if isinstance(action, argparse._SubParsersAction):
                names |= {word: f"{name} {word}" for name, parser in _commands(self)
                          for word, _ in _commands(parser)}  # fmt: skip
            near = nearest(str(value), names)
            self._refuse(str(error), names[near] if near else None)

    def _refuse(self, message: str, meant: str | None = None) -> NoReturn:
        question = f"Did you mean {meant}? " if meant else ""
        raise UsageFailure(message, f"{question}{self.prog} --help tells more.")


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


class PrintCompletion(argparse.Action):
    """Prints the file that `docs/make.py` has made of the parser, and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        folder = os.path.join(os.path.dirname(__file__), "completions")
        with open(os.path.join(folder, f"remigrate.{values}"), encoding="utf-8") as file:
            parser._print_message(file.read(), sys.stdout)
        parser.exit()
