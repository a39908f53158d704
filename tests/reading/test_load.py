"""Apps are found where Django would find them, under the labels that Django would give them."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from remigrate import labels as resolving
from remigrate.model import Broken, Project, Reference, UnreadFile
from tests.reading.conftest import Make
from tests.reading.repositories import app, labels, migration, names, read

# Which files are migrations


def test_a_file_is_a_migration_when_django_would_import_it(make: Make) -> None:
    folder = "shop/migrations"
    counted = ["0001_initial", "custom", "with space", "with'quote", 'with"quote', "ümlaut", "1"]
    left_out = ["_private", "~backup", "0001.backup", "two.dots.py", "__init__"]
    repository = make(
        {
            f"{folder}/__init__.py": "",
            **{f"{folder}/{name}.py": migration() for name in counted + left_out},
            f"{folder}/notes.txt": "",
            f"{folder}/0001_initial.pyc": "",
            f"{folder}/.py": migration(),
            f"{folder}/below/0002_deeper.py": migration(),
        }
    )
    assert names(read(repository)) == {folder: sorted(counted)}


def test_names_that_no_shell_likes_are_read(make: Make) -> None:
    counted = ["new\nline", "tab\there", "-option", "*", "[x]", ":(top)", "back\\slash", "$(x)"]
    repository = make(
        {"shop/migrations/__init__.py": ""}
        | {f"shop/migrations/{name}.py": migration() for name in counted}
    )
    for head in (None, "HEAD"):
        assert names(read(repository, head)) == {"shop/migrations": sorted(counted)}
    assert names(read(repository, index=True)) == {"shop/migrations": sorted(counted)}


def test_names_that_are_not_utf_8_are_read(make: Make) -> None:
    repository = make({"shop/migrations/__init__.py": ""})
    place = repository.path / "shop/migrations" / "caf\udce9.py"
    place.write_text(migration())
    repository.commit()
    for head in (None, "HEAD"):
        assert names(read(repository, head)) == {"shop/migrations": ["caf\udce9"]}


def test_a_folder_without_init_is_told_apart(make: Make) -> None:
    repository = make({"shop/migrations/0001_initial.py": migration()})
    [found] = read(repository).apps
    assert not found.is_package
    assert [one.name for one in found.migrations] == ["0001_initial"]


def test_a_folder_with_the_name_of_a_module_is_broken(make: Make) -> None:
    repository = make({**app(), "shop/migrations/0001_initial.py/keep.txt": "x"})
    for head in (None, "HEAD"):
        [found] = read(repository, head).apps[0].migrations
        assert found.name == "0001_initial"
        assert found.header == Broken(1, 0, "it is a folder, not a file")


def test_an_app_without_migrations_counts_when_it_has_a_configuration(make: Make) -> None:
    repository = make(
        {
            "with/apps.py": "",
            "with/migrations/__init__.py": "",
            "without/migrations/__init__.py": "",
        }
    )
    assert names(read(repository)) == {"with/migrations": []}


def test_migrations_of_other_tools_do_not_count(make: Make) -> None:
    alembic = "revision = 'ab12'\ndown_revision = None\n\n\ndef upgrade():\n    pass\n"
    repository = make(
        {
            **app("shop", "0001_initial"),
            "alembic/migrations/__init__.py": "",
            "alembic/migrations/env.py": "from alembic import context\nfrom models import *\n",
            "alembic/migrations/versions/ab12_start.py": alembic,
            "flask/migrations/__init__.py": "",
            "flask/migrations/1234_start.py": alembic,
            "flask/migrations/README.py": "class (\n",
            "js/migrations/index.js": "",
        }
    )
    assert names(read(repository)) == {"shop/migrations": ["0001_initial"]}


def test_a_broken_file_with_a_number_still_belongs_to_an_app(make: Make) -> None:
    repository = make({"shop/migrations/__init__.py": "", "shop/migrations/0001_a.py": "class ("})
    assert names(read(repository)) == {"shop/migrations": ["0001_a"]}


def test_a_repository_that_is_an_app_itself(make: Make) -> None:
    files = {"migrations/__init__.py": "", "migrations/0001_initial.py": migration()}
    repository = make(files)
    assert names(read(repository)) == {"migrations": ["0001_initial"]}
    assert names(read(repository, "HEAD")) == {"migrations": ["0001_initial"]}


def test_nothing_is_found_in_nothing(make: Make) -> None:
    assert read(make()) == Project((), {})


# Labels


def test_the_label_is_the_folders_name_without_a_configuration(make: Make) -> None:
    repository = make(app("deep/down/shop", "0001_initial"))
    assert labels(read(repository)) == {"deep/down/shop/migrations": "shop"}


def test_the_migrations_say_the_label_when_the_configuration_does_not(make: Make) -> None:
    files = app("shop", "0001_initial", "0002_a", "0003_b")
    computed = "from django.apps import AppConfig\nclass C(AppConfig):\n    label = compute()\n"
    for name in ("0002_a", "0003_b"):
        path = f"shop/migrations/{name}.py"
        files[path] = files[path].replace("('shop',", "('store',")
    repository = make({**files, "shop/apps.py": computed})
    assert labels(read(repository)) == {"shop/migrations": "store"}


def test_one_dependency_on_the_folders_name_settles_it(make: Make) -> None:
    files = app("shop", "0001_initial", "0002_a", "0003_b")
    path = "shop/migrations/0003_b.py"
    files[path] = files[path].replace("('shop',", "('store',")
    assert labels(read(make(files))) == {"shop/migrations": "shop"}


CONFIGS = {
    "A": ["", "name = 'NAME.shop'", "name = NAME", "name = f'NAME.{\"shop\"}'"],
    "label": ["", "label = 'own'", "label = 'o' + 'wn'", "label = str('own')"],
    "default": ["", "default = True", "default = False", "default = not 1"],
}
HEADS = (
    "from django.apps import AppConfig",
    "from django import apps\nAppConfig = apps.AppConfig",
    "import django.apps as x\nfrom django.apps import AppConfig as Own\nAppConfig = Own",
    "from django.apps.config import AppConfig\nclass NotOne:\n    label = 'no'",
)
MORE = (
    "",
    "class B(AppConfig):\n    name = 'NAME.shop'\n    label = 'b'",
    "class B(AppConfig):\n    name = 'NAME.shop'\n    label = 'b'\n    default = True",
    "class B(AppConfig):\n    name = 'NAME.shop'\n    label = 'b'\n    default = False",
    "class B(A):\n    pass",
    "class B(A):\n    default = True",
    "class B(A):\n    label = 'b'\n    default = False",
    "class B(A):\n    default = True\n    label = 'b'\nA.label = 'late'",
    "if not A:\n    class B(AppConfig):\n        name = 'NAME.shop'",
    "class Config:\n    label = 'other'",
)


def variants() -> dict[str, str]:
    """Texts of ``apps.py``, by the name of the package that they are for."""
    found = {}
    parts = [
        *itertools.product(HEADS[:1], *CONFIGS.values(), MORE),
        *itertools.product(HEADS[1:], *CONFIGS.values(), MORE[:2]),
    ]
    for at, (head, name, label, default, more) in enumerate(parts):
        package = f"p{at}"
        lines = [name, label, default, "pass"]
        body = "".join(f"    {line}\n" for line in lines if line)
        text = f"{head}\nNAME = 'NAME.shop'\nclass A(AppConfig):\n{body}{more}\n"
        found[package] = text.replace("'NAME.", f"'{package}.").replace("NAME.{", package + ".{")
    return found


def test_labels_are_those_that_django_gives() -> None:
    """Every combination. Where Django takes none by itself, one that it can be told will do."""
    from remigrate import surroundings

    texts = variants()
    script = Path(__file__).with_name("labels_by_django.py")
    done = subprocess.run(
        [sys.executable, script], input=json.dumps(texts).encode(), capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    said: dict[str, dict[str, str | None] | None] = json.loads(done.stdout)
    sure = 0
    for package, text in texts.items():
        ours = surroundings.read_config(text.encode())
        answers = said[package]
        if answers is None or not any(answers.values()):
            continue  # Django refuses it
        sure += ours is not None
        alone = answers.pop("")
        if alone == "shop" and len(answers) > 1:  # perhaps for want of a default
            assert ours in (None, "shop", *answers.values()), f"{text}\n{answers}"
        elif alone is not None:
            assert (ours or "shop") == alone or "str(" in text or "not " in text, f"{text}\n{alone}"
    assert sure > 200


# Several projects, tests, settings


def project(folder: str, model: str) -> dict[str, str]:
    user = "dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]"
    source = "from django.conf import settings\n" + migration().replace("dependencies = []", user)
    return {
        f"{folder}/manage.py": "",
        f"{folder}/site/settings.py": f"AUTH_USER_MODEL = '{model}'\n",
        **app(f"{folder}/users", "0001_initial"),
        **app(f"{folder}/shop", "0001_initial"),
        f"{folder}/shop/migrations/0001_initial.py": source,
    }


USER = Reference("AUTH_USER_MODEL", "__first__", 1, swappable=True)


def test_several_projects_of_one_repository_are_kept_apart(make: Make) -> None:
    repository = make({**project("one", "users.User"), **project("two", "shop.Client")})
    found = read(repository)
    assert {app.path: (app.label, app.project) for app in found.apps} == {
        "one/shop/migrations": ("shop", "one"),
        "one/users/migrations": ("users", "one"),
        "two/shop/migrations": ("shop", "two"),
        "two/users/migrations": ("users", "two"),
    }
    assert found.settings == {
        ("one", "AUTH_USER_MODEL"): "users.User",
        ("two", "AUTH_USER_MODEL"): "shop.Client",
    }
    resolve = resolving.Labels(found)
    assert resolve.swapped(USER, "one/shop/migrations") == "users"
    assert resolve.swapped(USER, "two/shop/migrations") == "shop"
    assert resolve.key("users", "0001_initial", "two/shop/migrations")[0] == "two/users/migrations"


def test_the_nearest_manage_py_makes_the_project(make: Make) -> None:
    repository = make(
        {
            "manage.py": "",
            "example/manage.py": "",
            **app("shop", "0001_initial"),
            **app("example/blog", "0001_initial"),
            **app("examples/blog", "0001_initial"),
        }
    )
    assert {app.path: app.project for app in read(repository).apps} == {
        "shop/migrations": ".",
        "example/blog/migrations": "example",
        "examples/blog/migrations": ".",
    }


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({"p/settings.py": "AUTH_USER_MODEL = 'a.A'"}, "a.A"),
        ({"p/settings/base.py": "AUTH_USER_MODEL = 'a.A'", "p/settings/dev.py": "X = 1"}, "a.A"),
        ({"p/settings_local.py": "AUTH_USER_MODEL = 'a.A'"}, "a.A"),
        (
            {
                "p/settings.py": "AUTH_USER_MODEL = 'a.A'",
                "p/settings_b.py": "AUTH_USER_MODEL='b.B'",
            },
            None,
        ),
        ({"p/settings.py": "AUTH_USER_MODEL = env('X')"}, None),
    ],
)
def test_a_setting_is_known_when_all_settings_modules_agree(
    make: Make, files: dict[str, str], value: str | None
) -> None:
    shop = project("x", "no.One")
    del shop["x/site/settings.py"], shop["x/manage.py"]
    repository = make({**shop, **files})
    assert read(repository).settings == {(".", "AUTH_USER_MODEL"): value}


def test_settings_are_not_asked_for_when_nobody_depends_on_one(make: Make) -> None:
    repository = make({**app("shop", "0001_initial"), "p/settings.py": "AUTH_USER_MODEL = 'a.A'"})
    assert read(repository).settings == {}


def test_an_app_of_the_tests_is_not_what_others_mean(make: Make) -> None:
    repository = make(
        {
            **app("shop", "0001_initial"),
            **app("tests/auth", "0001_initial"),
            **app("tests/shop", "0001_initial"),
        }
    )
    resolve = resolving.Labels(read(repository))
    assert resolve.key("auth", "0001_initial", "shop/migrations") == ("@auth", "0001_initial")
    assert (
        resolve.key("auth", "0001_initial", "tests/shop/migrations")[0] == "tests/auth/migrations"
    )
    assert (
        resolve.key("shop", "0001_initial", "tests/auth/migrations")[0] == "tests/shop/migrations"
    )


# MIGRATION_MODULES


@pytest.mark.parametrize("folder", ["db/shop_history", "db/[odd] *folder?", "history", "db/ünder"])
def test_a_folder_from_the_configuration_is_an_app(make: Make, folder: str) -> None:
    repository = make(
        {
            f"{folder}/__init__.py": "",
            f"{folder}/0001_initial.py": migration(),
            f"{folder}/below/__init__.py": "",
            f"{folder}/below/0002_not_this.py": migration(),
            "elsewhere/0001_initial.py": migration(),
        }
    )
    repository.write({f"{folder}/0002_untracked.py": migration("0001_initial")})
    modules = {"store": folder}
    for head in (None, "HEAD"):
        found = read(repository, head, modules=modules)
        assert labels(found) == {folder: "store"}
        untracked = ["0002_untracked"] if head is None else []
        assert names(found) == {folder: ["0001_initial", *untracked]}
    assert names(read(repository, index=True, modules=modules)) == {folder: ["0001_initial"]}


def test_a_configured_folder_needs_no_migration_class_to_count(make: Make) -> None:
    repository = make({"db/history/__init__.py": "", "db/history/helper.py": "x = 1\n"})
    assert labels(read(repository, modules={"shop": "db/history"})) == {"db/history": "shop"}


# What is only half there


def test_a_folder_of_migrations_that_is_a_link_is_said(make: Make) -> None:
    repository = make(app("shop", "0001_initial"))
    (repository.path / "blog").mkdir()
    (repository.path / "blog/migrations").symlink_to("../shop/migrations")
    repository.commit()
    note = UnreadFile("blog/migrations", 1, "migrations", "the folder is a symbolic link")
    for head in (None, "HEAD"):
        found = read(repository, head)
        assert names(found) == {"shop/migrations": ["0001_initial"]}
        assert found.notes == (note,)
    assert read(repository, index=True).notes == (note,)


def test_a_link_that_git_does_not_know_yet_is_said_too(make: Make) -> None:
    repository = make(app("shop", "0001_initial"))
    (repository.path / "migrations").symlink_to("shop/migrations")
    note = UnreadFile("migrations", 1, "migrations", "the folder is a symbolic link")
    assert read(repository).notes == (note,)
    repository.commit()
    for head in (None, "HEAD"):
        assert read(repository, head).notes == (note,)


def test_a_submodule_of_migrations_is_said(make: Make) -> None:
    other = make(app("x", "0001_initial"), name="other")
    repository = make(app("shop", "0001_initial"))
    allow = ("-c", "protocol.file.allow=always")
    repository.git(*allow, "submodule", "add", "-q", other.path, "blog/migrations")
    repository.commit()
    note = UnreadFile("blog/migrations", 1, "migrations", "the folder is a submodule")
    for head in (None, "HEAD"):
        found = read(repository, head)
        assert names(found) == {"shop/migrations": ["0001_initial"]}
        assert found.notes == (note,)


def test_an_app_that_is_a_submodule_is_not_entered(make: Make) -> None:
    other = make(app("x", "0001_initial"), name="other")
    repository = make(app("shop", "0001_initial"))
    allow = ("-c", "protocol.file.allow=always")
    repository.git(*allow, "submodule", "add", "-q", other.path, "vendor")
    repository.commit()
    assert names(read(repository)) == names(read(repository, "HEAD"))
    assert names(read(repository)) == {"shop/migrations": ["0001_initial"]}


@pytest.mark.parametrize("text", ["class (\n", "\0", "é"])
def test_a_broken_configuration_is_as_none(make: Make, text: str) -> None:
    data = text.encode("latin-1")
    repository = make({**app("shop", "0001_initial"), "shop/apps.py": data})
    assert labels(read(repository)) == {"shop/migrations": "shop"}
