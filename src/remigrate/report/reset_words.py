"""What is said of a reset in every format: the verdict, the checks, what others have to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate.report.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from remigrate.outcome import Action, AppReset, Check, CheckName, How, Reset, Strategy, Verdict

MEANINGS: dict[CheckName, str] = {
    "graph": "Django loads the new files, no conflict and no circle",
    "state": "the migrations add up to the same models",
    "drift": "models and migrations agree",
    "fresh-schema": "an empty database gets the same schema",
    "fresh-data": "an empty database gets the same rows",
    "upgrade": "a database at base moves on and keeps its rows",
    "lagging": "a database behind base is stopped in time",
}
HOWS: dict[How, str] = {
    "compact": "written anew from what the models were at that point",
    "compact+tail": "written anew, then the hand-written operations in their old order",
    "faithful": "the old operations in their old order, optimized",
}
_DONE: dict[Action, str] = {"add": "added", "change": "changed", "delete": "deleted"}
SHORT = 12
"""Digits of a commit's id."""
LONGEST_WORD = 60
"""Django makes names of indexes into names of migrations, which nobody reads to their end."""
_IDLE: dict[Strategy, str] = {
    "squash": "Nothing to shorten",
    "rebase": "Nothing new to put on top of base",
    "merge": "Nothing to merge",
    "fresh": "Nothing to shorten",
}


class Instruction(NamedTuple):
    """What somebody else has to do, or may leave."""

    who: str
    text: str
    commands: tuple[str, ...] = ()
    """To be typed in this order; names in them are quoted for a shell."""


class Headline(NamedTuple):
    """What a reset came to."""

    outcome: Verdict
    """``skipped`` for whatever is not proved whole."""
    became: str
    proof: str
    """Empty when there was nothing to prove."""


def headline(reset: Reset) -> Headline:
    """How good it is, and the same in words."""
    if not reset.apps:
        if reset.refused:
            refused = counted(len(reset.refused), "app")
            return Headline("failed", f"Nothing was reset, {refused} refused", "")
        idle = "No squash to finish" if reset.finished else _IDLE[reset.strategy]
        return Headline("skipped", idle, "")
    became, proof = _became(reset), _proof(reset)
    results = [entry.result for entry in reset.proof if applies(reset, entry)]
    outcome = worst(results)
    if outcome == "proved" and (reset.refused or not results):
        outcome = "skipped"
    if reset.written:
        return Headline(outcome, became[:1].upper() + became[1:], proof)
    if reset.dry_run:
        return Headline(outcome, f"Dry run, nothing was written: {became}", proof)
    return Headline("failed", f"Nothing was written: {became}", proof)


def _became(reset: Reset) -> str:
    became = _shortened(reset) if shows_how(reset) else _moved_on(reset)
    return f"{became}, {counted(len(reset.refused), 'app')} refused" if reset.refused else became


def _shortened(reset: Reset) -> str:
    before, after = totals(reset.apps)
    would = "became" if reset.written else "would become"
    return f"{counted(before, 'migration')} of {counted(len(reset.apps), 'app')} {would} {after:,}"


def _moved_on(reset: Reset) -> str:
    are = "are" if reset.written else "would be"
    of_apps = f"of {counted(len(reset.apps), 'app')}"
    if reset.finished:
        return f"the squashes {of_apps} {are} plain migrations"
    if reset.strategy == "merge":
        return f"the leaves {of_apps} {are} merged"
    return f"the new migrations {of_apps} {are} on top of base"


def shows_how(reset: Reset) -> bool:
    """Whether histories were written anew, so that there is more than one way to do it."""
    return reset.strategy in ("squash", "fresh") and not reset.finished


def method(reset: Reset) -> str:
    """What was asked for, in one word."""
    return "finish" if reset.finished else reset.strategy


def applies(reset: Reset, entry: Check) -> bool:
    """Whether a check is one that this reset could have been held to at all."""
    if entry.result != "skipped" or entry.check not in ("upgrade", "lagging"):
        return True
    if reset.strategy == "fresh":
        return False
    return entry.check == "upgrade" or reset.guarded or reset.kept


def _proof(reset: Reset) -> str:
    results = [entry.result for entry in reset.proof if applies(reset, entry)]
    if not results:
        return "unproved, no check ran"
    checks, idle = counted(len(results), "check"), len(reset.proof) - len(results)
    beside = f", {idle} {'does' if idle == 1 else 'do'} not apply" if idle else ""
    if results.count("proved") == len(results):
        return f"proved by {checks}{beside}"
    order: tuple[Verdict, ...] = ("failed", "differs", "skipped", "proved")
    said = [f"{results.count(result)} {result}" for result in order if result in results]
    return f"{checks}: {listed(said)}{beside}"


def worst(results: Iterable[Verdict]) -> Verdict:
    """The result that counts for all of them; proved when there is none."""
    found = set(results)
    order: tuple[Verdict, ...] = ("failed", "differs", "skipped")
    return next((result for result in order if result in found), "proved")


def said(entry: Check, applies: bool = True) -> str:
    """What there is to say of one check in a few words."""
    if entry.result == "proved":
        return entry.why or MEANINGS.get(entry.check, "")
    found = counted(len(entry.differences), "difference") if entry.differences else ""
    result = entry.result if applies else "does not apply"
    return f"{result}: {entry.why or found}".rstrip(": ")


def cut(text: str) -> str:
    """`text` without the middle of its longest words."""
    import re

    head, tail = LONGEST_WORD // 2, LONGEST_WORD // 2 - 1
    return re.sub(
        rf"\S{{{LONGEST_WORD + 1},}}", lambda found: f"{found[0][:head]}…{found[0][-tail:]}", text
    )


def totals(apps: tuple[AppReset, ...]) -> tuple[int, int]:
    """Migrations before and after, of all apps together."""
    return sum(app.before for app in apps), sum(app.after for app in apps)


def took(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``2 min 5 s``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60:,} min {whole % 60} s"


def faster(before: float, after: float) -> str:
    """How the two times compare."""
    if after <= 0 or before <= 0 or 0.95 < before / after < 1.05:
        return "about the same"
    if before > after:
        return f"{before / after:.1f} times faster"
    return f"{after / before:.1f} times slower"


def files(reset: Reset) -> str:
    """How many files were added, changed and deleted; empty without any."""
    actions = [file.action for file in reset.files]
    words = [
        (actions.count(action), done if reset.written else f"to {action}")
        for action, done in _DONE.items()
        if action in actions
    ]
    if len(words) == 1:
        return f"{counted(len(actions), 'file')} {words[0][1]}"
    said = [f"{number:,} {word}" for number, word in words]
    return f"{counted(len(actions), 'file')}: {listed(said)}" if said else ""


def instructions(reset: Reset) -> list[Instruction]:
    """What to tell deployers and teammates. Empty where there is nothing that they could get."""
    if not reset.apps or not (reset.written or reset.dry_run):
        return []
    if reset.finished:  # whatever strategy is configured
        told = [*_FINISHED]
    else:
        told = {"squash": _squashed, "fresh": _fresh}.get(reset.strategy, _moved)(reset)
    stale = [app for app in reset.apps if app.renewed and reset.strategy != "fresh"]
    if stale:
        told.append(_step_back(stale))
    return [*told, *(Instruction("Everybody", text) for text in reset.advice)]


def _squashed(reset: Reset) -> list[Instruction]:
    if reset.kept:
        return _KEPT
    return [_first(reset), _guard(reset), _AS_USUAL, _BRANCHES]


def _first(reset: Reset) -> Instruction:
    commit = reset.base or reset.start
    named = f"commit `{commit[:SHORT]}`" if commit else "the commit before this reset"
    return Instruction(
        "Deployers",
        f"Every database must have been deployed with {named} first: all its migrations applied. "
        "`python manage.py migrate --check` of that commit says so with exit code 0.",
    )


def _guard(reset: Reset) -> Instruction:
    if reset.guarded:
        return Instruction(
            "Deployers",
            "A guard stops `migrate` on a database that is behind, before anything was changed, "
            "and names what to deploy first. Django may stop even before it, with a ValueError, "
            "where models of other apps point to those that are behind.",
        )
    return Instruction(
        "Deployers",
        "There is no guard. On a database that is behind, Django skips the squash in silence: "
        "`migrate` ends with exit code 0, and the missing tables and columns never come.",
    )


_AS_USUAL = Instruction(
    "Deployers",
    "Then run `migrate` as usual. It records the squash and runs nothing of it again.",
)
_KEPT = [
    Instruction(
        "Deployers",
        "Run `migrate` as usual. A database that is behind goes through the replaced files, which "
        "are still there; one that is not only records the squash.",
    ),
    Instruction(
        "Deployers",
        "Once every database has recorded the squash, remove what it replaced:",
        ("remigrate reset --finish",),
    ),
]
_FINISHED = [
    Instruction(
        "Deployers",
        "Deploy this where every database has recorded the squash: `migrate` ran there since the "
        "squash was deployed. For all others the squash is a new migration, and `migrate` fails on "
        "tables that are there already.",
    ),
    Instruction(
        "Deployers",
        "Run `migrate` as usual. The squash is a plain migration now, which is applied there "
        "already: nothing of it runs.",
    ),
]
_BRANCHES = Instruction(
    "Teammates",
    "An open branch that adds migrations: merge this into it, then put its own on top:",
    ("remigrate reset --strategy rebase --base BRANCH",),
)


def _fresh(reset: Reset) -> list[Instruction]:
    return [
        Instruction(
            "Deployers",
            "Without `replaces`, `migrate` cannot tell what is there: it skips in silence what has "
            "the name of an old migration, and fails on tables that the others would make a second "
            "time. So a database that is to be kept has to be brought along. Everything that the "
            "old files do must be applied there. Then, with these files and before `migrate`:",
            ("remigrate db sync", "remigrate db sync --apply"),
        ),
        Instruction(
            "Teammates",
            "The same for a development database. Or drop it, make it anew and migrate it:",
            ("remigrate db recreate --apply",),
        ),
    ]


def _moved(reset: Reset) -> list[Instruction]:
    return [
        Instruction(
            "Deployers",
            "Run `migrate` as usual. Nothing that has landed was touched, so no database has to be "
            "deployed with anything first.",
        )
    ]


def _step_back(stale: list[AppReset]) -> Instruction:
    return Instruction(
        "Teammates",
        "A database that has applied the new migrations of this branch as they were knows names "
        "that are gone. Step back before pulling, while the old files are there; or drop the "
        "database and make it anew:",
        tuple(
            f"python manage.py migrate {_quoted(app.label)} {_quoted(app.landed or 'zero')}"
            for app in stale
        ),
    )


def _quoted(name: str) -> str:
    # Whoever named a migration must not decide what a teammate's shell does.
    import shlex

    return shlex.quote(name)
