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

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import SettingsReference
from django.db import DEFAULT_DB_ALIAS, connections, migrations
from django.db.migrations import serializer
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

from remigrate.probe import between, folding, guard, own_types, script, sight, states, together

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

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
        return f"{self.key[1]}: {_described(self.operation)}"


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
        if _is_guard(operation):
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
        if any(_is_one_sided(old.operation) for old in olds):
            return "early"  # a table that another app makes, or goes on with
        carried = [at for at, old in enumerate(olds) if self._is_carried(old)]
        if not carried:
            return "compact"
        after = olds[carried[0] :]
        if any(_changes_what_was_there(each.operation, after) for each in after):
            return "between"
        return "compact+tail"

    def _is_carried(self, old: Old) -> bool:
        return (
            is_hand_written(old.operation) and not _is_of_state(old.operation) and self.matters(old)
        )

    def left_out(self, members: Iterable[Key], way: str) -> list[str]:
        """Words for the hand-written operations that `way` does not have."""
        return [
            old.words
            for old in self._hand_written(members)
            if not _is_of_state(old.operation)
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
        olds = [old for old in self.old(members) if is_hand_written(old.operation)]
        return [old for old in olds if not _is_guard(old.operation)]

    def candidate(self, way: str, members: Sequence[Key], before: Sequence[Key]) -> Candidate:
        """A segment with `members`, after the app's earlier migrations `before`, in this way.

        Raises `Impossible` with the reason.
        """
        if way in ("compact", "between", "early"):
            self._demand_landed(members)
        if way in ("compact", "compact+tail"):
            return self._compact(way, members, before)
        olds = [old for old in self.old(members) if not _is_guard(old.operation)]
        if way == "apart":
            self._demand_deferred_triggers(olds)
        if way != "verbatim":
            olds = [o for o in olds if not is_hand_written(o.operation) or self._stays(o)]
        atomic = all(self._loader.disk_migrations[tuple(key)].atomic for key in members)
        atomic = atomic and way != "apart"
        label = members[0][0]
        operations = [old.operation for old in olds]
        if way == "between":
            operations = between.gathered([self._waiting(old) for old in olds], label)
            operations = between.gathered(_optimized(operations, label), label)
        if way == "early":
            operations = folding.gathered(self._passable(olds), label)
        if way != "verbatim":
            operations = folding.plain(_optimized(operations, label))
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
        return _is_of_state(old.operation) or self.matters(old)

    def _compact(self, way: str, members: Sequence[Key], before: Sequence[Key]) -> Candidate:
        olds = self.old(members)
        at = own_types.maker([old.operation for old in olds], connections[DEFAULT_DB_ALIAS])
        if at is not None:
            raise Impossible(f"columns are of a type that hand-written SQL makes: {olds[at].words}")
        if way == "compact":
            self._demand_nothing_unseen(olds)
        operations = [old.operation for old in olds if _is_extension(old.operation)]
        operations += self._derived(members, before)
        atomic = True
        if way == "compact+tail":
            tail = [old for old in olds if is_hand_written(old.operation) and self.matters(old)]
            operations += [part for old in tail for part in _beside_the_state(old.operation)]
            atomic = all(self._loader.disk_migrations[old.key].atomic for old in tail)
        return Candidate(way, operations, [], atomic)

    def _derived(self, members: Sequence[Key], before: Sequence[Key]) -> list[Any]:
        """What the autodetector finds between the states before and after."""
        label = members[0][0]
        after = normalised(self._state([*before, *members]))
        earlier = self._state(before).models if before else {}
        models = {key: model for key, model in after.models.items() if key[0] != label}
        models.update({key: model for key, model in earlier.items() if key[0] == label})
        start = normalised(ProjectState(models, real_apps=after.real_apps))
        questioner = script.questioner(set())
        # It takes options out of what it is given.
        detector = self._autodetector(start.clone(), after.clone(), questioner)
        found = detector.changes(graph=self._loader.graph)
        if questioner.asked:
            raise Impossible(f"Django has a question: {questioner.asked[0].text}")
        if set(found) - {label}:
            raise Impossible("models of other apps would change with it")
        operations = [each for migration in found.get(label, ()) for each in migration.operations]
        _demand_free_tables(operations, start, label)
        operations = between.gathered(operations, label)
        operations = list(MigrationOptimizer().optimize(operations, label))
        demand_state(operations, start, after, label)
        return operations

    def _state(self, keys: Sequence[Key]) -> Any:
        nodes = [tuple(key) for key in keys]
        return self._loader.graph.make_state(
            nodes=nodes, at_end=True, real_apps=self._loader.unmigrated_apps
        )


@contextmanager
def models_by_name(undefined: Collection[str]) -> Iterator[None]:
    """Lets Django write a model by its name where the setting that may swap it is not defined."""

    class Written(serializer.SettingsReferenceSerializer):  # type: ignore[misc]
        def serialize(self) -> tuple[str, set[str]]:
            if self.value.setting_name in undefined:
                return repr(str(self.value)), set()
            found: tuple[str, set[str]] = super().serialize()
            return found

    registry = serializer.Serializer._registry
    original = registry[SettingsReference]
    registry[SettingsReference] = Written
    try:
        yield
    finally:
        registry[SettingsReference] = original


class Impossible(Exception):
    """A segment cannot be written in some way; the text says why."""


def demand_state(operations: Iterable[Any], start: Any, after: Any, label: str) -> None:
    """Raise `Impossible` where operations do not lead from one project state to the other. The
    autodetector does not look into a model that only becomes a managed one, say."""
    state = start.clone()
    try:
        for each in operations:
            _unbound(each).state_forwards(label, state)
    except Exception as error:
        raise Impossible(f"what Django finds does not fit its own state: {error!r}") from error
    missed = states.differing(state, after, label)
    if missed:
        raise Impossible(f"Django does not find all that changes in {', '.join(missed)}")


def _unbound(operation: Any) -> Any:
    """The same with fields that no model has yet: Django 3.2 finds those of models."""
    _, args, named = operation.deconstruct()
    if "fields" in named:
        named["fields"] = [(name, field.clone()) for name, field in named["fields"]]
    if "field" in named:
        named["field"] = named["field"].clone()
    return type(operation)(*args, **named)


def _demand_free_tables(operations: Iterable[Any], start: Any, label: str) -> None:
    """Raise `Impossible` where a table would be made that is not gone yet: the autodetector cannot
    know that a model was renamed, and it makes the one before it deletes the other."""
    made, gone = set(), set()
    for each in operations:
        if isinstance(each, migrations.CreateModel):
            made.add(states.table(label, each.name, each.options))
        elif isinstance(each, migrations.DeleteModel):
            gone.add(states.table(label, each.name, start.models[label, each.name_lower].options))
    if made & gone:
        raise Impossible(f"models were renamed, and keep their tables: {', '.join(made & gone)}")


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


def normalised(state: Any) -> Any:
    """In the form that states of models have; the autodetector demands it of both sides."""
    state = state.clone()
    for model in state.models.values():
        for name in ("unique_together", "index_together"):
            if model.options.get(name):
                model.options[name] = {tuple(fields) for fields in model.options[name]}
        for name in ("indexes", "constraints"):  # RenameIndex may leave one in a state twice
            if model.options.get(name):
                model.options[name] = list(
                    {each.name: each for each in model.options[name]}.values()
                )
    return state


def is_hand_written(operation: Any) -> bool:
    """Whether no autodetector would write such an operation."""
    if isinstance(
        operation,
        (migrations.RunPython, migrations.RunSQL, migrations.SeparateDatabaseAndState),
    ):
        return True
    return not type(operation).__module__.startswith(
        ("django.db.migrations.operations", "django.contrib.postgres.operations")
    )


def writes_rows(operation: Any) -> bool:
    """Whether what it does to a database may be more than what Django's own operations do."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return any(writes_rows(each) for each in operation.database_operations)
    return is_hand_written(operation)


def _is_of_state(operation: Any) -> bool:
    """Whether it changes the project state too, so that the autodetector finds what it did."""
    if isinstance(operation, migrations.RunPython):
        return False
    if isinstance(operation, migrations.RunSQL):
        return bool(operation.state_operations)
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return bool(operation.state_operations)
    found = getattr(type(operation).state_forwards, "__code__", None)
    # Each has such a method. One that names nothing can neither call nor change anything.
    return found is None or bool(found.co_names or found.co_freevars)


def _beside_the_state(operation: Any) -> list[Any]:
    """What it does to the database; what it does to the project state is done already."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        found = [_beside_the_state(each) for each in operation.database_operations]
        return [each for part in found for each in part]
    if isinstance(operation, migrations.RunSQL) and operation.state_operations:
        return [
            migrations.RunSQL(
                operation.sql,
                operation.reverse_sql,
                hints=operation.hints,
                elidable=operation.elidable,
            )
        ]
    if not is_hand_written(operation) or _is_of_state(operation):
        return []
    return [operation]


def _is_guard(operation: Any) -> bool:
    code = getattr(operation, "code", None)
    return isinstance(operation, migrations.RunPython) and (
        getattr(code, "__name__", "") in guard.NAMES
    )


def _is_one_sided(operation: Any) -> bool:
    """Whether a database and the project state part here, as when a model moves to another app."""
    if not isinstance(operation, migrations.SeparateDatabaseAndState):
        return False
    state, database = operation.state_operations, operation.database_operations
    return bool(state) != bool(database) or _made_or_dropped(state) != _made_or_dropped(database)


def _made_or_dropped(operations: Iterable[Any]) -> set[tuple[str, str]]:
    return {
        (type(each).__name__, each.name.lower())
        for each in operations
        if isinstance(each, (migrations.CreateModel, migrations.DeleteModel))
    }


def _is_extension(operation: Any) -> bool:
    return any(
        kind.__name__ in ("CreateExtension", "CreateCollation")
        and kind.__module__ == "django.contrib.postgres.operations"
        for kind in type(operation).__mro__
    )


def _changes_what_was_there(operation: Any, after: Sequence[Old]) -> bool:
    """Whether rows that were written before it would not fit the final tables, or the code that
    wrote them the final models."""
    made = {
        str(each.operation.name).lower()
        for each in after
        if isinstance(each.operation, migrations.CreateModel)
    }
    if isinstance(operation, (migrations.RenameField, migrations.RenameModel)):
        return True
    if isinstance(operation, (migrations.RemoveField, migrations.DeleteModel)):
        name = getattr(operation, "model_name", None) or operation.name
        return str(name).lower() not in made
    if isinstance(operation, migrations.AddField):
        field = operation.field
        given = field.has_default() and operation.preserve_default
        needs = not field.null and not field.many_to_many and not given
        return needs and operation.model_name.lower() not in made
    return False


def _optimized(operations: list[Any], label: str) -> list[Any]:
    """As ``squashmigrations`` does; but nothing goes because it is called elidable."""
    flagged = [each for each in operations if getattr(each, "elidable", False)]
    passing = [each.field for each in operations if not getattr(each, "preserve_default", True)]
    # Django takes an index that is renamed out of them, also where code in between forbids it.
    options = [(each, dict(each.options)) for each in operations if hasattr(each, "options")]
    for each in flagged:
        each.elidable = False
    try:
        found = MigrationOptimizer().optimize(operations, label)
    finally:
        for each in flagged:
            each.elidable = True
        for each, own in options:
            each.options = own
    return [_without_passing_defaults(each, passing) for each in found]


def _without_passing_defaults(operation: Any, passing: Sequence[Any]) -> Any:
    """The optimizer forgets that a default was for existing rows only, and would keep it."""
    if isinstance(operation, migrations.CreateModel):
        if any(field is each for _, field in operation.fields for each in passing):
            fields = [
                (name, _no_default(field) if any(field is each for each in passing) else field)
                for name, field in operation.fields
            ]
            _, _, options = operation.deconstruct()
            return type(operation)(**{**options, "name": operation.name, "fields": fields})
    elif isinstance(operation, (migrations.AddField, migrations.AlterField)):
        forgotten = operation.preserve_default and any(operation.field is each for each in passing)
        if forgotten:
            return type(operation)(operation.model_name, operation.name, operation.field, False)
    return operation


def _no_default(field: Any) -> Any:
    clone = field.clone()
    clone.default = NOT_PROVIDED
    return clone


def _described(operation: Any) -> str:
    if isinstance(operation, migrations.RunPython):
        name = getattr(operation.code, "__name__", type(operation.code).__name__)
        return f"RunPython({name})"
    if isinstance(operation, migrations.RunSQL):
        text = operation.sql if isinstance(operation.sql, str) else "…"
        line = " ".join(text.split())
        return f"RunSQL({line[:60]}{'…' if len(line) > 60 else ''})"
    return type(operation).__name__
