"""Of apps that share tables and rows, only the one that cannot be reset is left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reset.traps.project import Project, add, alter, app, create, migration, model

NAME = "name=models.CharField(max_length=90)"
LATER = "later=models.CharField(null=True, max_length=9)"
BIG = "id=models.BigAutoField(auto_created=True, primary_key=True, serialize=False)"
LOG = """
def log(apps, schema_editor):
    name = __file__.replace("\\\\", "/").rpartition("/")[2]
    apps.get_model("core", "Log").objects.create(name=name)
"""


def log_of_another_app(folder: Path) -> Project:
    """`core` makes a table in which a migration of `data` writes what no other file can write."""
    run = "migrations.RunPython(log, migrations.RunPython.noop)"
    return Project(folder, ["core", "data"]).write(
        {
            **app(
                "core",
                model("Log", NAME, LATER) + model("Word", NAME),
                m0001_initial=migration(create("Log", NAME), initial=True),
                m0002_later=migration(add("Log", LATER), after=[("core", "0001_initial")]),
                m0003_word=migration(create("Word", NAME), after=[("core", "0002_later")]),
            ),
            **app(
                "data",
                model("Item", NAME, LATER),
                m0001_initial=migration(create("Item", NAME), initial=True),
                m0002_log=migration(
                    run, above=LOG, after=[("data", "0001_initial"), ("core", "0002_later")]
                ),
                m0003_later=migration(add("Item", LATER), after=[("data", "0002_log")]),
            ),
        }
    )


def test_an_app_that_only_made_the_table_is_reset_without_the_one_that_wrote_to_it(
    tmp_path: Path,
) -> None:
    project = log_of_another_app(tmp_path).commit()
    project.migrate("old")
    outcome = project.reset("--all").proved()
    assert list(outcome.refused) == ["data"]
    assert "fresh-data: core_log: 1 row differs" in outcome.refused["data"]
    assert outcome.ways == {"core": "compact"}
    project.holds()


def bigger(name: str) -> str:
    """The model's key in more bytes. SQLite's columns that point to it stay as they are until
    their own table is made anew."""
    return alter(name, BIG)


def test_an_app_that_is_given_up_does_not_send_the_others_back_to_the_start(
    tmp_path: Path,
) -> None:
    item = 'item=models.ForeignKey("tall.Item", models.CASCADE)'
    project = log_of_another_app(tmp_path).write(
        app(
            "tall",
            model("Item", BIG, NAME) + model("Part", BIG, item),
            m0001_initial=migration(create("Item", NAME), create("Part", item), initial=True),
            m0002_part=migration(bigger("part"), after=[("tall", "0001_initial")]),
            m0003_item=migration(bigger("item"), after=[("tall", "0002_part")]),
        )
    )
    settings = project.read("site_settings.py").replace("'data'", "'data', 'tall'")
    project.write({"site_settings.py": settings}).commit()
    outcome = project.reset("--all", "--verbose").proved()
    assert list(outcome.refused) == ["data"]
    assert outcome.ways == {"core": "compact", "tall": "faithful"}
    assert outcome.said.count("the column tall_part.item_id (integer)") == 1


# The order in which a table and the key that it points to were made


ORGANIZERS = 'organizers=models.ManyToManyField("base.Organizer")'
KEY = 'key=models.ForeignKey("api.Token", models.CASCADE, null=True)'
WORD = "word=models.CharField(null=True, max_length=9)"
BASE = [("base", "0001_initial")]


@pytest.mark.parametrize("option", [(), ("--accept-differences",)])
def test_an_app_is_cut_where_another_one_changed_a_key_that_it_points_to(
    tmp_path: Path, option: tuple[str, ...]
) -> None:
    """`api` points to a key after it became bigger. In one segment with what stood before, it
    would do so before: the rest of `base` comes after that."""
    project = Project(tmp_path, ["aaa", "api", "base"]).write(
        {
            **app(
                "aaa",
                model("First", NAME),
                m0001_initial=migration(create("First", NAME), after=[("base", "0003_big")]),
            ),
            **app(
                "api",
                model("Token", NAME, LATER, WORD, ORGANIZERS),
                m0001_initial=migration(create("Token", NAME), after=BASE, initial=True),
                m0002_organizers=migration(
                    add("Token", ORGANIZERS), after=[("api", "0001_initial"), *BASE]
                ),
                m0003_later=migration(
                    add("Token", LATER), after=[("api", "0002_organizers"), ("base", "0002_key")]
                ),
                m0004_word=migration(add("Token", WORD), after=[("api", "0003_later")]),
            ),
            **app(
                "base",
                model("Organizer", BIG, NAME, KEY, WORD),
                m0001_initial=migration(create("Organizer", NAME), initial=True),
                m0002_key=migration(add("Organizer", KEY), after=[*BASE, ("api", "0001_initial")]),
                m0003_big=migration(bigger("organizer"), after=[("base", "0002_key")]),
                m0004_word=migration(add("Organizer", WORD), after=[("base", "0003_big")]),
            ),
        }
    )
    project.commit().migrate("old")
    outcome = project.reset("--all", *option).proved()
    assert not outcome.refused
    assert project.names("api")[:2] == ["0001_initial", "0002_squashed_0004_word"]
    project.holds()


def base() -> dict[str, str]:
    """An app whose key becomes bigger in its third migration."""
    return app(
        "base",
        model("Organizer", BIG, NAME, LATER, WORD, "more=models.TextField(null=True)"),
        m0001_initial=migration(create("Organizer", NAME), initial=True),
        m0002_later=migration(add("Organizer", LATER), after=BASE),
        m0003_big=migration(bigger("organizer"), after=[("base", "0002_later")]),
        m0004_word=migration(add("Organizer", WORD), after=[("base", "0003_big")]),
        m0005_more=migration(
            add("Organizer", "more=models.TextField(null=True)"), after=[("base", "0004_word")]
        ),
    )


def test_an_app_is_cut_where_another_one_pointed_to_a_key_before_it_changed(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, ["api", "base"]).write(
        {
            **app(
                "api",
                model("Token", NAME, LATER, WORD, ORGANIZERS),
                m0001_initial=migration(
                    create("Token", NAME, ORGANIZERS), after=[("base", "0002_later")]
                ),
                m0002_later=migration(add("Token", LATER), after=[("api", "0001_initial")]),
                m0003_word=migration(add("Token", WORD), after=[("api", "0002_later")]),
            ),
            **base(),
        }
    )
    project.commit().migrate("old")
    outcome = project.reset("--all").proved()
    assert not outcome.refused
    assert project.names("base")[:2] == ["0001_squashed_0002_later", "0003_squashed_0005_more"]
    assert project.names("api")[0] == "0001_squashed_0003_word"
    project.holds()


def test_what_was_cut_for_an_app_that_is_given_up_all_the_same_is_one_again(
    tmp_path: Path,
) -> None:
    log = LOG.replace('"core", "Log"', '"base", "Organizer"')
    project = Project(tmp_path, ["api", "base"]).write(
        {
            **app(
                "api",
                model("Token", NAME, LATER),
                m0001_initial=migration(create("Token", NAME), after=[("base", "0002_later")]),
                m0002_later=migration(add("Token", LATER), after=[("api", "0001_initial")]),
                m0003_log=migration(
                    "migrations.RunPython(log)", above=log, after=[("api", "0002_later")]
                ),
            ),
            **base(),
        }
    )
    outcome = project.commit().reset("--all", "--verbose").proved()
    assert list(outcome.refused) == ["api"]
    assert outcome.ways == {"base": "compact"}
    assert project.names("base")[0] == "0001_squashed_0005_more"
