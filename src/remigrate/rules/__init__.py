"""Every rule, in the order of its code. To add one: a file, its test, a line in `ALL`, a
changelog line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from remigrate.rules import (
    bad_replaces,
    cycle,
    dangling_dependency,
    drift,
    duplicate_number,
    ignored,
    inserted_before_landed,
    landed_edited,
    landed_removed,
    multiple_leaves,
    not_a_package,
    pull_request_collision,
    unguarded_squash,
    unreadable,
    unstaged,
    untracked,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from remigrate.facts import Facts
    from remigrate.model import Finding, RuleInfo, Severity


class Rule(Protocol):
    """What a module of this package provides."""

    CODE: str
    NAME: str
    SEVERITY: Severity
    __doc__: str | None

    def check(self, facts: Facts) -> Iterable[Finding]: ...


ALL: tuple[Rule, ...] = (
    multiple_leaves,
    dangling_dependency,
    cycle,
    duplicate_number,
    bad_replaces,
    unreadable,
    not_a_package,
    inserted_before_landed,
    landed_removed,
    landed_edited,
    unguarded_squash,
    drift,
    untracked,
    ignored,
    unstaged,
    pull_request_collision,
)

ABOUT_FILES: tuple[Rule, ...] = (untracked, ignored, unstaged)
"""Rules about the files on disk; they matter when a commit is about to be made."""

NEEDS_THE_PROJECT: Rule = drift
"""The rule that the project's own code has to run for."""

NEEDS_OTHERS: Rule = pull_request_collision
"""The rule that other open pull requests have to be looked at for."""


def chosen(select: Iterable[str], ignore: Iterable[str]) -> tuple[Rule, ...]:
    """The rules that `select` names (all, when it is empty) without those that `ignore` names."""
    wanted, unwanted = tuple(select), tuple(ignore)
    return tuple(
        rule for rule in ALL if (not wanted or _named(rule, wanted)) and not _named(rule, unwanted)
    )


def _named(rule: Rule, words: Iterable[str]) -> bool:
    return any(word == rule.NAME or rule.CODE.startswith(word) for word in words)


def is_known(word: str) -> bool:
    """Whether `word` is a rule's code, the beginning of one, or a rule's name."""
    return bool(word) and any(_named(rule, (word,)) for rule in ALL)


def described() -> tuple[RuleInfo, ...]:
    """What the docstring of each rule says: what it is, why it hurts, how to fix it."""
    from remigrate.model import RuleInfo

    return tuple(
        RuleInfo(rule.CODE, rule.NAME, rule.SEVERITY, *_told(rule.__doc__)) for rule in ALL
    )


def _told(docstring: str | None) -> tuple[str, str]:
    assert docstring is not None
    summary, _, rest = docstring.partition("\n\n")
    return " ".join(summary.split()), rest.strip()
