"""Which changes of models may pass hand-written code, so that a squash gets shorter."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.reset.interpreter import Interpreter, migration

ID = '("id", models.AutoField(auto_created=True, primary_key=True, serialize=False))'
NAME = 'models.CharField("name", max_length=9)'
ITEM = f'migrations.CreateModel("Item", [{ID}, ("name", {NAME})])'
SEED = """

def seed(apps, schema_editor):
    apps.get_model("shop", "Item").objects.create(name="a")
"""
REWRITE = """
from django.db.migrations.autodetector import MigrationAutodetector
from remigrate.probe import derived, moving, rewriting

moved = moving.migrate(connection)
assert not moved.failed, moved.failed
maker = rewriting.Rewriting(
    MigrationLoader(None, ignore_no_migrations=True),
    MigrationAutodetector, moved.watch.effects, "sqlite", [tuple(key) for key in late], True)
keys = [("shop", name) for name in names]
value = {}
for way in ("early", "faithful"):
    try:
        found = maker.candidate(way, keys, [])
    except derived.Impossible as error:
        value[way] = str(error)
    else:
        value[way] = [type(each).__name__ for each in found.operations]
        fields = dict(found.operations[0].fields)
        value[way + " name"] = str(fields["name"].verbose_name), fields["name"].max_length
        value[way + " origins"] = [key[1] for key in found.origins]
"""


def rewritten(django: Interpreter, *steps: str, above: str = SEED, late: bool = False) -> Any:
    """The ways of migrations with one operation each; those that call `seed` have its code."""
    files: dict[str, str] = {}
    for at, step in enumerate(steps, 1):
        code = above if "seed" in step else ""
        before = [f"{at - 1:04}"] if at > 1 else []
        files[f"_{at:04}"] = migration(*before, operations=f"[{step}]", above=code)
    django.migrations(**files)
    names = [name[1:] for name in files]
    return django.run(REWRITE, names=names, late=[["shop", name] for name in names if late])


RUN = "migrations.RunPython(seed)"


def alter(field: str, name: str = "name") -> str:
    return f'migrations.AlterField("item", "{name}", {field})'


def add(field: str, more: str = "") -> str:
    return f'migrations.AddField("item", "price", models.{field}{more})'


WORDS = {
    "another label": alter('models.CharField("label", max_length=9)'),
    "a help text": alter('models.CharField("name", max_length=9, help_text="?", blank=True)'),
    "choices": alter('models.CharField("name", max_length=9, choices=[("a", "A")])'),
    "labels of a model": 'migrations.AlterModelOptions("item", {"verbose_name": "thing"})',
}
ROOM = {
    "more length": alter('models.CharField("name", max_length=10)'),
    "null": alter('models.CharField("name", max_length=9, null=True)'),
    "an index of a field": alter('models.CharField("name", max_length=9, db_index=True)'),
    "a field that may be null": add("IntegerField(null=True)"),
    "a field with a default": add("IntegerField(default=1)"),
    "a field for many": add('ManyToManyField("shop.Item")'),
}
NEVER = {
    "less length": alter('models.CharField("name", max_length=8)'),
    "another type": alter("models.TextField()"),
    "another column": alter('models.CharField("name", max_length=9, db_column="other")'),
    "uniqueness": alter('models.CharField("name", max_length=9, unique=True)'),
    "another default": alter('models.CharField("name", max_length=9, default="b")'),
    "a default for old rows": add("IntegerField(default=1)", ", preserve_default=False"),
    "a default that is called": add("IntegerField(default=int)"),
    "a time": add("DateTimeField(auto_now=True, null=True)"),
    "an order of rows": 'migrations.AlterModelOptions("item", {"ordering": ["name"]})',
    "a name": 'migrations.RenameField("item", "name", "title")',
    "uniqueness together": 'migrations.AlterUniqueTogether("item", {("id", "name")})',
    "managers": 'migrations.AlterModelManagers("item", [("all", models.Manager())])',
}


def passes(django: Interpreter, change: str, above: str = SEED) -> bool:
    """Whether the change became a part of the model before the seed."""
    found = rewritten(django, ITEM, RUN, change, above=above)
    kind = change.partition("(")[0].rpartition(".")[2]
    assert found["faithful"] == ["CreateModel", "RunPython", kind]
    assert found["early"] in (found["faithful"], ["CreateModel", "RunPython"])
    return bool(found["early"] != found["faithful"])


@pytest.mark.parametrize("change", [*WORDS.values(), *ROOM.values()], ids=[*WORDS, *ROOM])
def test_what_code_that_writes_rows_cannot_notice_may_pass_it(
    django: Interpreter, change: str
) -> None:
    assert passes(django, change)


@pytest.mark.parametrize("change", NEVER.values(), ids=NEVER)
def test_what_rows_could_tell_stays_behind_the_code(django: Interpreter, change: str) -> None:
    assert not passes(django, change)


@pytest.mark.parametrize("change", [*WORDS.values(), *ROOM.values()], ids=[*WORDS, *ROOM])
def test_only_words_pass_code_that_speaks_to_the_database(django: Interpreter, change: str) -> None:
    execute = SEED + '    schema_editor.execute("SELECT 1")\n'
    assert passes(django, change, execute) is (change in WORDS.values())


BLIND = {
    "fields": "    str([each.name for each in Item._meta.get_fields()])\n",
    "choices": '    str(Item._meta.get_field("name").choices)\n',
    "validation": '    Item(name="b").full_clean()\n',
    "a dictionary": '    str(vars(Item(name="b")))\n',
    "beside it": '    look(Item)\n\n\ndef look(Item):\n    str(Item._meta.get_field("name"))\n',
    "inside": '    (lambda: str(Item._meta.get_field("name")))()\n',
    "the field of a column": "    str(Item.name.field)\n",
}


@pytest.mark.parametrize("code", BLIND.values(), ids=BLIND)
def test_nothing_passes_code_that_looks_at_models(django: Interpreter, code: str) -> None:
    above = SEED + '    Item = apps.get_model("shop", "Item")\n' + code
    for change in (WORDS["another label"], ROOM["more length"]):
        assert not passes(django, change, above)


@pytest.mark.parametrize(
    "step",
    ['migrations.RunSQL("SELECT 1")', "migrations.RunPython(functools.partial(seed))"],
)
def test_nothing_passes_what_cannot_be_read(django: Interpreter, step: str) -> None:
    above = f"\n\nimport functools\n{SEED}"
    found = rewritten(django, ITEM, step, WORDS["another label"], above=above)
    assert found["early"] == found["faithful"]


def test_code_of_others_lets_only_words_pass(django: Interpreter) -> None:
    above = f"\n\nfrom sqlite3.dbapi2 import connect\n{SEED}    connect\n"
    assert passes(django, WORDS["another label"], above)
    assert not passes(django, ROOM["null"], above)


def test_each_code_is_asked_for_what_it_sees(django: Interpreter) -> None:
    """The last length is more than the second seed saw, but less than the first one did."""
    shorter, longer = (alter(f'models.CharField("name", max_length={size})') for size in (5, 7))
    found = rewritten(django, ITEM, RUN, shorter, RUN, longer)
    assert found["early"] == ["CreateModel", "RunPython", "AlterField", "RunPython"]
    assert found["early name"][1] == 9


def test_a_change_that_stays_does_not_keep_others_from_passing(django: Interpreter) -> None:
    stays = add("IntegerField(default=1)", ", preserve_default=False")
    found = rewritten(django, ITEM, RUN, stays, WORDS["another label"])
    assert found["early"] == ["CreateModel", "RunPython", "AddField"]
    assert found["early name"] == ["label", 9]
    assert found["early origins"][1:] == ["0002", "0003"]


def test_a_field_that_is_made_anew_does_not_pass(django: Interpreter) -> None:
    price = add("IntegerField(null=True)")
    found = rewritten(django, ITEM, price, RUN, 'migrations.RemoveField("item", "price")', price)
    assert found["early"] == found["faithful"]


def test_what_has_not_landed_is_not_touched(django: Interpreter) -> None:
    found = rewritten(django, ITEM, RUN, WORDS["another label"], late=True)
    assert "has not landed" in found["early"]


BUILD = """
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ProjectState
from remigrate.probe import rewriting

loader = MigrationLoader(None, ignore_no_migrations=True)
maker = rewriting.Rewriting(loader, MigrationAutodetector, {}, "sqlite", (), True)
value = []
for way in ("early", "verbatim"):
    fresh()
    state = ProjectState()
    keys = [("shop", name) for name in names]
    for each in maker.candidate(way, keys, []).operations:
        old = state.clone()
        each.state_forwards("shop", state)
        with connection.schema_editor(atomic=False) as editor:
            each.database_forwards("shop", editor, old, state)
    columns = sorted(row[1:5] for row in select("PRAGMA table_info(shop_item)"))
    names_of = ", ".join(row[0] for row in columns)
    model = state.models["shop", "item"]
    fields = {name: field.deconstruct()[1:] for name, field in model.fields.items()}
    value.append([columns, [list(row) for row in select(f"SELECT {names_of} FROM shop_item")],
                  repr(sorted(fields.items())), repr(sorted(model.options.items()))])
"""
MANY = [
    *(WORDS["another label"], WORDS["labels of a model"], ROOM["more length"], ROOM["null"]),
    *(ROOM["a field that may be null"], ROOM["a field with a default"]),
    *(NEVER["less length"], NEVER["another default"], NEVER["an order of rows"]),
]


@pytest.mark.parametrize("pair", [*itertools.permutations(MANY, 2)], ids=str)
def test_whatever_passes_leaves_the_same_database_and_state(
    django: Interpreter, pair: tuple[str, str]
) -> None:
    if all("AddField" in each for each in pair):
        return
    steps = [ITEM, RUN, pair[0], RUN, pair[1], RUN]
    files = {
        f"_{at:04}": migration(
            *[f"{at - 1:04}"] * (at > 1), operations=f"[{step}]", above=SEED * (step == RUN)
        )
        for at, step in enumerate(steps, 1)
    }
    django.migrations(**files)
    early, verbatim = django.run(BUILD, names=[name[1:] for name in files])
    assert early == verbatim
