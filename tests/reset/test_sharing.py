"""Hand-written operations that follow each other put the models together once."""

from __future__ import annotations

from typing import Any

from tests.reset.interpreter import Interpreter, migration

ID = '("id", models.AutoField(auto_created=True, primary_key=True, serialize=False))'
NAME = '("name", models.CharField(max_length=9, default="a"))'
SEED = """

def seed(apps, schema_editor):
    item = apps.get_model("shop", "Item").objects.create(price=2)
    apps.get_model("shop", "Note").objects.create(item=item)


def check(apps, schema_editor):
    note = apps.get_model("shop", "Note")
    assert note.objects.last().item.price == 2
    assert note._meta.get_field("item").related_model is apps.get_model("shop", "Item")
"""
POINTS = '("item", models.ForeignKey("shop.Item", models.CASCADE))'
CODE = "migrations.RunPython({})"
PRICE = 'migrations.AddField("item", "price", models.IntegerField(default=1))'
STEPS = [
    f'migrations.CreateModel("Item", [{ID}, {NAME}])',
    f'migrations.CreateModel("Note", [{ID}, {POINTS}])',
    PRICE,  # puts off that Note is rendered anew
    CODE.format("seed"),
    CODE.format("check"),
    CODE.format("check"),
]
WRITE = """
from types import SimpleNamespace
from pathlib import Path
from remigrate.probe import carrying, sharing

loader = MigrationLoader(None, ignore_no_migrations=True)
old = loader.disk_migrations["shop", "0001"]
package = MigrationLoader.migrations_module("shop")[0]
kind = type("Migration", (migrations.Migration,), {
    "operations": sharing.shared(old.operations), "__module__": "x"})
source = Path(loader.disk_migrations["shop", "0001"].__class__.__module__.replace(".", "/") + ".py")
text = (Path(folder) / source).read_text()
value = carrying.write(kind("0001", "shop"), {f"{package}.0001": text, **sharing.SOURCES})
"""
COUNT = """
from django.db.migrations.state import ModelState
from remigrate.probe import moving

rendered, original = [], ModelState.render
ModelState.render = lambda state, apps: rendered.append(state.name) or original(state, apps)
try:
    moved = moving.migrate(fresh())
finally:
    ModelState.render = original
assert not moved.failed, moved.failed
value = len(rendered)
"""


def renders(django: Interpreter, text: str) -> Any:
    """How many models are rendered while an empty database is migrated."""
    django.migrations(_0001=text)
    return django.run(COUNT)


def rewritten(django: Interpreter, text: str) -> str:
    """The text of the migration, as a reset writes it."""
    django.migrations(_0001=text)
    return str(django.run(WRITE, folder=str(django.folder)))


def test_several_functions_work_with_the_models_of_the_first_one(django: Interpreter) -> None:
    old = migration(operations=f"[{', '.join(STEPS)}]", above=SEED)
    new = rewritten(django, old)
    # ContentType, Item and Note: for the second, the third, and the signal at the end.
    assert renders(django, old) - renders(django, new) == 9
    assert new.count("RunAndKeepModels(") == 2  # the class, and one use of it


def test_functions_behind_a_change_get_the_models_as_they_are_then(django: Interpreter) -> None:
    late = 'migrations.AddField("item", "size", models.IntegerField(default=3))'
    above = SEED + (
        "\n\ndef measure(apps, schema_editor):\n"
        '    assert apps.get_model("shop", "Note").objects.last().item.size == 3\n'
    )
    steps = [*STEPS, late, CODE.format("measure"), CODE.format("measure")]
    new = rewritten(django, migration(operations=f"[{', '.join(steps)}]", above=above))
    assert new.count("RunAndKeepModels(") == 3
    renders(django, new)


def test_a_function_on_its_own_is_called_as_it_was(django: Interpreter) -> None:
    old = migration(operations=f"[{', '.join(STEPS[:4])}]", above=SEED)
    assert "RunAndKeepModels" not in rewritten(django, old)


def test_a_second_reset_writes_the_same(django: Interpreter) -> None:
    first = rewritten(django, migration(operations=f"[{', '.join(STEPS)}]", above=SEED))
    assert rewritten(django, first) == first


def test_what_the_operation_was_told_is_kept(django: Interpreter) -> None:
    told = "migrations.RunPython(seed, check, atomic=False, hints={'a': 1}, elidable=True)"
    steps = [*STEPS[:3], told, CODE.format("check")]
    new = rewritten(django, migration(operations=f"[{', '.join(steps)}]", above=SEED))
    for words in ("reverse_code=check", "atomic=False", "hints={'a': 1}", "elidable=True"):
        assert words in new.replace('"', "'")
