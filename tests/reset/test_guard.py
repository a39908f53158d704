"""The guard stops a database that is behind, and none that is not, on every Django.

The old history is migrated in part with its own files; then those are gone, and the squash and the
guard after it take their place.
"""

from __future__ import annotations

import pytest

from remigrate.probe import guard
from tests.reset.interpreter import Interpreter, migration

OLD = {
    "_0001_initial": migration(
        operations='[migrations.CreateModel("Item", [("id", models.AutoField(primary_key=True))])]'
    ),
    "_0002_a": migration(
        "0001_initial",
        operations='[migrations.AddField("item", "a", models.IntegerField(null=True))]',
    ),
    "_0003_b": migration(
        "0002_a", operations='[migrations.AddField("item", "b", models.IntegerField(null=True))]'
    ),
}
ALL = ("0001_initial", "0002_a", "0003_b")
CREATE = """[migrations.CreateModel("Item", [("id", models.AutoField(primary_key=True)),
        ("a", models.IntegerField(null=True)), ("b", models.IntegerField(null=True))])]"""
MESSAGE = "Deploy commit 0123456789ab first."
AFTER = f"[{guard.call()}, {{}}]"
SQUASH = ("shop", "0001_squashed_0003_b")
LAST = 'migrations.AddField("item", "c", models.IntegerField(null=True))'


def squash(*replaced: str) -> str:
    names = [("shop", name) for name in replaced]
    return migration(operations=CREATE, more=f"    initial = True\n    replaces = {names}\n")


def guarded(*squashes: tuple[str, str], last: str = LAST) -> str:
    """The migration after the squash."""
    above = f"\n\n{guard.source(squashes, MESSAGE)}\n\n{guard.operation()}\n"
    return migration(squashes[0][1], operations=AFTER.format(last), above=above)


NEW = {"_0001_squashed_0003_b": squash(*ALL), "_0004_guard": guarded(SQUASH)}
MIGRATE = """
from django.core.management import call_command
from django.core.management.base import CommandError
try:
    call_command("migrate", *to, verbosity=0)
    value = ""
except CommandError as error:
    value = str(error)
"""
CALL = """
from django.core.management.base import CommandError
exec(text)
with connection.schema_editor() as editor:
    try:
        stop_if_lagging(None, editor)
        value = ""
    except CommandError as error:
        value = str(error)
"""
RECORDED = """
rows = select("SELECT name FROM django_migrations WHERE app = 'shop' ORDER BY id")
value = [row[0] for row in rows]
"""
COLUMNS = 'value = sorted(r[1] for r in select("PRAGMA table_info(shop_item)"))'


def migrate(django: Interpreter, to: str = "", app: str = "shop") -> str:
    """What stopped it; empty when nothing did."""
    return str(django.run(MIGRATE, to=[app, to] if to else []))


def forget_rows(django: Interpreter, *names: str) -> None:
    """Take rows out of ``django_migrations``."""
    listed = ", ".join(f"'{name}'" for name in names)
    sql = f"DELETE FROM django_migrations WHERE app = 'shop' AND name IN ({listed})"
    django.run("change(sql)", sql=sql)


def at(django: Interpreter, name: str) -> Interpreter:
    """A database that applied the old files up to `name`."""
    django.migrations(**OLD)
    assert migrate(django, name) == ""
    return django


@pytest.mark.parametrize(
    ("name", "missing"), [("0001_initial", "0002_a, one of 2"), ("0002_a", "0003_b, one of 1")]
)
def test_a_database_that_is_behind_is_stopped(django: Interpreter, name: str, missing: str) -> None:
    at(django, name).migrations(**NEW)
    said = migrate(django)
    assert said == (
        f"{guard.BEHIND} it lacks shop.{missing} migrations that shop.0001_squashed_0003_b"
        f" replaces. {MESSAGE}"
    )
    assert "c" not in django.run(COLUMNS)
    assert django.run(RECORDED) == list(ALL[: ALL.index(name) + 1])


def test_with_the_old_files_it_goes_on_and_then_with_the_new_ones(django: Interpreter) -> None:
    at(django, "0001_initial").migrations(**NEW)
    assert migrate(django)
    django.migrations(**OLD)
    assert migrate(django) == ""
    django.migrations(**NEW)
    assert migrate(django) == ""
    assert django.run(COLUMNS) == ["a", "b", "c", "id"]


def test_an_empty_database_is_not_stopped(django: Interpreter) -> None:
    django.migrations(**NEW)
    assert migrate(django) == ""
    assert django.run(COLUMNS) == ["a", "b", "c", "id"]


def test_a_database_that_applied_everything_is_not_stopped(django: Interpreter) -> None:
    at(django, "0003_b").migrations(**NEW)
    assert migrate(django) == ""
    assert django.run(COLUMNS) == ["a", "b", "c", "id"]


def test_a_database_that_ran_the_squash_itself_is_not_stopped(django: Interpreter) -> None:
    django.migrations(**{**NEW, "_0004_guard": migration(SQUASH[1])})
    assert migrate(django, SQUASH[1]) == ""
    django.migrations(**NEW)
    assert migrate(django) == ""
    assert django.run(COLUMNS) == ["a", "b", "c", "id"]


@pytest.mark.parametrize("name", [SQUASH[1], "0001_squashed_again"])
def test_where_the_squash_is_recorded_the_rows_of_what_it_replaced_may_be_gone(
    django: Interpreter, name: str
) -> None:
    """Django itself may stop there, but that database is not behind."""
    at(django, "0003_b")
    django.migrations(**{f"_{name}": squash(*ALL, *[SQUASH[1]] * (name != SQUASH[1]))})
    forget_rows(django, "0001_initial")
    assert "shop.0001_initial" in django.run(CALL, text=guard.source([SQUASH], MESSAGE))
    row = f"('shop', '{name}', '2024-01-01')"
    sql = f"INSERT INTO django_migrations (app, name, applied) VALUES {row}"
    django.run("change(sql)", sql=sql)
    assert django.run(CALL, text=guard.source([SQUASH], MESSAGE)) == ""


APPLY = """
from django.core.management.base import CommandError
from django.db import migrations, router
exec(text)
class Nowhere:
    def allow_migrate(self, db, app_label, **hints):
        return allowed
router.routers = [Nowhere()]
try:
    with connection.schema_editor() as editor:
        eval(call).database_forwards("shop", editor, None, None)
    value = ""
except CommandError as error:
    value = str(error)
finally:
    del router.routers
"""


@pytest.mark.parametrize("allowed", [True, False])
def test_it_needs_no_models_and_asks_the_router(django: Interpreter, allowed: bool) -> None:
    at(django, "0001_initial").migrations(**NEW)
    text = f"{guard.source([SQUASH], MESSAGE)}\n\n{guard.operation()}"
    said = django.run(APPLY, text=text, call=guard.call(), allowed=allowed)
    assert said.startswith(guard.BEHIND) is allowed
    assert bool(said) is allowed


SQL = """
import io
from django.core.management import call_command
value = call_command("sqlmigrate", "shop", "0004_guard", stdout=io.StringIO())
"""


def test_its_migration_can_be_shown_as_sql_and_undone(django: Interpreter) -> None:
    django.migrations(**NEW)
    assert migrate(django) == ""
    assert "ADD COLUMN" in django.run(SQL)
    assert migrate(django, SQUASH[1]) == ""
    assert django.run(COLUMNS) == ["a", "b", "id"]


SQUASHED = """
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.optimizer import MigrationOptimizer
files = MigrationLoader(None).disk_migrations
old = [each for name in names for each in files["shop", name].operations]
value = [type(each).__name__ for each in MigrationOptimizer().optimize(old, "shop")]
"""


def test_a_later_squash_by_django_leaves_it_out(django: Interpreter) -> None:
    django.migrations(**NEW)
    assert django.run(SQUASHED, names=[SQUASH[1], "0004_guard"]) == ["CreateModel"]


def test_without_the_guard_such_a_database_is_passed_over_in_silence(django: Interpreter) -> None:
    """The trap that the guard is for."""
    at(django, "0001_initial").migrations(_0001_squashed_0003_b=squash(*ALL))
    assert migrate(django) == ""
    assert django.run(COLUMNS) == ["id"]


def test_a_squash_that_lost_its_replaces_asks_for_nothing(django: Interpreter) -> None:
    at(django, "0003_b").migrations(**NEW)
    assert migrate(django) == ""
    django.migrations(**{**NEW, "_0001_squashed_0003_b": migration(operations=CREATE)})
    forget_rows(django, "0004_guard")
    django.run('change("ALTER TABLE shop_item DROP COLUMN c")')
    assert migrate(django) == ""


def again(name: str, *replaced: str) -> dict[str, str]:
    """The squash was squashed once more; the guard that stays still asks for the old name."""
    return {
        f"_{name}": squash(*replaced),
        "_0004_guard": guarded(SQUASH).replace(f"('shop', '{SQUASH[1]}')", f"('shop', '{name}')"),
    }


def test_a_guard_finds_a_squash_under_its_new_name(django: Interpreter) -> None:
    files = again("0001_squashed_again", *ALL, SQUASH[1])
    assert SQUASH[1] in files["_0004_guard"]
    at(django, "0002_a").migrations(**files)
    said = migrate(django)
    assert said.startswith(guard.BEHIND), said
    assert "0003_b" in said


@pytest.mark.parametrize("applied", ["nothing", "the old files", "the first squash"])
def test_a_guard_of_a_squash_under_a_new_name_stops_nobody_else(
    django: Interpreter, applied: str
) -> None:
    replaced = list(ALL)
    if applied == "the old files":
        at(django, "0003_b")
    elif applied == "the first squash":
        django.migrations(**{f"_{SQUASH[1]}": squash(*ALL)})
        assert migrate(django) == ""
        replaced.append(SQUASH[1])
    django.migrations(**again("0001_squashed_again", *replaced))
    assert migrate(django) == ""
    assert django.run(COLUMNS) == ["a", "b", "c", "id"]


BLOG = ("blog", "0001_squashed")


SECOND = ("shop", "0002_squashed_0003_b")
ADDED = "".join(f', ("{name}", models.IntegerField(null=True))' for name in ("a", "b"))


def entered(before: str, *more: str) -> dict[str, str]:
    """Two squashes; the second asks for the mark of the first, which may be called otherwise."""
    replaces = "    replaces = {!r}\n".format
    above = f"\n\n{{}}\n\n{guard.operation()}\n".format
    first = migration(
        operations=f"{OLD['_0001_initial'].partition('operations = ')[2].strip()[:-1]},"
        f" {guard.marking()}]",
        above=above(guard.mark(SECOND)),
        more=replaces([("shop", "0001_initial"), *(("shop", name) for name in more)]),
    )
    fields = [
        OLD[name].partition("operations = [")[2].strip()[:-1] for name in ("_0002_a", "_0003_b")
    ]
    second = migration(
        before,
        operations=f"[{guard.call(name=guard.ENTRANCE)}, {', '.join(fields)}]",
        above=above(guard.entrance(SECOND, "0001_first", MESSAGE)),
        more=replaces([("shop", "0002_a"), ("shop", "0003_b")]),
    )
    return {f"_{before}": first, "_0002_squashed_0003_b": second}


@pytest.mark.parametrize("to", ["", "0001_first"])
def test_a_database_is_stopped_between_two_squashes_but_a_new_one_is_not(
    django: Interpreter, to: str
) -> None:
    files = entered("0001_first")
    at(django, "0001_initial").migrations(**files)
    said = migrate(django)
    assert said == (
        f"{guard.BEHIND} it lacks shop.0002_a, one of 2 migrations that shop.{SECOND[1]}"
        f" replaces. {MESSAGE}"
    )
    assert django.run(COLUMNS) == ["id"]
    django.run("fresh()")
    assert migrate(django, to) == ""
    assert migrate(django) == ""
    assert migrate(django, "0001_first") == ""
    assert migrate(django) == ""
    assert django.run(COLUMNS) == ["a", "b", "id"]


@pytest.mark.parametrize("more", [(), ("0001_first",)])
def test_a_mark_that_nothing_makes_any_more_is_not_asked_for(
    django: Interpreter, more: tuple[str, ...]
) -> None:
    """The first squash was squashed again, by whatever tool, and the second stays as it is."""
    files = entered("0001_again", "0001_first")
    files = {name: text.replace(guard.marking(), "") for name, text in files.items()}
    if more:
        files["_0001_first"] = migration()
    django.migrations(**files)
    assert migrate(django) == ""
    assert django.run(COLUMNS) == ["a", "b", "id"]


def test_a_mark_fits_its_column(django: Interpreter) -> None:
    long = "0" * 250
    assert f'"before {long[:237]}: made anew"' in guard.mark(("shop", long))
    assert len(f"before {long[:237]}: made anew") == 255


@pytest.mark.parametrize("behind", [False, True])
def test_a_guard_may_ask_for_squashes_of_several_apps(django: Interpreter, behind: bool) -> None:
    blog = {
        "_0001_initial": migration(app="blog"),
        "_0002_more": migration("0001_initial", app="blog"),
    }
    django.migrations("blog", **blog)
    at(django, "0003_b")
    if behind:
        assert migrate(django, "0001_initial", app="blog") == ""
    replaces = [("blog", "0001_initial"), ("blog", "0002_more")]
    django.migrations(
        "blog", _0001_squashed=migration(app="blog", more=f"    replaces = {replaces}\n")
    )
    django.migrations(**{**NEW, "_0004_guard": guarded(SQUASH, BLOG)})
    assert ("blog.0002_more" in migrate(django)) is behind


def test_the_message_may_be_long_and_have_any_characters(django: Interpreter) -> None:
    message = 'Say "deploy" \\ {braces} ' + " ".join(f"word{number}" for number in range(40))
    text = guard.source([SQUASH], message)
    assert max(map(len, text.splitlines())) < 100
    at(django, "0002_a").migrations(
        **{**NEW, "_0004_guard": guarded(SQUASH).replace(guard.source([SQUASH], MESSAGE), text)}
    )
    assert migrate(django).endswith(f" replaces. {message}")
