"""Of apps that share tables and rows, only the one that cannot be reset is left as it is."""

from __future__ import annotations

from pathlib import Path

from tests.reset.traps.project import Project, add, app, create, migration, model

NAME = "name=models.CharField(max_length=90)"
LATER = "later=models.CharField(null=True, max_length=9)"
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
    key = "models.BigAutoField(auto_created=True, primary_key=True, serialize=False)"
    return f'migrations.AlterField("{name}", "id", {key})'


def test_an_app_that_is_given_up_does_not_send_the_others_back_to_the_start(
    tmp_path: Path,
) -> None:
    item = 'item=models.ForeignKey("tall.Item", models.CASCADE)'
    big = "id=models.BigAutoField(auto_created=True, primary_key=True, serialize=False)"
    project = log_of_another_app(tmp_path).write(
        app(
            "tall",
            model("Item", big, NAME) + model("Part", big, item),
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
