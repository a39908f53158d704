"""What the autodetector makes of a segment: the operations between two project states.

A part of the probe; see `script`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.migrations.state import ProjectState

from remigrate.probe import between, script, states

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Key = Any  # tuple[str, str]: app label, migration name


class Impossible(Exception):
    """A segment cannot be written in some way; the text says why."""


def operations(
    loader: Any, autodetector: Any, members: Sequence[Key], before: Sequence[Key]
) -> list[Any]:
    """What the autodetector finds between the states before and after."""
    label = members[0][0]
    after = normalised(_state(loader, [*before, *members]))
    earlier = _state(loader, before).models if before else {}
    models = {key: model for key, model in after.models.items() if key[0] != label}
    models.update({key: model for key, model in earlier.items() if key[0] == label})
    start = normalised(ProjectState(models, real_apps=after.real_apps))
    questioner = script.questioner(set())
    # It takes options out of what it is given.
    detector = autodetector(start.clone(), after.clone(), questioner)
    found = detector.changes(graph=loader.graph)
    if questioner.asked:
        raise Impossible(f"Django has a question: {questioner.asked[0].text}")
    if set(found) - {label}:
        raise Impossible("models of other apps would change with it")
    made = [each for migration in found.get(label, ()) for each in migration.operations]
    _demand_free_tables(made, start, label)
    made = list(MigrationOptimizer().optimize(between.gathered(made, label), label))
    demand_state(made, start, after, label)
    return made


def _state(loader: Any, keys: Sequence[Key]) -> Any:
    nodes = [tuple(key) for key in keys]
    return loader.graph.make_state(nodes=nodes, at_end=True, real_apps=loader.unmigrated_apps)


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
