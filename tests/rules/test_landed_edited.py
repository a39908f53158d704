import pytest

from remigrate.model import MAX_BYTES
from remigrate.rules import landed_edited as rule
from tests.rules.verbs import app, clean, finds, line_in, migration

CODE = '''\
"""Adds the price."""
import json
from django.db import migrations, models


def fill(apps, schema_editor):
    """Fills it."""
    apps.get_model("shop", "Order").objects.update(price=1)


class Migration(migrations.Migration):
    """The price."""

    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("order", "price", models.IntegerField(default=0)),
        migrations.RunPython(fill),
    ]
'''
FIRST = migration()
BASE = app(_1_initial=FIRST, _2_price=CODE)


def changed(old: str, new: str) -> dict[str, str | bytes]:
    assert old in CODE
    return app(_1_initial=FIRST, _2_price=CODE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("default=0", "default=1", "default=1"),
        ("update(price=1)", "update(price=2)", "def fill"),
        ("import json", "import orjson as json", "orjson"),
        ("        migrations.RunPython(fill),\n", "", "class Migration"),
        (
            "[\n        migrations.Add",
            "[\n        migrations.RunSQL(''),\n        migrations.Add",
            "RunSQL",
        ),
        ("    operations", "    atomic = False\n    operations", "atomic"),
        (
            '("shop", "0001_initial")',
            '("shop", "0001_initial"), ("auth", "0001_initial")',
            "class Migration",
        ),
    ],
)
def test_code_that_does_something_else_now(old: str, new: str, at: str) -> None:
    head = changed(old, new)
    finding = finds(rule, head, BASE)
    assert finding.severity == "warning"
    assert finding.migrations == ("shop.0002_price",)
    assert finding.line == line_in(head["shop/migrations/0002_price.py"], at)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Adds the price."""', "# Adds the price."),
        ('    """Fills it."""\n', ""),
        ('    """The price."""\n\n', ""),
        (
            "import json\nfrom django.db import migrations, models",
            "from django.db import models, migrations\nimport json",
        ),
        ("default=0)", "default=0,\n        )"),
        ("operations = [", "operations = [  # two"),
    ],
)
def test_what_is_no_change(old: str, new: str) -> None:
    clean(rule, changed(old, new), BASE)


def test_a_dependency_that_follows_a_squash() -> None:
    squash = app(_1_squashed=migration(replaces=["0001_initial"]))
    source = CODE.replace("0001_initial", "0001_squashed")
    clean(rule, squash | app(_2_price=source), BASE)


def test_replaces_that_has_done_its_work() -> None:
    squash = app(_1_squashed=migration(replaces=["0001_initial"]))
    clean(
        rule, app(_1_squashed=FIRST, _2_price=CODE), app(_1_initial=FIRST, _2_price=CODE) | squash
    )


@pytest.mark.parametrize("row", ["# nothing\n", "DATA = [\n"])
def test_a_file_that_is_too_large_is_not_compared(row: str) -> None:
    large = app(_1_initial=FIRST, _2_price=CODE + row * (MAX_BYTES // len(row)))
    clean(rule, large, BASE)
    clean(rule, BASE, large)


def test_a_broken_file_is_left_to_another_rule() -> None:
    clean(rule, changed("class Migration", "class class"), BASE)


GUARD = "def stop_if_lagging(apps, schema_editor):\n    pass\n\n\n"
CALL = "        migrations.RunPython(stop_if_lagging, migrations.RunPython.noop, elidable=True),\n"


def guarded(source: str = CODE, guard: str = GUARD) -> str:
    return source.replace("class Migration", f"{guard}class Migration").replace(
        "    operations = [\n", f"    operations = [\n{CALL}"
    )


def test_a_guard_in_front_of_the_operations_is_no_change() -> None:
    assert guarded() != CODE
    clean(rule, app(_1_initial=FIRST, _2_price=guarded()), BASE)
    other = guarded(guard=GUARD.replace("pass", "raise SystemExit"))
    clean(rule, app(_1_initial=FIRST, _2_price=other), app(_1_initial=FIRST, _2_price=guarded()))


CLASS = "class RunWithoutModels(migrations.RunPython):\n    pass\n\n\n"


def test_a_class_is_only_part_of_a_guard_where_there_is_one() -> None:
    clean(rule, app(_1_initial=FIRST, _2_price=guarded(guard=GUARD + CLASS)), BASE)
    text = CODE.replace("class Migration", f"{CLASS}class Migration")
    finding = finds(rule, app(_1_initial=FIRST, _2_price=text), BASE)
    assert finding.line == line_in(text, "class RunWithoutModels")


def test_what_else_changes_beside_a_guard_is_found() -> None:
    text = guarded().replace("default=0", "default=1")
    finding = finds(rule, app(_1_initial=FIRST, _2_price=text), BASE)
    assert finding.line == line_in(text, "default=1")


def test_a_function_that_is_called_like_something_else_is_a_change() -> None:
    text = guarded().replace("stop_if_lagging", "start")
    finding = finds(rule, app(_1_initial=FIRST, _2_price=text), BASE)
    assert finding.line == line_in(text, "def start")


def test_the_import_that_a_guard_needs_is_no_change() -> None:
    plain = CODE.replace("from django.db import migrations, models", "from django.db import models")
    text = guarded(plain, f"from django.db import migrations\n\n\n{GUARD}")
    clean(rule, app(_1_initial=FIRST, _2_price=text), app(_1_initial=FIRST, _2_price=plain))
    without = plain.replace("import json", "import json\nfrom django.db import migrations")
    finds(rule, app(_1_initial=FIRST, _2_price=without), app(_1_initial=FIRST, _2_price=plain))


def test_attributes_with_types_are_read_like_others() -> None:
    typed = CODE.replace("operations =", "operations: list =").replace(
        "dependencies =", "dependencies: list ="
    )
    base = app(_1_initial=FIRST, _2_price=typed)
    squash = app(_1_squashed=migration(replaces=["0001_initial"]))
    source = typed.replace("0001_initial", "0001_squashed").replace(
        "    operations: list = [\n", f"    operations: list = [\n{CALL}"
    )
    clean(rule, squash | app(_2_price=source), base)
    text = typed.replace("update(price=1)", "update(price=2)")
    finds(rule, app(_1_initial=FIRST, _2_price=text), base)
    text = typed.replace("default=0", "default=1")
    finding = finds(rule, app(_1_initial=FIRST, _2_price=text), base)
    assert finding.line == line_in(text, "default=1")
