"""A guard is put into a migration that stays: it runs, and nothing else of the file changes."""

from __future__ import annotations

import ast

import pytest

from remigrate.facts import GUARD, GUARD_OPERATION, MARK, UNMARK
from remigrate.probe import guard
from remigrate.reader import operations, parse
from remigrate.reset.guards import guarded, is_guard_alone, marked
from remigrate.reset.page import Uneditable
from remigrate.rules import landed_edited, unguarded_squash
from tests.reset.interpreter import Interpreter
from tests.rules.verbs import app, clean, migration

SQUASH = ("shop", "0001_squashed_0002_b")
OTHER = ("blog", "0001_squashed_0009_z")
MESSAGE = "Deploy commit 0123456789ab first."
HEAD = "from django.db import migrations, models\n\n\n"
ADD = 'migrations.AddField("item", "c", models.IntegerField(null=True))'
DEPENDS = '    dependencies = [("shop", "0001_squashed_0002_b")]\n'

CHOOSING = "class Migration(migrations.Migration):\n" + DEPENDS + "    if {}migrations:\n"


def test_the_guard_has_one_name() -> None:
    """The probe brings nothing of ours, and what it sends is text: the name is spelled three times.
    Were they different, ``check`` would call every squash that reset wrote unguarded."""
    (function,) = ast.parse(guard.source([SQUASH], MESSAGE)).body
    assert isinstance(function, ast.FunctionDef)
    assert function.name == guard.NAME == GUARD
    mark, unmark, kind = ast.parse(guard.mark(SQUASH) + guard.operation()).body
    assert isinstance(mark, ast.FunctionDef)
    assert isinstance(unmark, ast.FunctionDef)
    assert isinstance(kind, ast.ClassDef)
    assert (mark.name, guard.MARK) == (MARK, MARK)
    assert (unmark.name, guard.UNMARK) == (UNMARK, UNMARK)
    assert (kind.name, guard.OPERATION) == (GUARD_OPERATION, GUARD_OPERATION)
    (entrance,) = ast.parse(guard.entrance(SQUASH, "0001_a", MESSAGE)).body
    assert isinstance(entrance, ast.FunctionDef)
    assert entrance.name == guard.ENTRANCE


def kind(value: str, attribute: str = "operations") -> str:
    return f"class Migration(migrations.Migration):\n{DEPENDS}    {attribute} = {value}\n"


SHAPES = {
    "one line": HEAD + kind(f"[{ADD}]"),
    "a line each": HEAD + kind(f"[\n        {ADD},\n        migrations.RunSQL(''),\n    ]"),
    "nothing": HEAD + kind("[]"),
    "nothing in two lines": HEAD + kind("[\n    ]"),
    "a comment": HEAD + kind("[\n        # none yet\n    ]"),
    "a comment before the first": HEAD
    + kind(f"[  # all\n        # the first\n        {ADD},\n    ]"),
    "no comma at the end": HEAD + kind(f"[\n        {ADD}\n    ]"),
    "windows": (HEAD + kind(f"[\n        {ADD},\n    ]")).replace("\n", "\r\n"),
    "tabs": HEAD + kind(f"[\n\t\t{ADD},\n\t]").replace("    ", "\t"),
    "an alias": "from django.db import migrations as m, models\n\n\n"
    + kind(f"[\n        {ADD},\n    ]").replace("migrations.", "m."),
    "no module": "import django.db.models as models\n"
    "from django.db.migrations import AddField, Migration as Base\n\n\n"
    "class Migration(Base):\n" + DEPENDS + '    operations = [AddField("item", "c", '
    "models.IntegerField(null=True))]\n",
    "only the package": "import django\nfrom django import db\nfrom django.db import models\n"
    "import django.db.migrations\n\n\n" + kind(f"[{ADD}]").replace("migrations.", "db.migrations."),
    "a decorator": HEAD + "def same(kind):\n    return kind\n\n\n@same\n" + kind(f"[{ADD}]"),
    "two decorators": HEAD
    + "def same(*names):\n    return lambda kind: kind\n\n\n@same(\n    1,\n)\n@same()\n"
    + kind(f"[{ADD}]"),
    "a docstring and a future": '"""Adds it."""\n\nfrom __future__ import annotations\n\n'
    + HEAD
    + kind(f"[{ADD}]"),
    "no module but a future": '"""Adds it."""\n\nfrom __future__ import annotations\n\n'
    "from django.db.migrations import Migration as Base\n\n\nclass Migration(Base):\n"
    + DEPENDS
    + "    operations = []\n",
    "no end": (HEAD + kind(f"[{ADD}]")).rstrip("\n"),
    "a type": HEAD + kind(f"[{ADD}]", "operations: list"),
    "a sum": HEAD + kind(f"[\n        {ADD},\n    ] + []"),
    "other names": "# ä €\n" + HEAD + "NAMES = ['ä']\n\n\n" + kind(f"[{ADD}]"),
    "a mark": "\ufeff" + HEAD + kind(f"[{ADD}]"),
    "set twice": HEAD
    + kind("[migrations.RunSQL('no such thing')]")
    + f"    operations = [{ADD}]\n",
    "more at the end": HEAD + kind("[]") + f"    operations += [{ADD}]\n",
    "below another class": HEAD + "class Old:\n    operations = []\n\n\n" + kind(f"[{ADD}]"),
    "chosen": HEAD + CHOOSING.format("") + f"        operations = [{ADD}]\n",
    "chosen by nothing": HEAD + CHOOSING.format("not ") + f"        operations = [{ADD}]\n",
}
WRITTEN = sorted(set(SHAPES) - {"a sum", "chosen", "chosen by nothing"})


def insert(source: str, *squashes: tuple[str, str], gone: tuple[tuple[str, str], ...] = ()) -> str:
    return guarded(source.encode(), squashes or (SQUASH,), MESSAGE, gone).decode()


FIRST = """[migrations.CreateModel("Item", [("id", models.AutoField(primary_key=True))])]"""
OLD = {"_0001_a": migration(body=FIRST), "_0002_b": migration("0001_a")}
NEW = {"_0001_squashed_0002_b": migration(replaces=["0001_a", "0002_b"], body=FIRST)}
MIGRATE = """
from django.core.management import call_command
from django.core.management.base import CommandError
try:
    call_command("migrate", *to, verbosity=0)
    value = ""
except CommandError as error:
    value = str(error)
"""


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_guard_runs_before_all_else(process: Interpreter, shape: str) -> None:
    text = insert(SHAPES[shape])
    process.forget()
    process.run("fresh()")
    process.migrations(**NEW, _0003_c=text)
    assert process.run(MIGRATE, to=[]) == ""
    process.run("fresh()")
    process.migrations(**OLD)
    assert process.run(MIGRATE, to=["shop", "0001_a"]) == ""
    process.migrations(**NEW, _0003_c=text)
    said = process.run(MIGRATE, to=[])
    assert said.startswith(guard.BEHIND)
    assert said.endswith(MESSAGE)
    assert process.run('value = len(select("PRAGMA table_info(shop_item)"))') == 1


@pytest.mark.parametrize("shape", WRITTEN)
def test_it_counts_as_no_change_and_as_a_guard(shape: str) -> None:
    text = insert(SHAPES[shape])
    base = app(_1_a=OLD["_0001_a"], _2_b=OLD["_0002_b"]) | {
        "shop/migrations/0003_c.py": SHAPES[shape].replace("0001_squashed_0002_b", "0002_b")
    }
    head = app(_1_squashed_0002_b=NEW["_0001_squashed_0002_b"]) | {
        "shop/migrations/0003_c.py": text
    }
    clean(landed_edited, head, base)
    if "decorator" not in shape:  # nobody can tell what such a migration depends on
        clean(unguarded_squash, head, base)


@pytest.mark.parametrize("shape", WRITTEN)
def test_nothing_but_the_guard_is_new(shape: str) -> None:
    before, text = SHAPES[shape], insert(SHAPES[shape])
    rest = iter(text.splitlines(keepends=True))
    for line in before.splitlines(keepends=True):
        if ADD in line or "operations" in line:
            continue
        assert line in rest, line
    assert ("\r\n" in text) is ("\r\n" in before)
    assert text.count("\n") == text.count("\r\n") or "\r" not in text
    assert text.startswith("\ufeff") is before.startswith("\ufeff")
    old, new = (operations(_tree(each)) for each in (before, text))
    assert [each.name for each in new[1:]] == [each.name for each in old]
    assert (new[0].name, new[0].code, new[0].elidable) == (guard.OPERATION, guard.NAME, True)


def _tree(text: str) -> ast.Module:
    tree = parse(text.encode())
    assert isinstance(tree, ast.Module)
    return tree


def test_it_stands_on_a_line_of_its_own_where_the_others_do() -> None:
    text = insert(SHAPES["a line each"])
    assert (
        "    operations = [\n"
        "        RunWithoutModels(stop_if_lagging, migrations.RunPython.noop, elidable=True),\n"
        f"        {ADD},\n"
    ) in text
    assert "\n\n\ndef stop_if_lagging(apps, schema_editor):\n" in text
    assert "                )\n\n\nclass RunWithoutModels(migrations.RunPython):\n" in text
    assert "            self.code(None, schema_editor)\n\n\nclass Migration" in text


def test_two_squashes_are_asked_for_in_the_order_of_their_names() -> None:
    text = insert(SHAPES["one line"], SQUASH, OTHER)
    assert text.index(OTHER[1]) < text.index(SQUASH[1] + '"),')
    assert text.count("def stop_if_lagging") == 1


# A guard that is there already


def asked(text: str) -> list[tuple[str, str]]:
    (function,) = [
        node
        for node in ast.walk(_tree(text))
        if isinstance(node, ast.FunctionDef) and node.name == guard.NAME
    ]
    loop = next(node for node in ast.walk(function) if isinstance(node, ast.For))
    found: list[tuple[str, str]] = ast.literal_eval(loop.iter)
    return found


@pytest.mark.parametrize("shape", WRITTEN)
def test_a_guard_that_is_there_asks_for_more(shape: str) -> None:
    once = insert(SHAPES[shape])
    twice = insert(once, OTHER)
    assert asked(twice) == [OTHER, SQUASH]
    assert [op.code for op in operations(_tree(twice))].count(guard.NAME) == 1
    assert insert(twice, SQUASH, OTHER) == twice
    assert insert(SHAPES[shape], SQUASH, OTHER) == twice


def earlier(text: str) -> str:
    """As guards were written at first: called by an operation that makes all models."""
    return text.replace(f"\n\n{guard.operation()}", "").replace(
        guard.OPERATION, "migrations.RunPython"
    )


def test_a_guard_of_an_earlier_form_is_known_and_asks_for_more() -> None:
    once = earlier(insert(SHAPES["a line each"]))
    assert guard.OPERATION not in once
    twice = insert(once, OTHER)
    assert asked(twice) == [OTHER, SQUASH]
    assert twice == earlier(insert(SHAPES["a line each"], SQUASH, OTHER))
    alone = earlier(insert(SHAPES["nothing"]))
    assert is_guard_alone(_tree(alone))


def test_a_squash_that_is_gone_is_asked_for_no_more() -> None:
    once = insert(SHAPES["a line each"])
    again = ("shop", "0001_squashed_again")
    assert asked(insert(once, again, gone=(SQUASH, ("shop", "0003_c")))) == [again]


def test_a_guard_gets_the_words_of_the_last_reset() -> None:
    once = insert(SHAPES["a line each"])
    text = guarded(once.encode(), [SQUASH], "Deploy tag v2 first.", ()).decode()
    assert "v2" in text
    assert "0123456789ab" not in text


def test_a_file_keeps_its_encoding() -> None:
    head = "# -*- coding: latin-1 -*-\n# ä\n"
    before = (head + SHAPES["one line"]).encode("latin-1")
    text = guarded(before, [SQUASH], "Grüße: deploy first.", ()).decode("latin-1")
    assert text.startswith(head)
    assert "Grüße" in text
    assert "Grüße" in guarded(text.encode("latin-1"), [OTHER], "Grüße!", ()).decode("latin-1")
    with pytest.raises(Uneditable, match="no such character"):
        guarded(before, [SQUASH], "€", ())


# What cannot be edited


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + kind("[]").replace("operations", "others"), 4),
        (HEAD + "class Migration(:\n", 4),
    ],
)
def test_where_there_are_no_operations_the_line_is_told(text: str, line: int) -> None:
    with pytest.raises(Uneditable) as caught:
        insert(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        HEAD + kind("()"),
        HEAD + kind("made()"),
        SHAPES["a sum"],
        HEAD + "OPERATIONS = []\n\n\n" + kind("OPERATIONS"),
        HEAD + kind("[]") + "    if MORE:\n        operations = []\n",
        HEAD + kind("[]") + "    operations = made()  # all of them\n",
        HEAD + kind("made()").rstrip("\n"),
    ],
)
def test_a_list_that_is_not_written_out_gets_the_guard_behind_all_that_makes_it(text: str) -> None:
    found = insert(text)
    migration = next(each for each in reversed(_tree(found).body) if isinstance(each, ast.ClassDef))
    last = migration.body[-1]
    assert isinstance(last, ast.Assign)
    assert ast.unparse(last.value).startswith("[RunWithoutModels(stop_if_lagging, ")
    ends = (", *operations]", ", *locals().get('operations', ())]")
    assert ast.unparse(last.value).endswith(ends)
    assert text.rstrip("\n").rpartition("\n")[2] in found


# A mark

BEFORE = "before {}: made anew".format
ROWS = """
rows = select("SELECT name FROM django_migrations WHERE name LIKE '%made anew'")
value = [row[0] for row in rows]
"""


def mark(source: str, squash: tuple[str, str] = SQUASH) -> str:
    return marked(source.encode(), squash).decode()


@pytest.mark.parametrize("shape", WRITTEN)
def test_a_mark_stands_behind_the_guard_and_counts_as_no_change(shape: str) -> None:
    old = operations(_tree(SHAPES[shape]))
    for text in (mark(SHAPES[shape]), mark(insert(SHAPES[shape])), insert(mark(SHAPES[shape]))):
        new = operations(_tree(text))
        ours = [guard.NAME, guard.MARK] if guard.NAME in text else [guard.MARK]
        assert [each.code for each in new[: len(ours)]] == ours
        assert [each.name for each in new[len(ours) :]] == [each.name for each in old]
        assert text.count(f"class {guard.OPERATION}(") == 1
        assert text.count("\n") == text.count("\r\n") or "\r" not in text
        clean(
            landed_edited,
            app(_1_a=migration()) | {"shop/migrations/0003_c.py": text},
            app(_1_a=migration()) | {"shop/migrations/0003_c.py": SHAPES[shape]},
        )


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_mark_is_made_for_the_squash_of_the_last_reset_and_goes_when_undone(
    process: Interpreter, shape: str
) -> None:
    source = SHAPES[shape].replace("RunSQL('')", "RunSQL('', '')")
    text = mark(mark(source, ("shop", "0009_of_an_earlier_one")), SQUASH)
    assert "0009" not in text
    process.forget()
    process.run("fresh()")
    process.migrations(**NEW, _0003_c=text)
    assert process.run(MIGRATE, to=[]) == ""
    assert process.run(ROWS) == [BEFORE(SQUASH[1])]
    assert process.run(MIGRATE, to=["shop", SQUASH[1]]) == ""
    assert process.run(ROWS) == []


# Migrations that do nothing else


@pytest.mark.parametrize("shape", ["nothing", "one line"])
def test_a_migration_that_only_guards_is_known(shape: str) -> None:
    assert is_guard_alone(_tree(insert(SHAPES[shape]))) is (shape == "nothing")
    assert not is_guard_alone(_tree(SHAPES[shape]))


def test_a_broken_file_is_no_guard() -> None:
    assert not is_guard_alone(parse(b"class Migration(:\n"))
