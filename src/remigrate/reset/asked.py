"""Whether what is asked of a reset makes sense, before anything is read or run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.errors import UsageFailure
from remigrate.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

_SQUASH_ONLY = {
    "keep_replaced": ("--keep-replaced", "replaces nothing", "nothing to keep"),
    "guard": ("--no-guard", "writes no guard", "none to leave out"),
}
_BASE = "Say which migrations have landed: --base origin/main."


def demand_sense(options: Options, configured: Mapping[str, object]) -> None:
    """Raise `UsageFailure` where two wishes contradict each other, or one lacks another.

    `configured` is what ``[tool.remigrate]`` says, by attribute name: what was said for all runs
    gives way, and only what was said for this one is held against it.
    """
    said = _said(options, configured)
    _demand_labels(options)
    if options.finish:
        _demand_only_finish(options, said)
        return
    if options.strategy != "squash":
        _demand_no_squash(options.strategy, said)
    if options.strategy in ("rebase", "merge") and options.base is None:
        raise UsageFailure(f"--strategy {options.strategy} needs a base", _BASE)


def _said(options: Options, configured: Mapping[str, object]) -> set[str]:
    """The options that this run was given, as far as they differ from what they were anyway."""
    usual = Options()._replace(**configured)  # type: ignore[arg-type]
    pairs = zip(Options._fields, options, usual, strict=True)
    return {name for name, value, before in pairs if value != before}


def _demand_labels(options: Options) -> None:
    if options.all and options.app:
        raise UsageFailure(
            f"--all means every app, and {options.app[0]} is one of them",
            "Leave --all out, or the names.",
        )
    for app in options.app:
        if "/" in app or app in (".", ".."):
            raise UsageFailure(
                f"{app} is a folder, and reset takes labels of apps",
                f"Name the project's folder with --path {app}.",
            )
        if "," in app:
            apart = " ".join(filter(None, app.split(",")))
            raise UsageFailure(f"there is no app {app}", f"Put spaces between them: {apart}")


def _demand_only_finish(options: Options, said: set[str]) -> None:
    if "strategy" in said and options.strategy != "squash":
        raise UsageFailure(
            f"--finish ends a squash, and --strategy {options.strategy} begins something else",
            "Finish first; then reset once more.",
        )
    if "keep_replaced" in said:
        raise UsageFailure(
            "--finish removes what --keep-replaced keeps", "Leave one of the two out."
        )


def _demand_no_squash(strategy: str, said: set[str]) -> None:
    for name, (flag, why, what) in _SQUASH_ONLY.items():
        if name in said:
            raise UsageFailure(
                f"{flag} is for squash: --strategy {strategy} {why}, so there is {what}",
                f"Leave {flag} out, or choose --strategy squash.",
            )
