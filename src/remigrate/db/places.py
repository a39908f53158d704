"""How far a database has come in the histories of its apps, as its tables show it. Pure.

What the files on disk build is compared, migration by migration, with what is there. Apps whose
migrations change the same tables are judged together. A *place* is how many of their migrations,
in the order in which they ran, the tables hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.reset.compare import schemas
from remigrate.reset.compare_schemas import Sides

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from remigrate.db.standing import Name

    Objects = Mapping[str, Sequence[Mapping[str, Any]]]

_SIDES = Sides("this database", "a new one", "this database", "a new one")
_OF_THE_SERVER = {"grants", "tablespace", "replica identity"}
"""What no migration says, and an administrator may."""


class Step(NamedTuple):
    """A migration, as it ran on an empty database."""

    name: Name
    rows: tuple[Name, ...]
    """What it records: itself, all that it replaces, and marks."""
    needs: tuple[Name, ...]
    code: tuple[str, ...]
    """Operations that may change rows, which no table shows."""
    objects: Objects
    """What it changed, as it is after it, by table; see the probe's `syncing`."""


class Gap(NamedTuple):
    """A difference between a database and what the files build."""

    text: str
    is_more: bool
    """Whether a table of theirs only has something besides, as an index that somebody added."""


class Group(NamedTuple):
    """Apps that are judged together."""

    labels: frozenset[str]
    steps: tuple[Step, ...]
    gaps: tuple[tuple[Gap, ...], ...]
    """For each place, from none of the steps to all, where the tables are not those of it."""

    def fits(self, place: int) -> bool:
        """Whether the tables are those of the place."""
        return not self.gaps[place]

    def run(self, place: int) -> tuple[int, int]:
        """The first and the last of the places around it that look the same."""
        low = high = place
        while low and self.fits(low - 1):
            low -= 1
        while high < len(self.steps) and self.fits(high + 1):
            high += 1
        return low, high

    @property
    def nearest(self) -> int:
        """The last of the places with the fewest differences."""
        least = min(map(len, self.gaps))
        return max(at for at, gaps in enumerate(self.gaps) if len(gaps) == least)


def groups(steps: Sequence[Step], labels: Iterable[str], live: Objects) -> tuple[Group, ...]:
    """All apps with a label of `labels` or with a step, the first one's group at the front."""
    found: list[tuple[set[str], set[str]]] = [({label}, set()) for label in labels]
    for step in steps:
        own, keys = {step.name[0]}, set(step.objects)
        apart = []
        for other, others in found:
            if own & other or keys & others:
                own, keys = own | other, keys | others
            else:
                apart.append((other, others))
        found = [*apart, (own, keys)]
    return tuple(
        _group(frozenset(own), [step for step in steps if step.name[0] in own], keys, live)
        for own, keys in sorted(found, key=lambda each: min(each[0]))
    )


def _group(
    labels: frozenset[str], steps: Sequence[Step], keys: Collection[str], live: Objects
) -> Group:
    gaps = {key: _gaps(live.get(key, ()), ()) for key in sorted(keys)}
    places = [gaps]
    for step in steps:
        gaps = gaps | {
            key: _gaps(live.get(key, ()), objects) for key, objects in step.objects.items()
        }
        places.append(gaps)
    told = (tuple(gap for found in each.values() for gap in found) for each in places)
    return Group(labels, tuple(steps), tuple(told))


def _gaps(live: Sequence[Any], built: Sequence[Any]) -> tuple[Gap, ...]:
    found = schemas({"objects": [*map(_plain, live)]}, {"objects": [*map(_plain, built)]}, _SIDES)
    is_theirs = bool(built)  # else a later migration makes it, and would find it there
    return tuple(Gap(each.text, is_theirs and each.only == "old") for each in found.differences)


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in item["definition"].items() if key not in _OF_THE_SERVER}
    return {**item, "definition": kept}
