"""A migration that decides for itself what it does is told, and whether that is dangerous."""

from __future__ import annotations

import pytest

from remigrate.reset.computed import Doubt, doubts

CHOSEN = "its operations are chosen while the file is imported"


def migration(body: str, above: str = "") -> bytes:
    """Lines of a class that begins on line 4, or below `above`."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    head = "from django.conf import settings\nfrom django.db import connection, migrations\n"
    return f"{head}{above}\nclass Migration(migrations.Migration):\n{lines}".encode()


ADD = 'migrations.AddField("item", "a", models.TextField())'


@pytest.mark.parametrize(
    "body",
    [
        f"operations = [{ADD}]",
        f"operations = [{ADD}, *MORE]",
        f"operations = ({ADD},)",
        "operations = FIRST + SECOND",
        "operations = [made(name) for name in NAMES]",
        'operations = [migrations.RunSQL("a" if settings.DEBUG else "b")]',
        "operations: list = []",
        "if settings.DEBUG:\n    dependencies = []",
        "def forwards(self, apps, schema_editor):\n    if connection.vendor: pass",
        "other = [1] if connection.vendor else []\noperations = []",
        "for name in NAMES:\n    pass",
    ],
)
def test_what_always_says_the_same_raises_no_doubt(body: str) -> None:
    assert doubts(migration(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        "operations = [A] if connection.vendor == 'mysql' else [B]",
        "operations = [A, *([B] if connections['default'].vendor == 'mysql' else [])]",
        "operations = [A] + ([B] if settings.DATABASES['default']['ENGINE'] else [])",
        "operations = ([B] if connection.features.supports_x else []) + [A]",
        "operations: list = [A] if connection.vendor else []",
        "operations = ([A] if vendor else [],)",
        "operations = [make(name) for name in NAMES if name != connection.vendor]",
        "if connection.vendor == 'mysql':\n    operations = [A]\nelse:\n    operations = []",
        "operations = []\nfor vendor in VENDORS:\n    operations += [A]",
        "operations = []\nwhile connection:\n    operations.append(A)",
        "try:\n    operations = [connection.x]\nexcept Exception:\n    operations = []",
        "with connection.cursor():\n    operations = []",
        "match connection.vendor:\n    case 'mysql':\n        operations = []",
    ],
)
def test_operations_that_the_database_chooses_are_a_serious_doubt(body: str) -> None:
    (doubt,) = doubts(migration(body))
    line = 4 if not body.startswith("operations = []\n") else 5
    assert doubt == Doubt(line + 1, CHOSEN, serious=True)


@pytest.mark.parametrize(
    "body",
    [
        "operations = [A] if settings.DEBUG else [B]",
        "operations = [A for name in NAMES if settings.FLAG]",
        "operations = list(A for name in NAMES) + [*(B for name in NAMES if name)]",
        "if settings.DEBUG:\n    operations = [A]",
        "try:\n    operations = [B]\nexcept Exception:\n    operations = []",
    ],
)
def test_operations_that_settings_choose_are_no_serious_doubt(body: str) -> None:
    assert doubts(migration(body)) == [Doubt(5, CHOSEN, serious=False)]


@pytest.mark.parametrize(
    "name", ["__init__", "__init_subclass__", "apply", "unapply", "mutate_state"]
)
@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_migration_with_a_way_of_its_own_is_a_serious_doubt(name: str, prefix: str) -> None:
    body = f"operations = []\n{prefix}def {name}(self, *args):\n    pass"
    assert doubts(migration(body)) == [Doubt(6, f"it has a method {name} of its own", serious=True)]


def test_every_doubt_is_told_in_the_order_of_the_file() -> None:
    body = "operations = [A] if settings.DEBUG else []\ndef apply(self):\n    pass"
    assert [doubt.line for doubt in doubts(migration(body))] == [5, 6]


def test_a_class_that_is_no_migration_may_do_what_it_likes() -> None:
    above = "class Operation:\n    operations = [A] if connection.vendor else []\n"
    assert doubts(migration("operations = []", above)) == []


def test_a_migration_inside_of_a_decision_is_looked_at_too() -> None:
    source = migration("operations = [A] if connection.vendor else []").decode()
    head, _, kind = source.partition("class Migration")
    nested = "\n".join(f"    {line}" for line in f"class Migration{kind}".splitlines())
    assert doubts(f"{head}if True:\n{nested}\n".encode()) == [Doubt(6, CHOSEN, serious=True)]


def test_a_file_that_python_cannot_read_is_left_to_others() -> None:
    assert doubts(b"class Migration(:\n") == []


@pytest.mark.parametrize(
    "above",
    [
        "if connection.vendor == 'postgresql':\n    OPERATIONS = []\nelse:\n    OPERATIONS = [1]\n",
        "OPERATIONS = [1] if connections['default'].vendor == 'sqlite' else []\n",
    ],
)
def test_a_module_that_looks_at_the_database_is_serious_wherever_it_does(above: str) -> None:
    source = (
        f"from django.db import connection\n{above}class Migration:\n    operations = OPERATIONS\n"
    )
    assert [found.serious for found in doubts(source.encode())] == [True]


def test_what_functions_do_with_the_database_is_for_later() -> None:
    source = (
        "from django.db import connection\n\n"
        "def fill(apps, schema_editor):\n    connection.cursor()\n\n"
        "class Migration:\n    operations = [RunPython(lambda a, e: e.connection.vendor)]\n"
    )
    assert doubts(source.encode()) == []
