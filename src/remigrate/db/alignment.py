"""Which rows of django_migrations would say what a database's tables show. Pure.

Nothing is guessed. Code in migrations leaves nothing that a schema shows; so where it is not known
whether it has run, and it matters, that is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate.db.standing import is_mark
from remigrate.report.words import dotted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from remigrate.db.places import Gap, Group, Objects, Step
    from remigrate.db.standing import Name, Row, Standing

_MOST = 5
"""Differences that are told of one app."""


class Wanted(NamedTuple):
    """What the user said."""

    apps: frozenset[str] = frozenset()
    """Labels; all of them when empty."""
    applied: frozenset[Name] = frozenset()
    """Migrations whose code has run."""
    pending: frozenset[Name] = frozenset()
    """Migrations that are to run."""
    accept: bool = False
    """Whether rows may be written although the tables are not what the migrations build."""


class Walked(NamedTuple):
    """What the files on disk build."""

    groups: tuple[Group, ...]
    extras: Mapping[Name, tuple[Name, ...]]
    """Squashes that are recorded as soon as all of these are."""
    tables: frozenset[str]
    """All that a migration ever made, or that belong to a model that Django does not manage."""


class Verdict(NamedTuple):
    """What comes of one group of apps."""

    labels: tuple[str, ...]
    recorded: int
    """How many of its migrations the rows call applied, before the first that they do not."""
    place: int
    """How many of them the tables hold."""
    reached: Name | None
    """The last of those."""
    insert: tuple[Name, ...] = ()
    delete: tuple[Row, ...] = ()
    differences: tuple[str, ...] = ()
    """Where the tables are not what the migrations build; nothing can be written then."""
    unlike: tuple[str, ...] = ()
    """The same where the rows are in order, so that there is nothing to write; to be put right by
    other means."""
    refused: tuple[str, ...] = ()
    """Why else nothing can be written."""
    questions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether its rows are others than they should be."""
        return bool(self.insert or self.delete)

    @property
    def is_open(self) -> bool:
        """Whether something keeps it from being written."""
        return bool(self.differences or self.refused or self.questions)


def align(
    rows: Sequence[Row], standing: Standing, walked: Walked, live: Objects, wanted: Wanted
) -> tuple[Verdict, ...]:
    """One verdict for each group that has something to tell."""
    recorded = {row.name for row in rows}
    emptied = not recorded and bool(walked.tables & live.keys())
    judges = [
        _Judge(group, rows, recorded, emptied, standing, wanted)
        for group in walked.groups
        if not wanted.apps or wanted.apps & group.labels
    ]
    verdicts = [_with_rows(judge, walked, live) for judge in judges]
    if not any(verdict.is_open for verdict in verdicts):
        applied = _applied(walked, recorded, judges, verdicts)
        verdicts = [
            verdict._replace(refused=tuple(_out_of_order(judge.group, verdict, applied)))
            for judge, verdict in zip(judges, verdicts, strict=True)
        ]
    return tuple(
        each for each in verdicts if each.changes or each.is_open or each.unlike or each.warnings
    )


def _applied(
    walked: Walked,
    recorded: Collection[Name],
    judges: Iterable[_Judge],
    verdicts: Iterable[Verdict],
) -> set[Name]:
    """What would be, were these rows written."""
    steps = [step for group in walked.groups for step in group.steps]
    found = {step.name for step in steps if _is_recorded(step, recorded)}
    for judge, verdict in zip(judges, verdicts, strict=True):
        names = [step.name for step in judge.group.steps]
        found = (found - set(names)) | set(names[: verdict.place])
    return found


def _out_of_order(group: Group, verdict: Verdict, applied: Collection[Name]) -> Iterable[str]:
    """The pairs that Django would call inconsistent, were the rows so."""
    for step in group.steps[: verdict.place]:
        for need in step.needs:
            if need not in applied:
                yield (
                    f"{dotted(step.name)} is applied, and depends on {dotted(need)}, which is not,"
                    " as the tables show"
                )


def _is_recorded(step: Step, recorded: Collection[Name]) -> bool:
    """As Django sees it: a squash is applied when all that it replaces is."""
    replaced = [name for name in step.rows if name != step.name and not is_mark(name[1])]
    return all(name in recorded for name in replaced or [step.name])


class _Judge:
    """Finds the place of one group."""

    def __init__(
        self,
        group: Group,
        rows: Sequence[Row],
        recorded: Collection[Name],
        emptied: bool,
        standing: Standing,
        wanted: Wanted,
    ) -> None:
        """`emptied`: there are tables, and no row at all."""
        self.group, self.wanted = group, wanted
        self.rows = [row for row in rows if row.name[0] in group.labels]
        self._flags = flags = [_is_recorded(step, recorded) for step in group.steps]
        self.recorded = flags.index(False) if False in flags else len(flags)
        self.ghosts = [row for row in standing.ghosts if row.name[0] in group.labels]
        lags = [lag.squash for lag in standing.lagging if lag.gone]
        apart = {name for pair in standing.out_of_order for name in pair} | set(lags)
        self.in_disorder = bool(
            self.ghosts
            or emptied
            or any(name[0] in group.labels for name in apart)
            or any(flags[self.recorded :])
        )
        self.replaced = not any(flags) and bool(self.ghosts or emptied)
        """Whether the rows tell nothing of these migrations, since they told of others."""

    def verdict(self) -> Verdict:
        """The place, and what keeps it from being taken."""
        fits = [at for at in range(len(self.group.steps) + 1) if self.group.fits(at)]
        if not fits:
            return self._unlike()
        if self.replaced:
            low, high = self.group.run(fits[-1])
            shown = bool(self.ghosts or low)
            return self._taken(high if shown else low, low, high, has_run=shown)
        if self.group.fits(self.recorded):
            low, high = self.group.run(self.recorded)
            return self._taken(self._recorded_until(self.recorded, high), low, high)
        low, high = self.group.run(fits[-1])
        if high < self.recorded:
            return self._taken(high, low, high)
        return self._taken(self._recorded_until(low, high), low, high)

    def _recorded_until(self, low: int, high: int) -> int:
        """The last of these places whose migration has a row; `low` where none has."""
        return max([low, *(at for at in range(low + 1, high + 1) if self._flags[at - 1])])

    def _unlike(self) -> Verdict:
        """The tables are those of no place."""
        words = _words(self.group.gaps[self.group.nearest])
        if self.wanted.accept and (self.in_disorder or self.wanted.apps):
            place = len(self.group.steps) if self.replaced else self.recorded
            return self._at(place, warnings=words)
        if self.in_disorder or self.wanted.apps:
            return self._at(self.recorded)._replace(differences=words)
        gaps = self.group.gaps[self.recorded]
        if all(gap.is_more for gap in gaps):
            return self._at(self.recorded, warnings=_words(gaps))
        return self._at(self.recorded)._replace(unlike=_words(gaps))

    def _taken(self, place: int, low: int, high: int, *, has_run: bool = False) -> Verdict:
        """`place`, moved to where the user says, among those that look the same. `has_run`: no code
        up to there is in doubt."""
        number = {step.name: at for at, step in enumerate(self.group.steps, 1)}
        last = [number[name] for name in self.wanted.applied if name in number]
        before = [number[name] - 1 for name in self.wanted.pending if name in number]
        moved = min([max([place, *last]), *before])
        refused = [
            f"{dotted(name)} cannot be taken as applied: the tables do not hold what comes with it"
            for name in sorted(self.wanted.applied & number.keys())
            if number[name] > high or number[name] > moved
        ]
        refused += [
            f"{dotted(name)} cannot be left pending: the tables hold what comes with it, or after"
            for name in sorted(self.wanted.pending & number.keys())
            if number[name] <= low
        ]
        if has_run:
            return self._at(moved, refused, warnings=self._taken_as_run(moved))
        return self._at(moved, refused, self._questions(moved, low, high))

    def _taken_as_run(self, place: int) -> Iterable[str]:
        for step in self.group.steps[:place]:
            if step.code and step.name not in self.wanted.applied:
                what = ", ".join(step.code)
                yield f"{dotted(step.name)} is taken as applied, and its code as run: {what}"

    def _questions(self, place: int, low: int, high: int) -> Iterable[str]:
        """Of migrations whose code has run, or has not, for all that the tables show."""
        # Files may have been remade under names that the rows know.
        is_open = bool(self.ghosts) or self.replaced or place > self.recorded
        for number, step in enumerate(self.group.steps, 1):
            has_row = self._flags[number - 1]
            asked = has_row != (number <= place) or (
                is_open and not has_row and place < number <= high
            )
            if step.code and asked and step.name not in self.wanted.applied | self.wanted.pending:
                yield self._question(step, number, low, high)

    def _question(self, step: Step, number: int, low: int, high: int) -> str:
        name = dotted(step.name)
        what = f"{name} runs code, which leaves nothing in the tables ({', '.join(step.code)})"
        if number > high:
            return f"{what}, and would run again. If it may: --pending {name}"
        if number <= low:
            return f"{what}, and would not run. If it has run: --applied {name}"
        return f"{what}. If it has run: --applied {name}; else: --pending {name}"

    def _at(
        self,
        place: int,
        refused: Iterable[str] = (),
        questions: Iterable[str] = (),
        warnings: Iterable[str] = (),
    ) -> Verdict:
        reached = self.group.steps[place - 1].name if place else None
        return Verdict(
            tuple(sorted(self.group.labels)),
            self.recorded,
            place,
            reached,
            refused=tuple(refused),
            questions=tuple(questions),
            warnings=tuple(warnings),
        )


def _words(gaps: Sequence[Gap]) -> tuple[str, ...]:
    told = tuple(gap.text for gap in gaps[:_MOST])
    more = len(gaps) - len(told)
    return (*told, f"and {more} differences more") if more else told


def _with_rows(judge: _Judge, walked: Walked, live: Objects) -> Verdict:
    """With the rows that say what its place is, where they do not yet."""
    verdict = judge.verdict()
    if verdict.place == judge.recorded and not judge.in_disorder:
        return verdict
    target = {row for step in judge.group.steps[: verdict.place] for row in step.rows}
    target |= {name for name, replaced in walked.extras.items() if target.issuperset(replaced)}
    known = {row.name for row in judge.rows}
    verdict = verdict._replace(
        insert=tuple(sorted(target - known)),
        delete=tuple(row for row in judge.rows if row.name not in target),
    )
    left = _leftovers(verdict.delete, walked, live)
    if judge.wanted.accept:
        return verdict._replace(warnings=(*verdict.warnings, *left))
    return verdict._replace(differences=(*verdict.differences, *left))


def _leftovers(delete: Iterable[Row], walked: Walked, live: Objects) -> list[str]:
    """Tables of these apps that no migration makes: of a migration whose file is gone."""
    beginnings = tuple(sorted({f"{row.name[0]}_" for row in delete}))
    return [
        f"the table {key} is there, and no migration on disk makes it"
        for key, objects in sorted(live.items())
        if key.startswith(beginnings)
        and key not in walked.tables
        and any(each["kind"] == "table" for each in objects)
    ]
