"""Apps that lean on each other: traps 2, 3, 4, 8 and 18."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reset.traps.project import Project, add, alter, app, create, migration, model

NAME, NOTE = (
    "name=models.CharField(max_length=20)",
    "note=models.CharField(default='', max_length=9)",
)


def key(to: str) -> str:
    """A foreign key."""
    return f"models.ForeignKey('{to}', null=True, on_delete=models.CASCADE, related_name='+')"


OWNER, ITEM = f"owner={key('crm.Person')}", f"item={key('shop.Item')}"
SHOP = app(
    "shop",
    model("Item", NAME, OWNER, NOTE),
    m0001_initial=migration(create("Item", NAME), initial=True),
    m0002_longer=migration(alter("Item", NAME), after=[("shop", "0001_initial")]),
    m0003_owner=migration(
        add("Item", OWNER), after=[("shop", "0002_longer"), ("crm", "0002_item")]
    ),
    m0004_note=migration(add("Item", NOTE), after=[("shop", "0003_owner")]),
)
CRM = app(
    "crm",
    model("Person", NAME, ITEM, NOTE),
    m0001_initial=migration(create("Person", NAME), initial=True),
    m0002_item=migration(
        add("Person", ITEM), after=[("crm", "0001_initial"), ("shop", "0002_longer")]
    ),
    m0003_note=migration(add("Person", NOTE), after=[("crm", "0002_item"), ("shop", "0004_note")]),
    m0004_longer=migration(alter("Person", NAME), after=[("crm", "0003_note")]),
)


def circle(folder: Path, *more: str) -> Project:
    """Items have owners, and persons have items."""
    return Project(folder, ["crm", "shop", *more]).write({**SHOP, **CRM})


def replaced(project: Project, label: str) -> list[set[str]]:
    """What each squash of an app replaces."""
    found = [
        set(re.findall(rf"\('{label}', '(\w+)'\)", text))
        for name in project.names(label)
        for text in re.findall(r"replaces = \[.*?\]", project.read(f"{label}/migrations/{name}.py"))
    ]
    return [names for names in found if names]


def test_trap_02_squashmigrations_closes_a_circle_that_a_reset_does_not(tmp_path: Path) -> None:
    """Items belong to persons and persons have items. Django's own squash of one app made
    the project fail with a circular dependency: it inherits each parent of what it replaces."""
    project = circle(tmp_path).commit()
    project.migrate("old")
    project.query("old", "INSERT INTO shop_item (id, name, note) VALUES (1, 'pen', '')")
    project.query("old", "INSERT INTO crm_person (name, note, item_id) VALUES ('Ada', '', 1)")
    squashed = project.manage("squashmigrations", "shop", "0004", "--no-input")
    assert squashed.returncode == 0, squashed.stderr
    assert "CircularDependencyError" in project.manage("migrate", database="naive").stderr
    project.git("clean", "--force", "--quiet")
    outcome = project.reset("--all").proved()
    assert {each["label"]: each["before"] for each in outcome.report["apps"]} == {
        "shop": 4,
        "crm": 4,
    }
    project.holds()


def test_trap_02_a_circle_through_an_app_that_is_no_target(tmp_path: Path) -> None:
    """Only the shop is to be reset, but it comes back to itself through the other app."""
    project = circle(tmp_path).commit()
    project.migrate("old")
    project.reset("shop").proved()
    assert project.names("crm") == ["0001_initial", "0002_item", "0003_note", "0004_longer"]
    project.holds()


def test_trap_03_a_database_between_two_parts_gets_all_that_is_missing(tmp_path: Path) -> None:
    """A squash was cut in two by its order alone: the first part had the final columns, and said
    that it replaced the first migration. A database that stood there never got the others. The
    guard stops such a database, as it might have rows; so there is none here."""
    project = circle(tmp_path).commit()
    project.migrate("between", "crm", "0002")
    project.migrate("naive", "shop", "0001")
    project.migrate("old")
    project.reset("--all", "--no-guard").proved("lagging")
    parts = replaced(project, "shop")
    assert parts == [{"0001_initial", "0002_longer"}, {"0003_owner", "0004_note"}]
    project.migrate("between")
    assert project.shape("between") == project.shape("old")
    first = project.names("shop")[0]
    text = project.read(f"shop/migrations/{first}.py")
    wrong = re.sub(r"replaces = .*", "replaces = [('shop', '0001_initial')]", text)
    column = "('note', models.CharField(default='', max_length=9)),\n                ('name'"
    wrong = wrong.replace("('name'", column, 1)
    (project.folder / "shop" / "migrations").joinpath(f"{first}.py").write_text(wrong)
    project.migrate("naive", "shop", first)
    assert "note" not in project.columns("naive", "shop_item")


def test_trap_04_each_part_replaces_its_own_and_dependents_find_the_right_one(
    tmp_path: Path,
) -> None:
    """Both parts of a split squash listed all of the old names. Another app asked for the last of
    these, was given whichever part Django had seen first, and on some days missed a table."""
    label = "model=models.ForeignKey('shop.Label', on_delete=models.CASCADE)"
    project = circle(tmp_path, "billing")
    project.write(
        app("shop", SHOP["shop/models.py"].partition("models\n")[2] + model("Label", NAME))
    )
    project.write(
        {
            "shop/migrations/0005_label.py": migration(
                create("Label", NAME), after=[("shop", "0004_note")]
            )
        }
    )
    project.write(
        app(
            "billing",
            model("Bill", label),
            m0001_initial=migration(
                create("Bill", label), after=[("shop", "0005_label")], initial=True
            ),
        )
    )
    project.commit().migrate("old")
    project.reset("--all").proved()
    parts = replaced(project, "shop")
    assert parts == [{"0001_initial", "0002_longer"}, {"0003_owner", "0004_note", "0005_label"}]
    assert "0005_label')" in project.texts("billing")
    project.holds()
    everything = [("shop", name) for name in sorted(set.union(*parts))]
    for name in project.names("shop")[:2]:
        path = project.folder / "shop" / "migrations" / f"{name}.py"
        path.write_text(re.sub(r"replaces = .*", f"replaces = {everything}", path.read_text()))
    bill = project.folder / "billing" / "migrations" / "0001_initial.py"
    bill.write_text(re.sub(r"'\w+_0005_label'", "'0005_label'", bill.read_text()))
    assert any("shop.label" in said for said in _billed(project))


def _billed(project: Project) -> Iterator[str]:
    """What a migration of the one app says; which part Django sees first is left to chance."""
    for seed in range(20):
        project.environ["PYTHONHASHSEED"] = str(seed)
        yield project.manage("migrate", "billing", database=f"naive{seed}").stderr


@pytest.mark.parametrize("targets", [("shop",), ("--all",)])
def test_trap_08_a_swappable_user_stays_a_question_of_the_settings(
    tmp_path: Path, targets: tuple[str, ...]
) -> None:
    """The user model was swapped. A regenerated migration named the app of today's user instead of
    the setting, and so could not be used with any other."""
    owner = f"owner={key('accounts.User')}".replace("'accounts.User'", "settings.AUTH_USER_MODEL")
    name = "name=models.CharField(max_length=20, unique=True)"
    project = Project(
        tmp_path,
        ["accounts", "shop", "django.contrib.auth", "django.contrib.contenttypes"],
        more='AUTH_USER_MODEL = "accounts.User"\n',
    )
    user = (
        "\n\nfrom django.contrib.auth.models import AbstractBaseUser\n"
        + model("User", name, NOTE, ITEM, base="AbstractBaseUser")
        + '\n    USERNAME_FIELD = "name"\n'
    )
    password = 'password=models.CharField(max_length=128, verbose_name="password")'
    login = 'last_login=models.DateTimeField(blank=True, null=True, verbose_name="last login")'
    project.write(
        {
            **app(
                "accounts",
                user,
                m0001_initial=migration(create("User", password, login, name), initial=True),
                m0002_note=migration(add("User", NOTE), after=[("accounts", "0001_initial")]),
                m0003_item=migration(
                    add("User", ITEM), after=[("accounts", "0002_note"), ("shop", "0002_owner")]
                ),
            ),
            **app(
                "shop",
                model("Item", NAME, owner, NOTE),
                m0001_initial=migration(create("Item", NAME), initial=True),
                m0002_owner=migration(
                    add("Item", owner), after=[("shop", "0001_initial"), "AUTH_USER_MODEL"]
                ),
                m0003_note=migration(add("Item", NOTE), after=[("shop", "0002_owner")]),
            ),
        }
    ).commit()
    project.migrate("old")
    project.reset(*targets).proved()
    text = project.texts("shop")
    assert "swappable_dependency(settings.AUTH_USER_MODEL)" in text
    assert "to=settings.AUTH_USER_MODEL" in text
    assert "to='accounts" not in text
    assert "accounts" not in "".join(re.findall(r"dependencies = \[.*?\]", text, re.DOTALL))
    project.holds()


@pytest.mark.parametrize("strategy", ["squash", "fresh"])
def test_trap_18_fake_initial_knows_every_part_of_a_split_squash(
    tmp_path: Path, strategy: str
) -> None:
    """The tables had come with a dump, without Django's record of it. ``--fake-initial`` took the
    first part for done, and fell over the columns of the second, which did not call itself initial.
    """
    project = circle(tmp_path).commit()
    project.migrate("old")
    project.query("old", "INSERT INTO shop_item (name, note) VALUES ('pen', 'x')")
    shape, rows = project.shape("old"), project.rows("old")
    outcome = project.reset("--all", "--strategy", strategy)
    assert outcome.code == 0, outcome
    assert len(project.names("shop")) > 1
    project.query("old", "DELETE FROM django_migrations")
    project.migrate("old", "--fake-initial")
    assert project.shape("old") == shape
    assert project.rows("old") == rows


def test_trap_18_fake_initial_sees_no_missing_index(tmp_path: Path) -> None:
    """It compares tables and columns only, so it is no way to bring a database in line: here it
    swallows a missing index. What a reset advises does without it."""
    name = "name=models.CharField(db_index=True, max_length=20)"
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", name, NOTE),
            m0001_initial=migration(create("Item", name), initial=True),
            m0002_note=migration(add("Item", NOTE), after=[("shop", "0001_initial")]),
            m0003_note=migration(alter("Item", NOTE), after=[("shop", "0002_note")]),
        )
    )
    project.commit().migrate("old")
    done = project.remigrate("reset", "shop")
    assert done.returncode == 0, done.stderr
    assert "fake" not in done.stdout
    project.migrate("lacking")
    ((index,),) = project.query(
        "lacking", "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'shop_item'"
    )
    project.query("lacking", f"DROP INDEX {index}")
    project.query("lacking", "DELETE FROM django_migrations")
    project.migrate("lacking", "--fake-initial")
    assert project.shape("lacking") != project.shape("old")
    project.holds()
