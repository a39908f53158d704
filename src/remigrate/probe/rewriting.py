"""Makes the operations of new migrations from those of old ones, in several ways.

A part of the probe; see `script`. A *segment* is a run of one app's migrations that becomes one
migration. For each, the most compact way comes first:

compact       what the autodetector finds between the project states before and after the segment
compact+tail  the same, and then the hand-written operations that matter, in their old order
between       as early, but each hand-written operation waits for all that an empty database shows
              it nothing of
early         as faithful, but what changes nothing that hand-written code could notice may pass it
faithful      the old operations through Django's optimizer; hand-written ones stay where they are
apart         the same, each in a transaction of its own: PostgreSQL does not change a table with
              rows of the same transaction still to check. No other database is offered this.
verbatim      the old operations one by one

A hand-written operation matters when it wrote something while an empty database was migrated, or
when it may do so on a database of another vendor. All others are left out, and are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, migrations

from remigrate.probe import between, derived, folding, kinds, own_types, sight, together
from remigrate.probe.derived import Impossible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

Key = Any  # tuple[str, str]: app label, migration name
WAYS = ("compact", "compact+tail", "between", "early", "faithful", "apart", "verbatim")


class Old(NamedTuple):
    """An operation of an old migration."""

    key: Key
    position: int
    operation: Any

    @property
    def words(self) -> str:
        """As people would find it in the old file."""
        return f"{self.key[1]}: {kinds.described(self.operation)}"


class Candidate(NamedTuple):
    """One way to write a segment."""

    way: str
    operations: list[Any]
    origins: list[Key]
    """The old migration of each operation, for the ways that keep them; else empty."""
    atomic: bool


class Rewriting:
    """All the ways to write the segments of one project."""

    def __init__(
        self,
        loader: Any,
        autodetector: Any,
        effects: Mapping[Key, Mapping[int, Any]],
        vendor: str,
        late: Collection[Key] = (),
        several: bool = False,
    ) -> None:
        """`late`: migrations that have not landed. `several`: there are other databases."""
        self._vendor = vendor
        self._late = set(late)
        self._several = several
        self._loader = loader
        self._autodetector = autodetector
        self._effects = effects
        self._models = _models(loader)

    def old(self, members: Iterable[Key]) -> list[Old]:
        """The operations of migrations, one after the other."""
        return [
            Old(tuple(key), index, operation)
            for key in members
            for index, operation in enumerate(self._loader.disk_migrations[tuple(key)].operations)
        ]

    def matters(self, old: Old) -> bool:
        """Whether a hand-written operation has to be carried over."""
        operation = old.operation
        if kinds.is_guard(operation):
            return False  # the segment has its own
        if isinstance(operation, migrations.RunSQL):
            return operation.sql not in (migrations.RunSQL.noop, [], ())
        if old.position in self._effects.get(old.key, {}):
            return True
        if not isinstance(operation, migrations.RunPython):
            return old.key in self._late
        if operation.code is migrations.RunPython.noop:
            return False
        # What has not landed will run on databases with rows in them; what did nothing in the
        # default database may do something in another one.
        around = old.key in self._late or self._several or sight.looks_around(operation.code)
        return around or self._asks_others(old)

    def _asks_others(self, old: Old) -> bool:
        """Whether code of a `RunPython` names models of other apps. These may have rows where its
        own app is new: nothing tells such a database from one that is empty. (Content types come
        with the models themselves.)"""
        words, own = sight.words(old.operation.code), old.key[0]
        return any(
            label in words and not words.isdisjoint(names)
            for label, names in self._models.items()
            if label not in (own, "contenttypes")
        )

    def first_way(self, members: Sequence[Key]) -> str:
        """The most compact way that has a chance, as far as can be told without trying."""
        olds = self.old(members)
        if any(kinds.is_one_sided(old.operation) for old in olds):
            return "early"  # a table that another app makes, or goes on with
        carried = [at for at, old in enumerate(olds) if self._is_carried(old)]
        if not carried:
            return "compact"
        after = [old.operation for old in olds[carried[0] :]]
        if any(kinds.changes_what_was_there(each, after) for each in after):
            return "between"
        return "compact+tail"

    def _is_carried(self, old: Old) -> bool:
        return (
            kinds.is_hand_written(old.operation)
            and not kinds.is_of_state(old.operation)
            and self.matters(old)
        )

    def left_out(self, members: Iterable[Key], way: str) -> list[str]:
        """Words for the hand-written operations that `way` does not have."""
        return [
            old.words
            for old in self._hand_written(members)
            if not kinds.is_of_state(old.operation)
            and (way == "compact" or (way != "verbatim" and not self.matters(old)))
        ]

    def carried(self, members: Iterable[Key], way: str) -> list[str]:
        """Words for those that it has."""
        if way == "compact":
            return []
        olds = self._hand_written(members)
        return [old.words for old in olds if way == "verbatim" or self.matters(old)]

    def _hand_written(self, members: Iterable[Key]) -> list[Old]:
        """All but guards, which every segment has for itself."""
        olds = [old for old in self.old(members) if kinds.is_hand_written(old.operation)]
        return [old for old in olds if not kinds.is_guard(old.operation)]

    def candidate(self, way: str, members: Sequence[Key], before: Sequence[Key]) -> Candidate:
        """A segment with `members`, after the app's earlier migrations `before`, in this way.

        Raises `Impossible` with the reason.
        """
        if way in ("compact", "between", "early"):
            self._demand_landed(members)
        if way in ("compact", "compact+tail"):
            return self._compact(way, members, before)
        olds = [old for old in self.old(members) if not kinds.is_guard(old.operation)]
        if way == "apart":
            self._demand_deferred_triggers(olds)
        if way != "verbatim":
            olds = [o for o in olds if not kinds.is_hand_written(o.operation) or self._stays(o)]
        atomic = all(self._loader.disk_migrations[tuple(key)].atomic for key in members)
        atomic = atomic and way != "apart"
        label = members[0][0]
        operations = [old.operation for old in olds]
        if way == "between":
            operations = between.gathered([self._waiting(old) for old in olds], label)
            operations = between.gathered(folding.optimized(operations, label), label)
        if way == "early":
            operations = folding.gathered(self._passable(olds), label)
        if way != "verbatim":
            operations = folding.plain(folding.optimized(operations, label))
        origins = {id(old.operation): old.key for old in olds}
        parted = together.made_at_once(operations)
        return Candidate(
            way,
            [part for part, _ in parted],
            [origins.get(id(whole), olds[-1].key) for _, whole in parted],
            atomic,
        )

    def _is_late_code(self, old: Old) -> bool:
        return old.key in self._late and self._is_carried(old)

    def _demand_landed(self, members: Iterable[Key]) -> None:
        """Raise `Impossible` where code may yet run on rows that nobody has seen."""
        if any(self._is_late_code(old) for old in self.old(members)):
            raise Impossible("what has not landed runs on rows that nobody has seen")

    def _demand_nothing_unseen(self, olds: Iterable[Old]) -> None:
        """Raise `Impossible` where code would be left out that an empty database cannot judge."""
        for old in olds:
            if not isinstance(old.operation, migrations.RunPython):
                continue
            seen = old.position in self._effects.get(old.key, {})
            if seen or sight.looks_around(old.operation.code):
                continue
            if self._asks_others(old):
                raise Impossible(f"it asks for rows of other apps: {old.words}")

    def _passable(self, olds: Iterable[Old]) -> list[Any]:
        """The operations, with hand-written ones that the optimizer can look through."""
        return [
            folding.Passable(old.operation, self._state_at(old).models)
            if isinstance(old.operation, migrations.RunPython)
            else old.operation
            for old in olds
        ]

    def _waiting(self, old: Old) -> Any:
        if not isinstance(old.operation, migrations.RunPython):
            return old.operation
        tables = self._effects.get(old.key, {}).get(old.position, ())
        return between.Waiting(old.operation, self._state_at(old).models, tables)

    def _state_at(self, old: Old) -> Any:
        """The project state that the operation's code sees."""
        state = self._loader.graph.make_state(
            nodes=old.key, at_end=False, real_apps=self._loader.unmigrated_apps
        )
        for each in self._loader.disk_migrations[old.key].operations[: old.position]:
            each.state_forwards(old.key[0], state)
        return state

    def _demand_deferred_triggers(self, olds: Iterable[Old]) -> None:
        """Raise `Impossible` where a transaction of its own for each operation changes nothing."""
        if self._vendor != "postgresql":
            raise Impossible("only PostgreSQL has to be asked for transactions apart")
        if not any(self._is_carried(old) for old in olds):
            raise Impossible("no operation writes rows")

    def _stays(self, old: Old) -> bool:
        return kinds.is_of_state(old.operation) or self.matters(old)

    def _compact(self, way: str, members: Sequence[Key], before: Sequence[Key]) -> Candidate:
        olds = self.old(members)
        at = own_types.maker([old.operation for old in olds], connections[DEFAULT_DB_ALIAS])
        if at is not None:
            raise Impossible(f"columns are of a type that hand-written SQL makes: {olds[at].words}")
        if way == "compact":
            self._demand_nothing_unseen(olds)
        operations = [old.operation for old in olds if kinds.is_extension(old.operation)]
        operations += derived.operations(self._loader, self._autodetector, members, before)
        atomic = True
        if way == "compact+tail":
            tail = [
                old for old in olds if kinds.is_hand_written(old.operation) and self.matters(old)
            ]
            operations += [part for old in tail for part in kinds.beside_the_state(old.operation)]
            atomic = all(self._loader.disk_migrations[old.key].atomic for old in tail)
        return Candidate(way, operations, [], atomic)


def _models(loader: Any) -> dict[str, set[str]]:
    """Names that models ever had, in lower case, by the label of their app."""
    found: dict[str, set[str]] = {}
    for (label, _), migration in loader.disk_migrations.items():
        todo = list(migration.operations)
        while todo:
            each = todo.pop()
            todo += getattr(each, "state_operations", ())
            if isinstance(each, (migrations.CreateModel, migrations.RenameModel)):
                name = getattr(each, "name", None) or each.new_name
                found.setdefault(label.lower(), set()).add(name.lower())
    return found
