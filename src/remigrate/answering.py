"""The answer to an order: one comment, edited in its place, and a reaction to the order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from remigrate import marks
from remigrate.report import replies

if TYPE_CHECKING:
    from remigrate.github import Comment, GitHub, Reaction

_BETWEEN_EDITS = 5.0
"""Seconds between two edits, while it runs."""


class Answer:
    """Our one comment about an order, edited in its place."""

    def __init__(self, hub: GitHub, number: int, order: int, run_url: str) -> None:
        self._hub, self._number, self._order, self._run_url = hub, number, order, run_url
        self._comment: Comment | None = None
        self._said = 0.0

    def progress(self, step: str) -> None:
        """Tell how far it is; not for every step, as GitHub counts what is written."""
        now = time.monotonic()
        if now - self._said >= _BETWEEN_EDITS or not self._comment:
            self._said = now
            self._write(replies.started(self._run_url, step), marks.reply(self._order))

    def end(self, words: str, reaction: Reaction, mark: str = "") -> None:
        """The last word."""
        self._write(words, mark or marks.reply(self._order))
        self._hub.react(self._order, reaction, instead_of="eyes")

    def _write(self, words: str, mark: str) -> None:
        body = f"{words.rstrip()}\n\n{mark}\n"
        if self._comment and mark in self._comment.body:
            self._comment = self._hub.change(self._comment, body)
        else:
            self._comment = self._hub.say(self._number, mark, body)
