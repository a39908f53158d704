"""`remigrate check --drift` as a user meets it: what is missing, where, and what to type."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from remigrate import drift
from remigrate.errors import EnvironmentFailure
from remigrate.facts import Change, Drift
from tests.cli.project import Ran, refused, remigrate
from tests.drift.store import ADD_PRICE, ADDED, INITIAL, MODELS, Store, environment

FINE = "✓ No conflicts, nothing missing (1 migration in 1 app)\n"
NOT_CHECKED = FINE.replace("app)", "app, drift not checked)")
QUESTION = MODELS.replace("name = models", "title = models")


def findings(ran: Ran) -> list[Any]:
    report = json.loads(ran.out)
    return [row for row in report["findings"] if row["code"] == "RM301"]


def agreed(store: Store, *words: str) -> bool:
    """Whether there is drift; Django says the same of the work tree."""
    ran = store.drift(*words)
    assert ran.code in (0, 1), ran
    assert ran.code == store.makemigrations().code, ran
    return ran.code == 1


# What is found


def test_models_and_migrations_that_agree_are_fine(store: Store) -> None:
    assert store.drift() == (0, FINE, "")
    assert not agreed(store)


def test_a_model_change_is_found_on_its_line_with_the_migration_that_is_missing(
    store: Store,
) -> None:
    store.price()
    assert agreed(store)
    ran = store.drift()
    assert ran.out.startswith("shop/models.py:6  error RM301 drift\n")
    assert "Add field price to product" in ran.out
    assert (
        "`python manage.py makemigrations shop` writes shop/migrations/0002_product_price.py"
        in (" ".join(ran.out.split()))
    )
    assert "        migrations.AddField(\n" in ran.out
    assert ran.err == ""


def test_the_migration_that_is_shown_is_the_one_that_django_writes(store: Store) -> None:
    store.price()
    (one,) = findings(store.drift("--format", "json"))
    shown = one["hint"].partition("\n\n")[2]
    # Django lets black rewrite the file where it finds one on PATH.
    env = {"PATH": "/usr/bin:/bin"}
    words = ("manage.py", "makemigrations", "--no-header")
    from tests.cli.project import run

    assert run(sys.executable, *words, cwd=store.path, env=env).code == 0
    assert (store.path / "shop/migrations/0002_product_price.py").read_text() == shown
    assert not agreed(store)


def test_json_is_what_the_schema_says(store: Store, root: Path) -> None:
    store.price()
    ran = store.drift("--format", "json")
    schema = json.loads((root / "src/remigrate/schemas/check-v1.json").read_text())
    report = json.loads(ran.out)
    jsonschema.validate(report, schema)
    (one,) = report["findings"]
    assert (one["app"], one["path"], one["line"]) == ("shop", "shop/models.py", 6)
    assert one["migrations"] == ["shop.0002_product_price"]


@pytest.mark.parametrize("form", ["sarif", "github", "markdown"])
def test_every_format_shows_it(store: Store, form: str) -> None:
    store.price()
    ran = store.drift("--format", form)
    assert (ran.code, ran.err) == (1, "")
    assert "RM301" in ran.out
    assert "Add field price to product" in ran.out


def test_markdown_shows_the_migration_as_code_below_the_table(store: Store) -> None:
    store.price()
    out = store.drift("--format", "markdown").out
    table, _, code = out.partition("<details><summary>The migration that is missing</summary>")
    assert "AddField" not in table
    assert code.startswith(
        "\n\n`shop.0002_product_price`:\n\n```python\nfrom django.db import migrations, models\n"
    )
    assert "            name='price',\n" in code


def test_several_apps_are_several_findings(store: Store) -> None:
    store.app("orders")
    store.write("orders/models.py", MODELS.replace("Product", "Order"))
    store.settings('INSTALLED_APPS += ["orders"]\n')
    store.price()
    assert agreed(store)
    rows = findings(store.drift("--format", "json"))
    assert [(row["app"], row["line"]) for row in rows] == [("orders", 4), ("shop", 6)]


def test_drift_can_be_ignored_and_is_then_not_looked_for(store: Store) -> None:
    store.price()
    store.settings("raise SystemExit\n")
    assert store.drift("--ignore", "RM301").code == 0
    assert store.drift("--select", "RM1").code == 0


def test_an_installed_app_is_a_notice(store: Store) -> None:
    python = environment(store.path / ".venv")
    store.write(".gitignore", ".venv/\n")
    (packages,) = store.path.glob(".venv/lib/python3*/site-packages")
    for name, text in (("__init__", ""), ("models", MODELS), ("migrations/__init__", "")):
        place = packages / "bought" / f"{name}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (packages / "bought/migrations/0001_initial.py").write_text(
        INITIAL.replace("BigAutoField", "AutoField")
    )
    store.settings('INSTALLED_APPS += ["bought"]\n')
    ran = store.check("--drift", "--python", str(python), "--format", "json")
    assert ran.code == 0
    (one,) = findings(ran)
    assert (one["severity"], one["app"], one["path"]) == ("notice", "bought", "manage.py")


def test_a_conflict_is_told_and_never_taken_for_agreement(store: Store) -> None:
    store.price()
    for name in ("0002_one", "0002_two"):
        store.migration(name, "0001_initial")
    ran = store.drift()
    assert ran.code == 1
    assert "RM101" in ran.out
    assert "drift not checked" in ran.out
    ran = store.drift("--select", "RM301")
    refused(ran, 4, "migrations conflict: 0002_one and 0002_two of shop", "remigrate check")


def test_a_graph_that_django_cannot_load_is_reported_by_its_own_rule(store: Store) -> None:
    store.write(ADDED, ADD_PRICE.replace("0001_initial", "0001_gone"))
    ran = store.drift()
    assert ran.code == 1
    assert "RM102" in ran.out
    assert "drift not checked" in ran.out


# When it is asked


def test_it_is_asked_by_default_where_an_environment_is_found(store: Store) -> None:
    store.write(".gitignore", ".venv/\n__pycache__/\n*.sqlite3\n")
    store.price()
    assert store.check() == (0, NOT_CHECKED, "")
    environment(store.path / ".venv")
    ran = store.check("--verbose")
    assert ran.code == 1
    assert "RM301" in ran.out
    assert "(.venv beside manage.py)" in ran.err
    assert "settings: store.settings" in ran.err
    assert store.check("--no-drift") == (0, FINE, "")


def test_a_project_that_fails_by_default_is_not_checked_and_fails_only_when_asked(
    store: Store,
) -> None:
    environment(store.path / ".venv")
    store.write(".gitignore", ".venv/\n")
    store.settings("import no_such_module\n")
    assert store.check() == (0, NOT_CHECKED, "")
    assert "no_such_module" in store.check("--verbose").err
    assert store.check("--drift").code == 4


def test_a_commit_is_only_run_when_that_is_asked_for(store: Store) -> None:
    environment(store.path / ".venv")
    store.write(".gitignore", ".venv/\n__pycache__/\n*.sqlite3\n")
    store.git("checkout", "--quiet", "-b", "priced")
    store.price()
    store.commit()
    store.git("checkout", "--quiet", "main")
    assert store.check("--head", "priced") == (0, NOT_CHECKED, "")
    (one,) = findings(store.check("--head", "priced", "--drift", "--format", "json"))
    assert (one["path"], one["line"]) == ("shop/models.py", 6)
    assert store.check("--head", "main", "--drift") == (0, FINE, "")
    assert (store.path / "shop/models.py").read_text() == MODELS


def test_the_own_interpreter_runs_a_project_that_needs_nothing_else(store: Store) -> None:
    store.price()
    ran = store.check("--drift", "--verbose")
    assert ran.code == 1
    assert "Remigrate's own interpreter" in ran.err


def test_a_command_may_lead_to_the_interpreter(store: Store) -> None:
    store.settings("import os\nassert os.environ['LED'] == 'here'\n")
    ran = store.check("--drift", "--python", f"env LED=here {sys.executable}")
    assert ran == (0, FINE, "")


def test_the_configuration_says_where(store: Store) -> None:
    store.write("other.py", "from store.settings import *\n")
    store.configure(f'python = "{sys.executable}"\nsettings = "other"\ndrift = true')
    assert store.check().code == 0
    store.price()
    ran = store.check("--verbose")
    assert ran.code == 1
    assert "settings: other" in ran.err


# The index


def test_what_is_not_staged_does_not_count(store: Store) -> None:
    store.price()
    assert store.drift("--index").code == 0
    store.git("add", "shop/models.py")
    assert store.drift("--index").code == 1
    store.write("shop/models.py", MODELS)
    assert store.drift("--index").code == 1
    assert store.drift().code == 0


def test_an_untracked_migration_is_no_migration_although_django_is_content(store: Store) -> None:
    store.price()
    store.git("add", "--all")
    store.write(ADDED, ADD_PRICE)
    assert store.makemigrations().code == 0
    ran = store.drift("--index", "--select", "RM301")
    assert ran.code == 1
    assert f"The commit lacks a migration that is on disk: `git add {ADDED}`" in ran.out
    store.git("add", ADDED)
    assert store.drift("--index").code == 0


# Writing it


def test_fix_writes_what_django_would(store: Store) -> None:
    store.price()
    ran = store.drift("--fix")
    assert ran.code == 1
    written = "shop/migrations/0002_product_price.py"
    assert ran.err == f"warning: wrote {written}\ngit add {written}\n"
    assert not agreed(store)
    assert store.drift("--fix") == (0, FINE.replace("1 migration", "2 migrations"), "")


def test_fix_writes_nothing_where_django_has_a_question(store: Store) -> None:
    store.write("shop/models.py", QUESTION)
    before = store.git("status", "--porcelain")
    ran = store.drift("--fix")
    assert ran.code == 1
    assert "RM301" in ran.out
    assert "nothing was written, as Django needs answers" in ran.err
    assert "title" in ran.err
    assert "python manage.py makemigrations shop" in ran.err
    assert store.git("status", "--porcelain") == before


def test_fix_asks_for_drift_by_itself(store: Store) -> None:
    store.price()
    assert store.check("--fix", "--python", sys.executable).code == 1
    assert (store.path / "shop/migrations/0002_product_price.py").exists()


def test_fix_that_cannot_be_meant_is_refused(store: Store) -> None:
    for words in (("--no-drift",), ("--select", "RM1"), ("--ignore", "drift")):
        refused(store.check("--fix", *words), 2, "--fix has nothing to write", "--no-drift")
    refused(store.check("--fix", "--head", "main"), 2, "--fix cannot write", "Check it out first")


def test_fix_waits_for_a_migration_that_has_to_be_added(store: Store) -> None:
    store.app("orders")
    store.write("orders/models.py", MODELS.replace("Product", "Order"))
    store.settings('INSTALLED_APPS += ["orders"]\n')
    store.price()
    store.git("add", "--all")
    store.write(ADDED, ADD_PRICE)
    ran = store.drift("--index", "--fix", "--select", "RM301")
    assert ran.code == 1
    assert "first add the migrations that are on disk" in ran.err
    assert len(list((store.path / "orders/migrations").glob("0*"))) == 1


CHANGE = Change("shop", True, "0002_x", (), "shop/0002_x.py", "new\n")
OTHER = CHANGE._replace(label="orders", path="orders/0002_x.py")


def test_what_is_written_overwrites_nothing_and_is_all_or_nothing(tmp_path: Path) -> None:
    for name in ("shop", "orders"):
        (tmp_path / name).mkdir()
    (tmp_path / "shop/0002_x.py").write_text("somebody's work\n")
    with pytest.raises(EnvironmentFailure, match=r"shop/0002_x\.py cannot be written: File exists"):
        drift.write(str(tmp_path), Drift((OTHER, CHANGE)))
    assert (tmp_path / "shop/0002_x.py").read_text() == "somebody's work\n"
    assert [path.name for path in (tmp_path / "orders").iterdir()] == []
    (tmp_path / "shop/0002_x.py").unlink()
    assert drift.write(str(tmp_path), Drift((OTHER, CHANGE))) == (OTHER.path, CHANGE.path)
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["0002_x.py", "0002_x.py"]


def test_installed_apps_are_never_written_into(tmp_path: Path) -> None:
    assert drift.write(str(tmp_path), Drift((CHANGE._replace(first_party=False),))) == ()


# Several projects, several settings


def test_the_project_of_the_folder_that_was_named_is_asked(store: Store) -> None:
    other = Store.open(store.path / "examples/store")
    other.price()
    import shutil

    shutil.rmtree(other.path / ".git")
    assert store.drift().code == 0
    assert store.drift("examples/store").code == 1
    assert remigrate("check", "--drift", cwd=other.path / "shop").code == 1
    manage = ("--manage", "examples/store/manage.py")
    assert store.drift(*manage).code == 1
    (store.path / "manage.py").unlink()
    (store.path / "site").mkdir()
    store.write("site/manage.py", "import os\n")
    assert store.drift().code == 1, "only one of them has apps"
    assert store.drift(*manage).code == 1


def test_several_projects_need_a_choice(store: Store) -> None:
    for name in ("one", "two"):
        for path in ("manage.py", "store/__init__.py", "store/settings.py", "shop/__init__.py",
                     "shop/models.py", "shop/migrations/__init__.py",
                     "shop/migrations/0001_initial.py"):  # fmt: skip
            store.write(f"{name}/{path}", (store.path / path).read_text())
    for path in ("manage.py", "store", "shop"):
        store.git("rm", "-r", "--quiet", path)
    refused(store.drift(), 4, "several projects here: one/manage.py, two/manage.py", "--manage")
    assert store.drift("--manage", "two").code == 0
    refused(store.drift("--manage", "three"), 4, "three does not exist", "manage.py")
    refused(store.drift("--manage", "/"), 4, "/ is not in", "of the repository")
    refused(
        store.drift("--manage", "one/store/settings.py"), 4, "is not called manage.py", "folder"
    )
    store.configure('manage = "two/manage.py"')
    assert remigrate("check", "--drift", cwd=store.path / "one").code == 0


def test_which_settings_is_for_manage_py_to_say(store: Store) -> None:
    text = (store.path / "manage.py").read_text()
    choice = "'store.settings' if 'makemigrations' in sys.argv else 'store.other'"
    store.write("manage.py", text.replace('"store.settings"', choice))
    ran = store.drift("--verbose")
    assert ran.code == 0
    assert "settings: store.settings\n" in ran.err
    store.write("store/other.py", "from store.settings import *\n1 / 0\n")
    assert "ZeroDivisionError" in store.drift("--settings", "store.other").err
    assert store.drift(env={"DJANGO_SETTINGS_MODULE": "store.other"}).code == 4


def test_a_file_that_manage_py_reads_may_choose_the_settings(store: Store) -> None:
    text = (store.path / "manage.py").read_text()
    reads = "import os\nfor line in open('.env'):\n    os.environ.update([line.split('=')])\n"
    store.write("manage.py", reads + text)
    store.write(".env", "DJANGO_SETTINGS_MODULE=store.priced")
    store.write("store/priced.py", "from store.settings import *\nPRICED = True\n")
    store.write(
        "shop/models.py",
        MODELS
        + "    from django.conf import settings\n    if getattr(settings, 'PRICED', False):\n"
        "        price = models.IntegerField(default=0)\n",
    )
    assert agreed(store)
    store.write(".env", "DJANGO_SETTINGS_MODULE=store.settings")
    assert not agreed(store)


def test_a_project_without_manage_py_needs_both_settings_and_interpreter(store: Store) -> None:
    store.git("rm", "--quiet", "manage.py")
    refused(store.drift(), 4, "no manage.py was found", "--manage")
    assert store.drift("--settings", "store.settings").code == 0


def test_a_bare_repository_has_nothing_to_run(store: Store, tmp_path: Path) -> None:
    store.git("clone", "--quiet", "--bare", ".", tmp_path / "bare.git")
    ran = store.check("--drift", str(tmp_path / "bare.git"))
    refused(ran, 4, "a bare repository has no files to run", "checked out")
