"""`remigrate reset` on a small real project: real git, the project's own Django, real databases.

What the proof says is not believed here: the new files are run on databases of the old ones.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import jsonschema
import pytest

from remigrate import outcome
from remigrate.errors import FINDINGS, OK
from remigrate.servers import Config
from tests.reset import store
from tests.reset.store import SEED, SETTINGS, Bookshop

SCHEMA = Path(outcome.__file__).parent / "schemas/reset-v1.json"
SQUASHED = ["0001_squashed_0006_by_price", "0007_stop_if_lagging"]


@pytest.fixture
def shop(tmp_path: Path) -> Bookshop:
    return Bookshop.open(tmp_path / "bookshop")


def unlike_itself(shop: Bookshop) -> None:
    """Let a migration write rows that no other file could write."""
    seed = SEED.replace('["Books", "Games"]', '[__file__.rpartition("/")[2]]')
    path = shop.path / "shop/migrations/0003_seed.py"
    path.write_text(path.read_text().replace(SEED, seed))
    shop.commit("Name the category after the file")


# A reset of everything


def test_the_history_of_every_app_becomes_short_and_each_check_is_proved(shop: Bookshop) -> None:
    found = shop.told("--all")
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    assert {check["check"]: check["result"] for check in found["proof"]} == dict.fromkeys(
        ["graph", "state", "drift", "fresh-schema", "fresh-data", "upgrade", "lagging"], "proved"
    )
    assert [(app["label"], app["before"], app["how"]) for app in found["apps"]] == [
        ("shop", 6, "compact+tail"),
        ("orders", 3, "compact"),
    ]
    assert found["refused"] == []
    assert shop.migrations() == SQUASHED
    assert shop.migrations("orders") == ["0001_squashed_0003_note", "0004_stop_if_lagging"]


def test_the_result_names_every_file_that_git_sees_and_no_other(shop: Bookshop) -> None:
    before = shop.snapshot()
    found = shop.told("--all")
    signs = {"add": "??", "change": " M", "delete": " D"}
    said = [f"{signs[file['action']]} {file['path']}" for file in found["files"]]
    assert sorted(said) == sorted(shop.status())
    assert all("/migrations/" in file["path"] for file in found["files"])
    kept = {path for path in before if not path.rpartition("/")[2].startswith("0")}
    assert {path: shop.snapshot()[path] for path in kept} == {path: before[path] for path in kept}


def test_an_empty_database_becomes_what_it_was(shop: Bookshop, tmp_path: Path) -> None:
    shop.migrate(tmp_path / "old.sqlite3")
    assert shop.reset("--all").code == OK
    shop.migrate(tmp_path / "new.sqlite3")
    assert store.schema(tmp_path / "new.sqlite3") == store.schema(tmp_path / "old.sqlite3")
    assert store.rows(tmp_path / "new.sqlite3") == store.rows(tmp_path / "old.sqlite3")
    assert shop.agrees()


def test_a_database_of_the_old_files_moves_on_and_keeps_its_rows(
    shop: Bookshop, tmp_path: Path
) -> None:
    database = tmp_path / "live.sqlite3"
    shop.migrate(database)
    store.fill(database)
    schema, rows = store.schema(database), store.rows(database)
    assert rows["orders_order"]
    assert shop.reset("--all").code == OK
    shop.migrate(database)
    assert (store.schema(database), store.rows(database)) == (schema, rows)
    assert set(SQUASHED) <= set(store.recorded(database, "shop"))
    assert shop.manage("migrate", "--check", database=database).code == 0


def test_a_database_that_is_behind_is_stopped_with_what_to_deploy_first(
    shop: Bookshop, tmp_path: Path
) -> None:
    database = tmp_path / "behind.sqlite3"
    shop.migrate(database, "shop", "0003_seed")
    commit = shop.git("rev-parse", "HEAD")[:12]
    assert shop.reset("--all").code == OK
    before, applied = store.schema(database), store.recorded(database, "shop")
    ran = shop.manage("migrate", database=database)
    assert ran.code == 1
    said = " ".join(ran.err.split())
    assert "This database is behind: it lacks" in said
    assert f"Deploy commit {commit} first and run migrate there" in said
    own = [row for row in store.schema(database) if not row[0].startswith("django_")]
    assert (own, store.recorded(database, "shop")) == (before, applied)
    assert store.recorded(database, "orders") == []


RECEIVER = """\
from django.apps import AppConfig
from django.db.models.signals import post_migrate


def settle(sender, apps, **options):
    {}


class Shop(AppConfig):
    name = "shop"

    def ready(self):
        post_migrate.connect(settle, sender=self)
"""


@pytest.mark.parametrize(
    ("code", "planted"),
    [
        ('apps.get_model("shop", "Product").objects.get_or_create()', "2 rows planted in 1 table"),
        ('assert not apps.get_model("orders", "Order").objects.exists()', "0 rows planted"),
    ],
    ids=["wants one row", "wants none"],
)
def test_rows_that_a_receiver_of_post_migrate_cannot_live_with_are_not_planted(
    shop: Bookshop, code: str, planted: str
) -> None:
    """pulpcore asks for the one row of a table: two more, and its code seemed to fail."""
    shop.write("shop/apps.py", RECEIVER.format(code))
    shop.commit("A receiver")
    [upgrade] = [each for each in shop.told("--all")["proof"] if each["check"] == "upgrade"]
    assert upgrade["result"] == "proved"
    assert planted in upgrade["why"]


def test_rows_that_a_receiver_of_post_migrate_writes_anew_are_no_difference(
    shop: Bookshop,
) -> None:
    """pulpcore writes its roles each time, with the time in them, and deletes planted rows."""
    code = (
        'import uuid; apps.get_model("orders", "Order").objects.update(note=uuid.uuid4().hex[:9])'
    )
    shop.write("shop/apps.py", RECEIVER.format(code))
    shop.commit("A receiver")
    proof = {each["check"]: each["result"] for each in shop.told("--all")["proof"]}
    assert proof["upgrade"] == "proved"


def test_an_app_whose_receiver_cannot_live_with_a_squash_is_left_as_it_is(shop: Bookshop) -> None:
    """It need not be the project's last word: other apps can be reset without it."""
    squash = 'm.app_label == "shop" and "_squashed" in m.name'
    code = f'assert not any({squash} for m, _ in options["plan"])'
    shop.write("shop/apps.py", RECEIVER.format(code))
    shop.commit("A receiver")
    found = shop.told("--all")
    assert [app["label"] for app in found["apps"]] == ["orders"]
    [refused] = found["refused"]
    assert refused["app"] == "shop"
    assert "fresh-schema: a receiver of shop of the signal post_migrate: " in refused["why"]
    assert "(shop/apps.py:" in refused["why"]


def test_a_receiver_that_fails_on_the_old_history_is_named(shop: Bookshop) -> None:
    shop.write("shop/apps.py", RECEIVER.format('raise LookupError("no settings")'))
    shop.commit("A receiver")
    ran = shop.reset("--all")
    assert ran.code == 4
    assert (
        "the old history cannot be migrated on an empty database: "
        "a receiver of shop of the signal post_migrate: LookupError: no settings"
    ) in " ".join(ran.err.split())


CACHING = """\
from django.core.cache import cache

    cache.set("seen", apps.get_model("shop", "Category").objects.count(), None)
"""
FILE_CACHE = "django.core.cache.backends.filebased.FileBasedCache"


def test_what_migrations_cache_is_not_found_by_the_projects_own_processes(
    shop: Bookshop, tmp_path: Path
) -> None:
    """Two categories are planted in a scratch database; a live one has two less."""
    cached = f"CACHES = {{'default': {{'BACKEND': '{FILE_CACHE}', 'LOCATION': '{tmp_path}/kept'}}}}"
    shop.write("store/settings.py", f"{SETTINGS}\n{cached}\n")
    shop.write("shop/apps.py", RECEIVER.format(CACHING))
    shop.commit("A cache")
    shop.migrate(tmp_path / "live.sqlite3")
    reading = "from django.core.cache import cache; print(cache.get('seen'))"
    before = shop.manage("shell", "-c", reading).out.split()[-1]
    shop.told("--all", "--dry-run")
    assert before == "2"
    assert shop.manage("shell", "-c", reading).out.split()[-1] == before


def test_check_has_nothing_to_say_of_the_new_files_against_the_old_commit(shop: Bookshop) -> None:
    old = shop.git("rev-parse", "HEAD").strip()
    assert shop.reset("--all").code == OK
    shop.commit("Reset")
    ran = shop.check("--base", old, "--no-drift", "--fail-on", "warning", "--format", "json")
    report = json.loads(ran.out)
    assert [finding["code"] for finding in report["findings"]] == []
    assert ran.code == OK
    assert shop.check("--drift", "--python", sys.executable).code == OK


def test_a_second_reset_finds_nothing_to_shorten(shop: Bookshop) -> None:
    assert shop.reset("--all").code == OK
    commit = shop.commit("Reset")
    found = shop.told("--all", code=FINDINGS)
    assert (found["apps"], found["files"], found["refused"]) == ([], [], [])
    assert shop.reset("--all").out.startswith("Nothing to shorten: orders, shop\n\n")
    named = shop.told("shop", code=FINDINGS)
    assert [(one["app"], one["why"][:18]) for one in named["refused"]] == [
        ("shop", "nothing to shorten")
    ]
    assert shop.status() == []
    assert shop.git("rev-parse", "HEAD").strip() == commit


def test_a_history_that_grew_again_is_reset_again(shop: Bookshop, tmp_path: Path) -> None:
    assert shop.reset("--all").code == OK
    shop.commit("Reset")
    database = tmp_path / "live.sqlite3"
    shop.migrate(database)
    store.fill(database)
    for number, field in ((8, "weight"), (9, "colour")):
        before = shop.migrations()[-1]
        operation = f'migrations.AddField("product", "{field}", models.IntegerField(default=0))'
        name = f"{number:04}_{field}"
        text = store.migration([("shop", before)], [operation])
        shop.write(f"shop/migrations/{name}.py", text)
        model = store.SHOP if field == "weight" else (shop.path / "shop/models.py").read_text()
        line = "    price = models.IntegerField(default=0)\n"
        shop.write("shop/models.py", model.replace(line, f"{line}    {field}{line[9:]}"))
    shop.commit("Grow")
    shop.migrate(database)
    rows = store.rows(database)
    found = shop.told("shop")
    assert {check["result"] for check in found["proof"]} == {"proved"}
    assert len(shop.migrations()) == 2
    shop.migrate(database)
    shop.migrate(tmp_path / "new.sqlite3")
    assert store.rows(database) == rows
    assert store.schema(tmp_path / "new.sqlite3") == store.schema(database)


# Only a part


def test_only_the_apps_that_are_named_are_reset(shop: Bookshop, tmp_path: Path) -> None:
    others = {path: text for path, text in shop.snapshot().items() if path.startswith("shop")}
    shop.migrate(tmp_path / "live.sqlite3")
    found = shop.told("orders")
    assert [app["label"] for app in found["apps"]] == ["orders"]
    assert others.items() <= shop.snapshot().items()
    shop.migrate(tmp_path / "live.sqlite3")
    shop.migrate(tmp_path / "new.sqlite3")


def test_a_dependency_on_a_migration_that_went_is_written_anew_and_nothing_else(
    shop: Bookshop, tmp_path: Path
) -> None:
    path = shop.path / "orders/migrations/0001_initial.py"
    before = path.read_text()
    shop.migrate(tmp_path / "live.sqlite3")
    found = shop.told("shop", "--no-guard")
    assert {"path": "orders/migrations/0001_initial.py", "action": "change"} in found["files"]
    after = before.replace("('shop', '0001_initial')", f"('shop', '{SQUASHED[0]}')")
    assert path.read_text() == after != before
    shop.migrate(tmp_path / "live.sqlite3")
    shop.migrate(tmp_path / "new.sqlite3")
    assert store.schema(tmp_path / "new.sqlite3") == store.schema(tmp_path / "live.sqlite3")


def test_what_stays_and_depends_on_a_squash_stops_a_database_that_is_behind_as_well(
    shop: Bookshop, tmp_path: Path
) -> None:
    """Without `orders` in it, Django would make the table of orders before the guard is reached."""
    database = tmp_path / "behind.sqlite3"
    shop.migrate(database, "shop", "0003_seed")
    assert shop.reset("shop").code == OK
    ran = shop.manage("migrate", "orders", database=database)
    assert ran.code == 1
    assert "This database is behind: it lacks shop.0004_price" in ran.err
    assert store.recorded(database, "orders") == []
    shop.migrate(tmp_path / "new.sqlite3")
    assert shop.agrees()


def test_what_is_new_since_base_is_kept_apart_from_what_has_landed(
    shop: Bookshop, tmp_path: Path
) -> None:
    at_base, ahead = tmp_path / "base.sqlite3", tmp_path / "ahead.sqlite3"
    shop.migrate(at_base)
    store.fill(at_base)
    shop.git("checkout", "--quiet", "-b", "weights")
    operation = 'migrations.AddField("product", "weight", models.IntegerField(default=0))'
    text = store.migration([("shop", "0006_by_price")], [operation])
    shop.write("shop/migrations/0007_weight.py", text)
    line = "    price = models.IntegerField(default=0)\n"
    shop.write("shop/models.py", store.SHOP.replace(line, f"{line}    weight{line[9:]}"))
    shop.commit("Weigh")
    shop.migrate(ahead)
    found = shop.told("--all", "--base", "main")
    assert found["base"] == shop.git("rev-parse", "main").strip()
    assert {check["result"] for check in found["proof"]} == {"proved"}
    shop.migrate(at_base)
    shop.migrate(tmp_path / "new.sqlite3")
    assert shop.agrees()
    assert store.schema(at_base) == store.schema(tmp_path / "new.sqlite3") == store.schema(ahead)
    assert len(store.rows(at_base)["shop_product"]) == 1


# Wishes


@pytest.mark.parametrize("more", [[], ["--no-guard"], ["--keep-replaced"], ["--strategy", "fresh"]])
def test_a_dry_run_writes_nothing_and_shows_the_diff_and_the_proof(
    shop: Bookshop, more: list[str]
) -> None:
    before = shop.snapshot()
    ran = shop.reset("--all", "--dry-run", *more)
    assert ran.code == OK, ran.err
    assert shop.snapshot() == before
    assert shop.status() == []
    assert "+++ b/shop/migrations/0001_" in ran.out
    assert "✓ fresh-schema" in ran.out
    assert "Dry run, nothing was written: 9 migrations of 2 apps would become" in ran.out


def test_a_dry_run_tells_what_the_run_then_does(shop: Bookshop) -> None:
    would = shop.told("--all", "--dry-run")
    does = shop.told("--all")
    assert (would["files"], would["apps"]) == (does["files"], does["apps"])


def test_replaced_files_can_be_kept(shop: Bookshop, tmp_path: Path) -> None:
    before = shop.snapshot()
    behind, ahead = tmp_path / "behind.sqlite3", tmp_path / "ahead.sqlite3"
    shop.migrate(behind, "shop", "0003_seed")
    shop.migrate(ahead)
    found = shop.told("--all", "--keep-replaced")
    assert {file["action"] for file in found["files"]} == {"add"}
    assert before.items() <= shop.snapshot().items()
    assert shop.agrees()
    for database in (behind, ahead, tmp_path / "new.sqlite3"):
        shop.migrate(database)
        assert SQUASHED[0] in store.recorded(database, "shop")
        assert store.schema(database) == store.schema(ahead)


def test_without_the_guard_a_database_that_is_behind_goes_on_in_silence(
    shop: Bookshop, tmp_path: Path
) -> None:
    """Trap 1: why there is a guard, and why leaving it out is said."""
    database = tmp_path / "behind.sqlite3"
    shop.migrate(database, "shop", "0003_seed")
    ran = shop.reset("shop", "--no-guard")
    assert ran.code == OK, ran.err
    assert "There is no guard" in ran.out
    assert shop.migrations() == [SQUASHED[0]]
    shop.migrate(database, "shop")
    assert ("shop_product", "price", "INTEGER", 1, None) not in store.schema(database)


def test_differences_are_written_only_when_they_are_accepted(shop: Bookshop) -> None:
    unlike_itself(shop)
    refused = shop.told("shop", code=FINDINGS)
    assert refused["files"] == []
    assert "only the old history has (name '0003_seed.py')" in refused["refused"][0]["why"]
    assert shop.status() == []
    accepted = shop.told("shop", "--accept-differences")
    assert [c["check"] for c in accepted["proof"] if c["result"] == "differs"] == ["fresh-data"]
    assert shop.migrations() == SQUASHED


def test_an_app_that_cannot_be_reset_does_not_keep_the_others_from_it(
    shop: Bookshop, tmp_path: Path
) -> None:
    unlike_itself(shop)
    shop.migrate(tmp_path / "live.sqlite3")
    found = shop.told("--all")
    assert [app["label"] for app in found["apps"]] == ["orders"]
    assert [one["app"] for one in found["refused"]] == ["shop"]
    assert not any(file["path"].startswith("shop/") for file in found["files"])
    shop.migrate(tmp_path / "live.sqlite3")
    shop.migrate(tmp_path / "new.sqlite3")


def test_the_projects_own_database_is_never_opened(shop: Bookshop) -> None:
    with sqlite3.connect(shop.path / "db.sqlite3") as opened:
        opened.execute("CREATE TABLE mine (id)")
    opened.close()
    before = (shop.path / "db.sqlite3").read_bytes()
    assert shop.reset("--all").code == OK
    assert (shop.path / "db.sqlite3").read_bytes() == before


def test_progress_goes_to_a_terminal_and_the_result_to_standard_output(shop: Bookshop) -> None:
    ran = shop.reset("--all", "--format", "json")
    assert ran.err == ""
    assert json.loads(ran.out)["version"] == 1


# On a server


def test_a_project_on_postgresql_is_proved_on_a_server_of_its_own(
    shop: Bookshop, postgresql: Config
) -> None:
    shop.postgresql()
    found = shop.told("--all")
    databases = {check["database"] for check in found["proof"] if check["database"]}
    assert len(databases) == 1
    assert databases.pop().startswith("postgresql ")
    assert {check["result"] for check in found["proof"]} == {"proved"}


def test_what_became_of_the_projects_style_is_told(shop: Bookshop) -> None:
    shop.write("pyproject.toml", "[tool.ruff.format]\n")
    shop.commit("Style")
    ran = shop.reset("--all", "--dry-run")
    assert ran.code == OK
    assert "New files were" in ran.err  # formatted, or not for want of the program
    assert "pyproject.toml asks" in ran.err


def test_migrations_of_apps_that_the_settings_do_not_install_are_edited_and_named(
    shop: Bookshop,
) -> None:
    for app in ("stall", "van"):
        shop.write(f"{app}/__init__.py", "")
        shop.write(f"{app}/migrations/__init__.py", "")
        text = store.migration([("shop", "0006_by_price")], [])
        shop.write(f"{app}/migrations/0001_initial.py", text)
    shop.commit("For another project")
    found = shop.told("--all")
    (warning,) = (each for each in found["warnings"] if "do not install" in each)
    assert "stall/migrations, van/migrations" in warning
    text = (shop.path / "van/migrations/0001_initial.py").read_text()
    assert SQUASHED[0] in text
