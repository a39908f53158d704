"""Which changes of models hand-written code waits for, where a database is made anew."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.reset.interpreter import Interpreter, migration

ID = '("id", models.AutoField(auto_created=True, primary_key=True, serialize=False))'
NAME = 'models.CharField("name", max_length=9)'


def create(name: str, *fields: str) -> str:
    return f'migrations.CreateModel("{name}", [{", ".join([ID, *fields])}])'


ITEM, SHELF = create("Item", f'("name", {NAME})'), create("Shelf", f'("name", {NAME})')
SEED = """

def seed(apps, schema_editor):
    apps.get_model("shop", "Item").objects.create(name="a")
"""
SQL = """

def seed(apps, schema_editor):
    apps.get_model("shop", "Item").objects.create(name="a")
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute('ALTER TABLE shop_shelf ALTER COLUMN name TYPE text COLLATE "C"')
"""
LOOKS = """

def seed(apps, schema_editor):
    for field in apps.get_model("shop", "Shelf")._meta.get_fields():
        apps.get_model("shop", "Item").objects.create(name=field.name)
"""
RUN = "migrations.RunPython(seed)"
REWRITE = """
from django.db.migrations.autodetector import MigrationAutodetector
from remigrate.probe import derived, moving, rewriting

moved = moving.migrate(fresh())
assert not moved.failed, moved.failed
maker = rewriting.Rewriting(
    MigrationLoader(None, ignore_no_migrations=True),
    MigrationAutodetector, moved.watch.effects, "sqlite", [tuple(key) for key in late], True)
keys = [("shop", name) for name in names]
try:
    found = maker.candidate("between", keys, [])
    value = [type(each).__name__ for each in found.operations]
except derived.Impossible as error:
    value = str(error)
"""


def rewritten(django: Interpreter, *steps: str, above: str = SEED, late: bool = False) -> Any:
    """The operations that are left of migrations with one operation each."""
    names = files(django, *steps, above=above)
    return django.run(REWRITE, names=names, late=[["shop", name] for name in names if late])


def files(django: Interpreter, *steps: str, above: str = SEED) -> list[str]:
    """Migrations with one operation each; those that call `seed` have its code."""
    names = [f"{at:04}" for at in range(1, len(steps) + 1)]
    before: list[list[str]] = [[], *([name] for name in names)]
    texts = {
        f"_{name}": migration(*after, operations=f"[{step}]", above=above if step == RUN else "")
        for name, after, step in zip(names, before, steps, strict=False)
    }
    django.migrations(**texts)
    return names


def alter(model: str, field: str) -> str:
    return f'migrations.AlterField("{model}", "name", {field})'


def add(model: str, field: str) -> str:
    return f'migrations.AddField("{model}", "more", models.{field})'


ELSEWHERE = {
    "less length": alter("shelf", 'models.CharField("name", max_length=8)'),
    "uniqueness": alter("shelf", 'models.CharField("name", max_length=9, unique=True)'),
    "a default that is called": add("shelf", "IntegerField(default=int)"),
    "another name of a field": 'migrations.RenameField("shelf", "name", "title")',
    "a field less": 'migrations.RemoveField("shelf", "name")',
    "an order of rows": 'migrations.AlterModelOptions("shelf", {"ordering": ["name"]})',
}
"""Changes of a table that the seed has no rows in."""


@pytest.mark.parametrize("change", ELSEWHERE.values(), ids=ELSEWHERE)
def test_code_waits_for_changes_of_a_table_that_it_did_not_fill(
    django: Interpreter, change: str
) -> None:
    found = rewritten(django, ITEM, SHELF, RUN, change)
    assert found == ["CreateModel", "CreateModel", "RunPython"]


def test_code_waits_for_another_model_and_what_points_to_it(django: Interpreter) -> None:
    key = add("item", 'ForeignKey("shop.Shelf", models.CASCADE, null=True)')
    found = rewritten(django, ITEM, RUN, SHELF, key)
    assert found == ["CreateModel", "CreateModel", "RunPython"]


def test_code_waits_for_another_name_of_a_model_that_it_does_not_know(django: Interpreter) -> None:
    found = rewritten(django, ITEM, SHELF, RUN, 'migrations.RenameModel("Shelf", "Board")')
    assert found == ["CreateModel", "CreateModel", "RunPython"]


STAYS = {
    "less length": alter("item", 'models.CharField("name", max_length=8)'),
    "another type": alter("item", "models.TextField()"),
    "a default that is called": add("item", "IntegerField(default=int)"),
    "a default for old rows": add("item", "IntegerField(default=1), preserve_default=False"),
    "another name of a field": 'migrations.RenameField("item", "name", "title")',
    "another name of the model": 'migrations.RenameModel("Item", "Thing")',
    "a field less": 'migrations.RemoveField("item", "name")',
    "the model no more": 'migrations.DeleteModel("Item")',
    "an order of rows": 'migrations.AlterModelOptions("item", {"ordering": ["name"]})',
    "managers": 'migrations.AlterModelManagers("item", [("all", models.Manager())])',
    "code that nobody knows": "migrations.RunSQL('SELECT 1')",
}


@pytest.mark.parametrize("change", STAYS.values(), ids=STAYS)
def test_what_matters_to_rows_or_to_what_code_names_stays_behind_it(
    django: Interpreter, change: str
) -> None:
    kind = change.partition("(")[0].rpartition(".")[2]
    assert rewritten(django, ITEM, RUN, change) == ["CreateModel", "RunPython", kind]


def test_sql_for_a_database_of_another_kind_does_not_wait_for_the_column_that_it_names(
    django: Interpreter,
) -> None:
    change = ELSEWHERE["less length"]
    found = rewritten(django, ITEM, SHELF, RUN, change, above=SQL)
    assert found == ["CreateModel", "CreateModel", "RunPython", "AlterField"]
    unnamed = add("shelf", "IntegerField(default=int)")
    found = rewritten(django, ITEM, SHELF, RUN, unnamed, above=SQL)
    assert found == ["CreateModel", "CreateModel", "RunPython"]


def test_code_that_looks_at_what_models_are_made_of_waits_for_no_change(
    django: Interpreter,
) -> None:
    change = add("shelf", "IntegerField(null=True)")
    found = rewritten(django, ITEM, SHELF, RUN, change, above=LOOKS)
    assert found == ["CreateModel", "CreateModel", "RunPython", "AddField"]


def test_code_that_has_not_landed_waits_for_nothing(django: Interpreter) -> None:
    found = rewritten(django, ITEM, SHELF, RUN, ELSEWHERE["uniqueness"], late=True)
    assert "has not landed" in found


INDEX = 'migrations.AddIndex("shelf", models.Index(fields=["name"], name="named"))'
UNIQUE = 'migrations.AddConstraint("shelf", models.UniqueConstraint(fields=["name"], name="one"))'
POINTS = create("Pin", '("to", models.ForeignKey("shop.Shelf", models.CASCADE))')


def test_an_index_does_not_keep_a_field_from_its_model(django: Interpreter) -> None:
    more = add("shelf", "IntegerField(null=True)")
    found = rewritten(django, SHELF, ITEM, INDEX, UNIQUE, ELSEWHERE["less length"], more)
    assert "AlterField" not in found
    assert "AddField" not in found


def test_a_constraint_that_goes_again_is_never_there(django: Interpreter) -> None:
    gone = 'migrations.RemoveConstraint("shelf", "one")'
    found = rewritten(django, SHELF, POINTS, UNIQUE, ITEM, RUN, INDEX, gone)
    assert "Constraint" not in str(found)


ORDER = """
from remigrate.probe import between

found = between.gathered(eval(operations), "shop")
value = [getattr(each, "name", "") or each.old_name for each in found]
"""


def test_a_model_is_renamed_behind_what_points_to_it_by_the_old_name(django: Interpreter) -> None:
    operations = f"[{ITEM}, {POINTS}, migrations.RenameModel('Shelf', 'Board')]"
    assert django.run(ORDER, operations=operations) == ["Item", "Pin", "Shelf"]


def test_models_stay_in_their_order(django: Interpreter) -> None:
    """A field that points to an earlier model can then be a part of a later one."""
    to = 'migrations.AddField("pin", "item", models.ForeignKey("shop.Item", models.CASCADE))'
    found = rewritten(django, ITEM, SHELF, POINTS, INDEX, to)
    assert found == [*["CreateModel"] * 3, "AddIndex"]


BUILD = """
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ProjectState
from remigrate.probe import moving, rewriting

moved = moving.migrate(fresh())
assert not moved.failed, moved.failed
maker = rewriting.Rewriting(
    MigrationLoader(None, ignore_no_migrations=True),
    MigrationAutodetector, moved.watch.effects, "sqlite", (), True)
value = []
for way in ("between", "verbatim"):
    fresh()
    state = ProjectState()
    for each in maker.candidate(way, [("shop", name) for name in names], []).operations:
        old = state.clone()
        each.state_forwards("shop", state)
        with connection.schema_editor(atomic=False) as editor:
            each.database_forwards("shop", editor, old, state)
    told = {}
    for (_, name), model in state.models.items():
        table = f"shop_{name}"
        columns = sorted(row[1:5] for row in select(f"PRAGMA table_info({table})"))
        names_of = ", ".join(row[0] for row in columns)
        fields = {field: each.deconstruct()[1:] for field, each in model.fields.items()}
        options = {key: each for key, each in model.options.items() if each}
        told[name] = [columns, select(f"SELECT {names_of} FROM {table}"),
                      repr(sorted(fields.items())), repr(sorted(options.items())),
                      sorted(row[1:4] for row in select(f"PRAGMA index_list({table})"))]
    value.append(told)
"""
MANY = [
    *(ELSEWHERE["less length"], ELSEWHERE["another name of a field"], ELSEWHERE["a field less"]),
    *(STAYS["less length"], STAYS["a default for old rows"], STAYS["another name of a field"]),
    *(INDEX, UNIQUE),
    add("item", 'ForeignKey("shop.Shelf", models.CASCADE, null=True)'),
]


def _fits(first: str, second: str) -> bool:
    """Whether both can be done, in this order."""
    model = '"shelf"' if '"shelf"' in first else '"item"'
    if model not in second or model not in first:
        return True
    taken = "Rename" in first or "Remove" in first
    indexed = first in (INDEX, UNIQUE) and ("RemoveField" in second or "Rename" in second)
    return not (taken or indexed or ("AddField" in first and "AddField" in second))


@pytest.mark.parametrize(
    "pair", [pair for pair in itertools.permutations(MANY, 2) if _fits(*pair)], ids=str
)
def test_whatever_code_waits_for_leaves_the_same_database_and_state(
    django: Interpreter, pair: tuple[str, str]
) -> None:
    names = files(django, ITEM, SHELF, RUN, *pair)
    between, verbatim = django.run(BUILD, names=names)
    assert between == verbatim
