"""A database is migrated as `migrate` does it, and all that happens to it is seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reset.interpreter import Interpreter, migration

FIRST = """[
        migrations.CreateModel("Item", [
            ("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=9))]),
    ]"""
MOVE = """
from django.db.models.signals import post_migrate, pre_migrate
from remigrate.probe import moving
signals, seen = [], []

def pre(sender, **options):
    signals.append(["pre", sender.label, options["using"], sorted(
        model._meta.label_lower for model in options["apps"].get_models()), len(options["plan"])])

def post(sender, **options):
    signals.append(["post", sender.label, options["using"], sorted(
        model._meta.label_lower for model in options["apps"].get_models()), len(options["plan"])])

pre_migrate.connect(pre)
post_migrate.connect(post)
try:
    moved = moving.migrate(
        connection, targets and [tuple(key) for key in targets], lambda key: seen.append(key))
finally:
    pre_migrate.disconnect(pre)
    post_migrate.disconnect(post)
watch, failed = moved.watch, moved.failed
value = {
    "applied": watch.applied,
    "after": seen,
    "seconds": [moved.seconds, moved.processor],
    "effects": [[*key, index, tables] for key, found in watch.effects.items()
                for index, tables in found.items()],
    "uses": [[*key, index, sorted(others)] for key, found in watch.uses.items()
             for index, others in found.items()],
    "makers": {table: sorted(labels) for table, labels in watch.makers.items()},
    "failed": failed and [failed.app, failed.name, failed.position, failed.operation,
                          type(failed.error).__name__, str(failed.error)],
    "state": moved.state and sorted(map(list, moved.state.models)),
    "signals": signals,
    "recorded": select("SELECT app, name FROM django_migrations ORDER BY id"),
}
"""


SEED = """

SEED = migrations.RunSQL("INSERT INTO shop_item (name) VALUES ('a')")
"""


def moved(django: Interpreter, *targets: tuple[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = django.run(MOVE, targets=targets or None)
    return found


def seed(code: str, *more: str, operation: str = "migrations.RunPython(seed)") -> str:
    """A migration whose function holds `code`."""
    above = "\n\ndef seed(apps, schema_editor):\n" + "".join(
        f"    {line}\n" for line in ['Item = apps.get_model("shop", "Item")', *code.split("; ")]
    )
    return migration("0001_initial", above=above, operations=f"[{', '.join([operation, *more])}]")


def effects(django: Interpreter, second: str) -> list[Any]:
    """Of the migration 0002_seed after one that makes the table of items."""
    django.migrations(_0001_initial=migration(operations=FIRST), _0002_seed=second)
    found = moved(django)
    assert found["failed"] is None, found["failed"]
    return [each for each in found["effects"] if each[:2] == ["shop", "0002_seed"]]


def test_an_empty_database_is_migrated_to_its_end(django: Interpreter) -> None:
    django.migrations(
        _0001_initial=migration(operations=FIRST),
        _0002_price=migration(
            "0001_initial",
            operations='[migrations.AddField("item", "price", models.IntegerField(null=True))]',
        ),
    )
    found = moved(django)
    assert found["failed"] is None
    own = [["shop", "0001_initial"], ["shop", "0002_price"]]
    assert [each for each in found["applied"] if each[0] == "shop"] == own
    assert found["after"] == found["applied"] == found["recorded"]
    assert min(found["seconds"]) > 0
    assert ["shop", "item"] in found["state"]
    assert moved(django)["applied"] == []


def test_it_may_go_only_some_of_the_way(django: Interpreter) -> None:
    django.migrations(
        _0001_initial=migration(operations=FIRST), _0002_more=migration("0001_initial")
    )
    assert moved(django, ("shop", "0001_initial"))["applied"] == [["shop", "0001_initial"]]
    assert moved(django, ("shop", "0002_more"))["applied"] == [["shop", "0002_more"]]


def test_two_leaves_are_both_gone_to(django: Interpreter) -> None:
    django.migrations(
        _0001_initial=migration(operations=FIRST),
        _0002_a=migration("0001_initial"),
        _0002_b=migration("0001_initial"),
    )
    own = [name for label, name in moved(django)["applied"] if label == "shop"]
    assert own == ["0001_initial", "0002_a", "0002_b"]


# What operations did


SEEDS = {
    "creates a row": ('Item.objects.create(name="a")', ["shop_item"]),
    "creates rows": ('Item.objects.bulk_create([Item(name="a"), Item(name="b")])', ["shop_item"]),
    "creates no rows": ("Item.objects.bulk_create([])", None),
    "reads": ("list(Item.objects.all())", None),
    "counts": ("Item.objects.count(); Item.objects.exists()", None),
    "updates no row": ('Item.objects.update(name="b")', None),
    "updates a row": (
        'Item.objects.create(name="a"); Item.objects.update(name="b")', ["shop_item"]),
    "deletes no row": ("Item.objects.all().delete()", None),
    "makes a content type": (
        'apps.get_model("contenttypes", "ContentType").objects.create(app_label="a", model="b")',
        ["django_content_type"]),
    "writes to two tables": (
        'Item.objects.create(name="a"); '
        'apps.get_model("contenttypes", "ContentType").objects.create(app_label="a", model="b")',
        ["shop_item", "django_content_type"]),
    "makes a table": (
        'schema_editor.execute("CREATE TABLE IF NOT EXISTS own (a int)")', ["own"]),
    "makes a trigger": (
        'schema_editor.execute("CREATE TRIGGER t AFTER INSERT ON shop_item BEGIN SELECT 1;END")',
        ["shop_item"]),
    "makes a view": ('schema_editor.execute("CREATE VIEW v AS SELECT 1")', ["?"]),
    "inserts and tells": (
        'schema_editor.connection.cursor().execute('
        '"INSERT INTO shop_item (name) VALUES (\'a\') RETURNING id").fetchall()', ["shop_item"]),
    "deletes what is not there": (
        'schema_editor.execute("DELETE FROM shop_item WHERE name = \'x\'")', None),
    "is quoted": ('schema_editor.execute(\'INSERT INTO main."shop_item" (name) VALUES (1)\')',
        ["shop_item"]),
    "begins with space": ('schema_editor.execute("\\n  SELECT 1")', None),
    "a pragma": ('schema_editor.execute("PRAGMA cache_size = 100")', None),
    "many at once": (
        'schema_editor.connection.cursor().executemany('
        '"INSERT INTO shop_item (name) VALUES (%s)", [["a"], ["b"]])', ["shop_item"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SEEDS)
def test_what_a_function_writes_to_is_seen(django: Interpreter, name: str) -> None:
    if name == "inserts and tells" and not django.run(
        "import sqlite3; value = sqlite3.sqlite_version_info >= (3, 35)"
    ):
        pytest.skip("this SQLite has no RETURNING")
    code, tables = SEEDS[name]
    wanted = [["shop", "0002_seed", 0, tables]] if tables else []
    assert [
        [*each[:3], sorted(each[3], key=(tables or []).index)]
        for each in effects(django, seed(code))
    ] == wanted


def test_each_operation_has_its_own_effects(django: Interpreter) -> None:
    second = seed(
        'Item.objects.create(name="a")',
        "migrations.RunSQL('SELECT 1')",
        "migrations.RunSQL(['SELECT 2', \"UPDATE shop_item SET name = 'b'\"])",
        "migrations.RunPython(migrations.RunPython.noop)",
    )
    assert effects(django, second) == [
        ["shop", "0002_seed", 0, ["shop_item"]],
        ["shop", "0002_seed", 2, ["shop_item"]],
    ]


def test_what_django_puts_in_after_a_renamed_model_is_not_counted(django: Interpreter) -> None:
    second = seed(
        "apps.get_model('shop', 'Thing').objects.create(name='a')",
        operation='migrations.RenameModel("Item", "Thing"), migrations.RunPython(seed)',
    ).replace('Item = apps.get_model("shop", "Item")', "pass")
    dependency = "contenttypes.0002_remove_content_type_name"
    django.migrations(_0001_initial=migration(dependency, operations=FIRST), _0002_seed=second)
    found = [each[2:] for each in moved(django)["effects"] if each[1] == "0002_seed"]
    assert found == [[0, ["shop_item"]], [1, ["shop_thing"]]]


def test_an_operation_inside_of_another_one_counts_as_that(django: Interpreter) -> None:
    inside = "migrations.SeparateDatabaseAndState(database_operations=[SEED])"
    second = migration("0001_initial", above=SEED, operations=f"[SEED, {inside}]")
    assert effects(django, second) == [
        ["shop", "0002_seed", 0, ["shop_item"]],
        ["shop", "0002_seed", 1, ["shop_item"]],
    ]


def test_every_app_that_changes_a_table_is_known(django: Interpreter) -> None:
    django.migrations(_0001_initial=migration(operations=FIRST))
    django.migrations(
        "blog",
        _0001_initial=migration(
            "shop.0001_initial",
            operations="[migrations.RunSQL(\"INSERT INTO shop_item (name) VALUES ('a')\")]",
        ),
    )
    assert moved(django)["makers"]["shop_item"] == ["blog", "shop"]


def test_a_table_that_sqlite_makes_anew_keeps_its_name(django: Interpreter) -> None:
    django.migrations(
        _0001_initial=migration(operations=FIRST),
        _0002_longer=migration(
            "0001_initial",
            operations='[migrations.AlterField("item", "name", models.CharField(max_length=20))]',
        ),
    )
    makers = moved(django)["makers"]
    assert makers["shop_item"] == ["shop"]
    assert not [table for table in makers if table.startswith("new__")]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO shop_item (name) VALUES ('a')",
        "SELECT 1 FROM shop_item",
        "SELECT * FROM django_migrations AS a INNER JOIN shop_item AS b ON a.id = b.id",
        'UPDATE "shop_item" SET name = 1 WHERE id IN (SELECT id FROM django_migrations)',
    ],
)
def test_what_an_operation_stands_on_is_who_shaped_the_tables_of_other_apps_last(
    django: Interpreter, sql: str
) -> None:
    """Rows that somebody wrote do not make a table."""
    django.migrations(
        _0001_initial=migration(operations=FIRST),
        _0002_longer=migration(
            "0001_initial",
            operations='[migrations.AlterField("item", "name", models.CharField(max_length=20))]',
        ),
        _0003_seed=migration("0002_longer", above=SEED, operations="[SEED]"),
        _0004_index=migration(
            "blog.0001_initial",
            "0003_seed",
            operations='[migrations.AddField("item", "a", models.TextField(null=True))]',
        ),
    )
    text = f"[migrations.RunSQL({sql!r})]"
    django.migrations("blog", _0001_initial=migration("shop.0003_seed", operations=text))
    found = moved(django)
    assert found["failed"] is None
    assert found["uses"] == [["blog", "0001_initial", 0, [["shop", "0002_longer"]]]]


def test_a_table_that_got_another_name_was_shaped_by_who_gave_it(django: Interpreter) -> None:
    django.migrations(
        _0001_initial=migration(operations=FIRST),
        _0002_name=migration(
            "0001_initial", operations='[migrations.AlterModelTable("item", "thing")]'
        ),
    )
    text = '[migrations.RunSQL("SELECT 1 FROM thing")]'
    django.migrations("blog", _0001_initial=migration("shop.0002_name", operations=text))
    assert moved(django)["uses"] == [["blog", "0001_initial", 0, [["shop", "0002_name"]]]]


# What fails


@pytest.mark.parametrize(
    ("operations", "position", "words"),
    [
        ("[migrations.RunSQL('SELECT 1'), migrations.RunSQL('NO SQL')]", 1, "Raw SQL operation"),
        (
            "[migrations.RunPython(lambda apps, editor: apps.get_model('shop.None'))]",
            0,
            "Raw Python operation",
        ),
    ],
)
def test_the_operation_that_fails_is_told_with_its_place(
    django: Interpreter, operations: str, position: int, words: str
) -> None:
    django.migrations(
        _0001_initial=migration(operations=FIRST),
        _0002_fails=migration("0001_initial", operations=operations),
    )
    found = moved(django)
    app, name, at, told, kind, message = found["failed"]
    assert (app, name, at) == ("shop", "0002_fails", position)
    assert told.startswith(words)
    assert kind in ("OperationalError", "LookupError")
    assert message
    assert found["state"] is None
    assert ["shop", "0002_fails"] not in found["recorded"]
    assert found["after"] == found["recorded"]
    assert "post" not in {each[0] for each in found["signals"]}


def test_a_state_that_cannot_be_made_is_told_or_raised(django: Interpreter) -> None:
    """Django makes the states of what is applied first, and all others one by one."""
    django.migrations(
        _0001_initial=migration(
            operations='[migrations.AddField("none", "a", models.IntegerField())]'
        )
    )
    app, name, at, words, kind, _ = moved(django)["failed"]
    assert (app, name, at, words, kind) == ("shop", "0001_initial", None, "", "KeyError")


def test_what_fails_behind_the_last_operation_has_no_place(django: Interpreter) -> None:
    later = "[migrations.RunPython(lambda apps, editor: editor.deferred_sql.append('NO SQL'))]"
    django.migrations(
        _0001_initial=migration(operations=FIRST),
        _0002_fails=migration("0001_initial", operations=later),
    )
    assert moved(django)["failed"][:4] == ["shop", "0002_fails", None, ""]


def test_an_inconsistent_history_is_raised(django: Interpreter) -> None:
    django.migrations(_0001_initial=migration(operations=FIRST))
    moved(django)
    django.migrations(
        _0000_before=migration(), _0001_initial=migration("0000_before", operations=FIRST)
    )
    with pytest.raises(AssertionError, match="InconsistentMigrationHistory"):
        moved(django)


def test_an_interruption_is_no_answer(django: Interpreter) -> None:
    django.migrations(
        _0001_initial=migration(
            operations="[migrations.RunPython(stop)]",
            above="def stop(apps, schema_editor):\n    raise KeyboardInterrupt\n",
        )
    )
    with pytest.raises(AssertionError, match="KeyboardInterrupt"):
        moved(django)


def test_an_exit_inside_of_a_migration_is_an_answer(django: Interpreter) -> None:
    django.migrations(
        _0001_initial=migration(
            operations="[migrations.RunPython(stop)]",
            above="def stop(apps, schema_editor):\n    raise SystemExit(3)\n",
        )
    )
    assert moved(django)["failed"][4] == "SystemExit"


# Signals


def test_each_app_hears_once_before_and_once_after(django: Interpreter) -> None:
    django.migrations(_0001_initial=migration(operations=FIRST))
    signals = moved(django)["signals"]
    heard = [(when, label) for when, label, *_ in signals]
    assert sorted(heard) == sorted(set(heard))
    assert {label for when, label in heard if when == "post"} >= {"contenttypes"}
    assert [when for when, _ in heard] == sorted((when for when, _ in heard), reverse=True)
    for when, _, using, known, plan in signals:
        assert using == "default"
        assert ("shop.item" in known) is (when == "post")
        assert plan == 3  # two of contenttypes, one of the shop
    again = moved(django)["signals"]
    assert {plan for *_, plan in again} == {0}
    assert all("shop.item" in known for _, _, _, known, _ in again)


def test_content_types_are_made_for_the_models_that_are_there(django: Interpreter) -> None:
    moved(django)
    made = django.run('value = select("SELECT app_label, model FROM django_content_type")')
    assert ["contenttypes", "contenttype"] in made


HEARING = """
from django.db.models import signals
code = compile(receiver, "<receiver>", "exec")
exec(code, names := {"__name__": module})
getattr(signals, signal).connect(names["hears"])
from remigrate.probe import moving
try:
    failed = moving.migrate(connection).failed
finally:
    getattr(signals, signal).disconnect(names["hears"])
value = [*failed[:4], type(failed.error).__name__]
"""
HEARS = "def hears(**more):\n    raise {}\n"


@pytest.mark.parametrize(("module", "app"), [("shop.handlers", "shop"), ("elsewhere", "")])
@pytest.mark.parametrize("signal", ["pre_migrate", "post_migrate"])
@pytest.mark.parametrize("error", ["LookupError", "SystemExit"])
def test_a_receiver_that_fails_is_told_with_its_app(
    django: Interpreter, module: str, app: str, signal: str, error: str
) -> None:
    django.migrations(_0001_initial=migration(operations=FIRST))
    told = {"receiver": HEARS.format(error), "module": module, "signal": signal}
    assert django.run(HEARING, **told) == [app, "", None, signal, error]


def test_an_interruption_of_a_receiver_is_no_answer(django: Interpreter) -> None:
    told = {"receiver": HEARS.format("KeyboardInterrupt"), "module": "shop.handlers"}
    with pytest.raises(AssertionError, match="KeyboardInterrupt"):
        django.run(HEARING, **told, signal="post_migrate")
