"""Judges a new history by what databases became of both: the checks of the proof.

Pure: the databases were migrated by the probe. A difference is put down to apps, as far as it can
be told whose it is.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.outcome import Check
from remigrate.probe import guard
from remigrate.reset import blame, compare
from remigrate.reset.record import demand_room, failing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from remigrate.outcome import Verdict
    from remigrate.reset.blame import Blame, Owners
    from remigrate.reset.comparison import Comparison

    Reply = Mapping[str, Any]


class Judgement(NamedTuple):
    """The checks, and whose fault it is where one does not hold."""

    checks: tuple[Check, ...]
    blames: tuple[Blame, ...] = ()
    """One for each difference; empty when all holds, or when nobody knows."""
    failed: tuple[str, str] | None = None
    """(label, name) of the new migration that an empty database could not get past."""
    position: int | None = None
    """Of the operation that failed; None where all of them went through."""
    warnings: tuple[str, ...] = ()
    """What holds, and should be looked at all the same."""

    @property
    def blamed(self) -> frozenset[str]:
        """Labels of all apps that come to mind first."""
        return frozenset().union(*(each.first for each in self.blames))

    @property
    def holds(self) -> bool:
        """Whether nothing differs and nothing failed."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """In words, one for each check that does not hold."""
        return tuple(
            f"{check.check}: {'; '.join(check.differences[:5]) or check.why}"
            for check in self.wrong
        )

    @property
    def wrong(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if check.result in ("differs", "failed"))


class Expected(NamedTuple):
    """What the plan says that should happen."""

    written: frozenset[str]
    """New migrations as ``label.name`` that replace landed ones: none of them may run on a database
    at base."""
    apps: frozenset[str]
    """Labels of the apps that are reset."""
    replaces: bool
    """Whether anything that has landed is replaced."""
    kept: bool = False
    """Whether what is replaced stays."""
    lagging: str = ""
    """Why no database behind base was tried; empty where one was."""
    no_upgrade: str = ""
    """Why no existing database was tried; empty where one was."""
    marked: frozenset[str] = frozenset()
    """Labels of the apps in which a squash asks for the mark of an earlier one."""


def database(record: Reply) -> str:
    """Vendor and version."""
    version, _, _ = str(record["version"]).partition(" ")  # of which distribution is no matter
    return f"{record['vendor']} {version}"


def judged(record: Reply, proof: Reply, expected: Expected) -> Judgement:
    """Compare what the old history built with what the new one did.

    Raises `EnvironmentFailure` where a disk was full.
    """
    demand_room(proof)
    owners = blame.Owners(record, expected.apps)
    if proof["broken"]:
        return _not_loaded(proof["broken"], expected, owners)
    fresh = proof["fresh"]
    graph = _graph(proof)
    if fresh["failed"]:
        return _not_migrated(record, graph, fresh, owners)
    state, of_state = _state(record, proof)
    drift, of_drift = _drift(proof, expected)
    schema = compare.schemas(record["schema"], fresh["schema"])
    rows = compare.rows(record["rows"], fresh["rows"], record["again"])
    checks = [graph, state, drift, _compared("fresh-schema", record, schema, fresh["seconds"])]
    checks.append(_compared("fresh-data", record, rows, 0.0))
    blames = [*blame.on(of_state | of_drift), *owners.of_schema(schema), *owners.of_rows(rows)]
    for check, found in _upgrades(record, proof, expected, owners):
        checks.append(check)
        blames += found
    if expected.replaces:
        check, labels = _lagging(record, proof, expected)
        checks.append(check)
        blames += blame.on(labels)
    return Judgement(tuple(checks), _told(blames), warnings=_renumbered(record, fresh))


def _told(blames: Iterable[Blame]) -> tuple[Blame, ...]:
    """Each once, and only those that name anybody."""
    return tuple(dict.fromkeys(each for each in blames if each.first))


_LOOKED_UP = {"django_content_type", "auth_permission"}
"""Nobody names their rows by number: Django makes them itself, in whatever order."""


def _renumbered(record: Reply, fresh: Reply) -> tuple[str, ...]:
    """Rows that migrations write, where a new database numbers them otherwise than before."""
    seeded = sorted({table for *_, tables in record["effects"] for table in tables} - _LOOKED_UP)
    return tuple(
        f"{table}: a new database numbers the rows that migrations write otherwise than before. "
        "Code that names one of them by its number would mean another."
        for table in seeded
        if table in record["rows"]
        and table in fresh["rows"]
        and _are_renumbered(record["rows"][table], fresh["rows"][table])
    )


def _are_renumbered(old: Reply, new: Reply) -> bool:
    one, other = _numbers(old), _numbers(new)
    return any(one[word] != other[word] for word in one.keys() & other.keys())


def _numbers(table: Reply) -> dict[str, list[Any]]:
    """Automatic keys by what else stands in the row, foreign keys aside."""
    pointing = {column for each in table["references"] for column in each["columns"]}
    automatic = [at for at, column in enumerate(table["columns"]) if column in table["automatic"]]
    told = [
        at
        for at, column in enumerate(table["columns"])
        if at not in automatic and column not in pointing
    ]
    found: dict[str, list[Any]] = {}
    for row in table["rows"] or ():
        word = json.dumps([row[at] for at in told])
        found.setdefault(word, []).append([row[at] for at in automatic])
    return {word: sorted(keys) for word, keys in found.items()}


def _graph(proof: Reply) -> Check:
    leaves = [f"{label}: {', '.join(names)}" for label, names in proof["conflicts"].items()]
    if leaves:
        return Check("graph", None, "differs", "several leaves", 0.0, tuple(leaves))
    return Check("graph", None, "proved")


def _not_loaded(broken: Reply, expected: Expected, owners: Owners) -> Judgement:
    where = f"{broken['app']}.{broken['name']}, {broken['operation']}: " if broken["app"] else ""
    check = Check("graph", None, "failed", f"{where}{broken['message']}")
    said = set(re.findall(r"\w+", broken["message"]))
    blamed = {broken["app"]} if broken["app"] else expected.apps & said
    whose = blame.Blame(owners.named_in(broken["message"]) | blamed)
    return Judgement((check,), _told([whose]), (broken["app"], broken["name"]))


def _not_migrated(record: Reply, graph: Check, fresh: Reply, owners: Owners) -> Judgement:
    failed = fresh["failed"]
    why = f"{failing(failed, failed['operation'])}: {failed['message']}"
    checks = (graph, Check("fresh-schema", database(record), "failed", why, fresh["seconds"]))
    whose = blame.Blame((owners.named_in(failed["message"]) | {failed["app"]}) - {""})
    name = (failed["app"], failed["name"]) if failed["name"] else None
    return Judgement(checks, _told([whose]), name, failed["position"])


def _state(record: Reply, proof: Reply) -> tuple[Check, set[str]]:
    old, new = record["states"], proof["states"]
    differences: list[str] = []
    blamed: set[str] = set()
    for model in sorted({*old, *new}):
        found = _model(model, old.get(model), new.get(model))
        differences += found
        if found:
            blamed.add(model.partition(".")[0])
    return Check("state", None, _verdict(differences), "", 0.0, tuple(differences)), blamed


def _verdict(differences: Sequence[object]) -> Verdict:
    return "differs" if differences else "proved"


def _model(name: str, old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> list[str]:
    if old is None or new is None:
        return [f"{name}: only the {'new' if old is None else 'old'} history has this model"]
    return [
        f"{name}, {part}: {old.get(part, 'not there')} became {new.get(part, 'not there')}"
        for part in sorted({*old, *new})
        if old.get(part) != new.get(part)
    ]


def _drift(proof: Reply, expected: Expected) -> tuple[Check, set[str]]:
    changes = [change for change in proof["drift"]["changes"] if change["app"] in expected.apps]
    words = tuple(
        f"{change['app']}: {operation['text']}"
        for change in changes
        for operation in change["operations"]
    )
    blamed = {change["app"] for change in changes}
    return Check("drift", None, _verdict(changes), "", 0.0, words), blamed


def _compared(name: Any, record: Reply, found: Comparison, seconds: float) -> Check:
    words = tuple(each.text for each in found.differences)
    return Check(name, database(record), _verdict(words), "", seconds, words, found.notes)


def _upgrades(
    record: Reply, proof: Reply, expected: Expected, owners: Owners
) -> list[tuple[Check, list[Blame]]]:
    if not proof["upgrade"]:
        check = Check("upgrade", database(record), "skipped", expected.no_upgrade or "not tried")
        return [(check, [])]
    return [
        _upgrade(record, name, found, expected, owners) for name, found in proof["upgrade"].items()
    ]


def _upgrade(
    record: Reply, name: str, found: Reply, expected: Expected, owners: Owners
) -> tuple[Check, list[Blame]]:
    """From one database, which the old files would have made what `record` tells."""
    wanted = record["upgrade"] if name == "base" else {**record, "failed": None}
    where = database(record)
    if wanted["failed"]:
        why = f"the old files cannot do it either: {wanted['failed']}"
        return Check("upgrade", where, "skipped", why), []
    if found["failed"]:
        failed = found["failed"]
        why = f"{_FROM[name]}: {failing(failed)}: {failed['message']}"
        return Check("upgrade", where, "failed", why), blame.on({failed["app"]} - {""})
    twice = [each for each in found["ran"] if each in expected.written]
    schema = compare.schemas(wanted["schema"], found["schema"])
    rows = compare.rows(wanted["rows"], found["rows"], wanted["again"])
    differences = [f"{each} ran although all of it was applied" for each in twice]
    differences += [each.text for each in (*schema.differences, *rows.differences)]
    blames = blame.on({each.partition(".")[0] for each in twice})
    blames += [*owners.of_schema(schema), *owners.of_rows(rows)]
    check = Check(
        "upgrade",
        where,
        _verdict(differences),
        _FROM[name] + (_planted(record["planted"]) if name == "base" else ""),
        found["seconds"],
        tuple(differences),
        schema.notes + rows.notes,
    )
    return check, blames


_FROM = {
    "base": "from a database at base",
    "old": "from a database that applied all of the old files",
    "side": "from a database of one side alone",
}


def _planted(planted: Reply) -> str:
    rows = sum(planted["planted"].values())
    left = len(planted["left"])
    without = f", {left} without" if left else ""
    return f", with {rows} rows planted in {len(planted['planted'])} tables{without}"


def _lagging(record: Reply, proof: Reply, expected: Expected) -> tuple[Check, set[str]]:
    found = proof["lagging"]
    where = database(record)
    if not found:
        why = expected.lagging or "no database can be behind on any squash"
        return Check("lagging", where, "skipped", why), set()
    checks = [
        _gone_on(record, each, expected.marked) if expected.kept else _stopped(record, each)
        for each in found
    ]
    blamed = {
        each["label"] for each, check in zip(found, checks, strict=True) if check.result != "proved"
    }
    checks.sort(key=lambda check: (check.result == "proved", guard.BEHIND not in check.why))
    several = f"{len(checks)} databases: " if len(checks) > 1 else ""
    seconds = sum(each["seconds"] for each in found)
    return checks[0]._replace(why=several + checks[0].why, seconds=seconds), blamed


def _stopped(record: Reply, found: Reply) -> Check:
    """By the guard, or before it."""
    where, said = database(record), found["said"] or ""
    if said.startswith(guard.BEHIND):
        return Check("lagging", where, "proved", f"stopped: {said}")
    is_heard = (found["failed"] or {}).get("name") == ""  # by a receiver, behind all migrations
    if said and not found["ran"] and not is_heard:
        why = f"stopped by Django itself, before anything ran: {said}"
        return Check("lagging", where, "proved", why)
    why = f"stopped by something else: {said}" if said else "migrate went through in silence"
    return Check("lagging", where, "failed", why)


def _gone_on(record: Reply, found: Reply, marked: Collection[str]) -> Check:
    """Where the replaced files are still there, a database that is behind goes through them; but
    not to a later squash of the same app: if it has nothing of that, Django would run it."""
    where = database(record)
    if (found["said"] or "").startswith(
        tuple(f"{guard.BEHIND} it lacks {each}." for each in marked)
    ):
        return Check("lagging", where, "proved", f"stopped: {found['said']}")
    if found["failed"]:
        return Check("lagging", where, "failed", f"stopped: {found['said']}")
    schema = compare.schemas(record["schema"], found["schema"])
    rows = compare.rows(record["rows"], found["rows"], record["again"])
    words = tuple(each.text for each in (*schema.differences, *rows.differences))
    why = "it goes through the replaced files, which are still there"
    return Check("lagging", where, _verdict(words), why, 0.0, words, schema.notes)
