"""Who is called what, and who still asks for it: traps 5, 6, 7 and 24."""

from __future__ import annotations

import re
from pathlib import Path

from tests.reset.traps.project import Project, add, alter, app, create, django, migration, model

NAME, PRICE, NOTE = (
    "name=models.CharField(max_length=20)",
    "price=models.IntegerField(default=0)",
    "note=models.CharField(default='', max_length=20)",
)
ITEM = "item=models.ForeignKey('shop.Item', on_delete=models.CASCADE)"
SHOP = app(
    "shop",
    model("Item", NAME, PRICE, NOTE),
    m0001_initial=migration(create("Item", NAME), initial=True),
    m0002_price=migration(add("Item", PRICE), after=[("shop", "0001_initial")]),
    m0003_note=migration(add("Item", NOTE), after=[("shop", "0002_price")]),
)
NAMES = ["0001_initial", "0002_price", "0003_note"]


def test_trap_05_a_squash_never_has_the_name_of_what_it_replaces(tmp_path: Path) -> None:
    """A rewritten ``0001_initial`` that replaces ``0001_initial`` is no squash. Older Djangos load
    no migration of that app at all and say nothing, newer ones crash. Here an earlier squash even
    has the very name that a new one would be given."""
    project = Project(tmp_path)
    whole = migration(
        create("Item", NAME, PRICE, NOTE),
        initial=True,
        replaces=[("shop", name) for name in NAMES],
    )
    naive = {
        **app("shop", model("Item", NAME, PRICE, NOTE)),
        "shop/migrations/0001_initial.py": whole,
    }
    shown = project.write(naive).manage("showmigrations", "shop")
    assert "(no migrations)" in shown.stdout or "Cyclical" in shown.stderr
    project.remove("shop/migrations/0001_initial.py")
    names = ["0001_squashed_0002_price", "0001_same", "0002_price"]
    texts = (
        migration(create("Item", NAME), initial=True),
        migration(alter("Item", NAME), after=[("shop", names[0])]),
        migration(add("Item", PRICE), after=[("shop", names[1])]),
    )
    paths = [f"shop/migrations/{name}.py" for name in names]
    project.write(dict(zip(paths, texts, strict=True)))
    project.write({"shop/models.py": f"from django.db import models\n{model('Item', NAME, PRICE)}"})
    project.commit().migrate("old")
    project.query("old", "INSERT INTO shop_item (name, price) VALUES ('pen', 3)")
    project.reset("shop").proved()
    assert project.names()[0] == "0001_squashed_0002_price_2"
    assert not set(names) & set(project.names())
    project.holds()
    earlier = {*names, *project.names()}
    later = migration(add("Item", NOTE), after=[("shop", project.names()[-1])])
    project.write({"shop/migrations/0003_note.py": later})
    models = model("Item", NAME, PRICE, NOTE)
    project.write({"shop/models.py": f"from django.db import models\n{models}"}).commit()
    project.migrate("old")
    project.reset("shop").proved()
    assert not {*earlier, "0003_note"} & set(project.names())
    project.holds(fresh="again")


def test_trap_06_sqlmigrate_works_on_the_squash_and_on_its_dependents(tmp_path: Path) -> None:
    """``migrate`` forgave a dependency on a name that had been replaced and deleted. But not so
    ``sqlmigrate``, and the linter in CI that is built on it."""
    project = Project(tmp_path, ["blog", "shop"]).write(SHOP)
    project.write(
        app(
            "blog",
            model("Post", ITEM, NOTE),
            m0001_initial=migration(
                create("Post", ITEM), after=[("shop", "0002_price")], initial=True
            ),
            m0002_note=migration(
                add("Post", NOTE), after=[("blog", "0001_initial"), ("shop", "0003_note")]
            ),
        )
    ).commit()
    before = {name: project.read(f"blog/migrations/{name}.py") for name in project.names("blog")}
    project.migrate("old")
    project.query("old", "INSERT INTO shop_item (id, name, price, note) VALUES (1, 'pen', 3, '')")
    project.query("old", "INSERT INTO blog_post (item_id, note) VALUES (1, '')")
    project.reset("shop").proved()
    squash = project.names()[0]
    for label, name in [("shop", squash), *(("blog", name) for name in before)]:
        shown = project.manage("sqlmigrate", label, name)
        assert shown.returncode == 0, shown.stderr
    project.holds()
    for name, text in before.items():
        now = project.read(f"blog/migrations/{name}.py").splitlines()
        (changed,) = [line for line in text.splitlines() if line not in now]
        assert changed.lstrip().startswith("dependencies =")
        assert f"('shop', '{squash}')" in "".join(now)
    project.write({f"blog/migrations/{name}.py": text for name, text in before.items()})
    project.migrate("naive")
    assert "NodeNotFoundError" in project.manage("sqlmigrate", "blog", "0001").stderr


def test_trap_07_installed_apps_may_ask_for_the_first_migration_or_an_old_one(
    tmp_path: Path,
) -> None:
    """A package from the index depends on ``__first__`` of the shop, and another on a migration of
    last year. Nobody here can edit them, so the squash goes on answering to the old names."""
    project = Project(tmp_path, ["plugin", "shop"]).write(SHOP).commit()
    project.install(
        app(
            "plugin",
            model("Rating", ITEM, NOTE),
            m0001_initial=migration(
                create("Rating", ITEM), after=[("shop", "__first__")], initial=True
            ),
            m0002_note=migration(
                add("Rating", NOTE), after=[("plugin", "0001_initial"), ("shop", "0002_price")]
            ),
        )
    )
    project.migrate("old")
    project.query("old", "INSERT INTO shop_item (id, name, price, note) VALUES (1, 'pen', 3, '')")
    project.query("old", "INSERT INTO plugin_rating (item_id, note) VALUES (1, '')")
    project.reset("--all").proved()
    project.holds()
    path = project.folder / "shop" / "migrations" / f"{project.names()[0]}.py"
    path.write_text(re.sub(r"replaces = \[.*?\]\n", "", path.read_text(), flags=re.DOTALL))
    broken = project.manage("migrate", database="naive")
    assert "NodeNotFoundError" in broken.stderr


def test_trap_24_a_squash_of_a_squash_is_flattened_for_every_django(tmp_path: Path) -> None:
    """Last year's squash was still there beside what it replaced. Named in a new squash, it was too
    much for Djangos before 6.0."""
    project = Project(tmp_path).write(SHOP)
    squash = migration(
        create("Item", NAME, PRICE),
        initial=True,
        replaces=[("shop", "0001_initial"), ("shop", "0002_price")],
    )
    project.write({"shop/migrations/0001_squashed_0002_price.py": squash})
    again = migration(alter("Item", NOTE), after=[("shop", "0003_note")])
    project.write({"shop/migrations/0004_note.py": again})
    project.commit().migrate("old")
    naive = project.manage("squashmigrations", "shop", "0003", "--no-input")
    if django() < (6, 0):
        assert "cannot squash squashed migrations" in naive.stderr
    project.git("clean", "--force", "--quiet")
    project.query("old", "INSERT INTO shop_item (name, price, note) VALUES ('pen', 3, '')")
    project.reset("shop").proved()
    replaces = re.search(r"replaces = \[.*?\]", project.texts(), re.DOTALL)
    assert replaces
    assert {name for name in NAMES if f"'{name}'" in replaces[0]} == set(NAMES)
    project.holds()
