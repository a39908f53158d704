"""A squash that every database knows becomes a plain migration; one that is new waits."""

from __future__ import annotations

import pytest

from remigrate import graph as graphs
from remigrate import reader
from remigrate.model import App, Migration, Project
from remigrate.reset.finishing import finish
from remigrate.reset.strategy import Question, Rewrite

Files = dict[str, str]
"""``label.name`` to source."""


def source(*after: str, replaces: str = "", before: str = "", more: str = "") -> str:
    """A migration; all names are ``label.name``."""
    lists = {"replaces": replaces.split(), "dependencies": after, "run_before": before.split()}
    lines = ["class Migration(migrations.Migration):"]
    for attribute, names in lists.items():
        if names or attribute == "dependencies":
            pairs = "".join(f"        {tuple(name.split('.'))},\n" for name in names)
            lines.append(f"    {attribute} = [\n{pairs}    ]\n")
    return "from django.db import migrations\n\n\n" + "\n".join(
        [*lines, f"    operations = []{more}\n"]
    )


def finished(files: Files, *new: str, targets: str = "shop") -> Rewrite:
    """All files have landed but those called `new`."""
    apps: dict[str, list[Migration]] = {}
    for full in sorted(files):
        label, name = full.split(".")
        header = reader.read(files[full].encode())
        path = f"{label}/migrations/{name}.py"
        apps.setdefault(label, []).append(Migration(f"{label}/migrations", name, path, "", header))
    project = Project(tuple(App(f"{k}/migrations", k, ".", tuple(v)) for k, v in apps.items()), {})
    graph = graphs.build(project)
    late = {tuple(full.split(".")) for full in new}
    landed = {key for key in graph.files if (graph.apps[key[0]].label, key[1]) not in late}
    packages = tuple(f"{label}/migrations" for label in targets.split())

    def read(migration: Migration) -> bytes:
        return files[graph.name(migration.key)].encode()

    return finish(Question(graph, landed, packages, read))


def texts(rewrite: Rewrite) -> dict[str, str | None]:
    """What becomes of each file that is touched, by ``label.name``."""
    assert all(edit.before is not None for edit in rewrite.edits)
    return {
        edit.path.removesuffix(".py").replace("/migrations/", "."): edit.after.decode()
        if edit.after is not None
        else None
        for edit in rewrite.edits
    }


def refusals(rewrite: Rewrite) -> dict[str, str]:
    return {refusal.app.partition("/")[0]: refusal.why for refusal in rewrite.refused}


SQUASH = "shop.0001_squashed"
KEPT = {
    "shop.0001_initial": source(),
    "shop.0002_price": source("shop.0001_initial"),
    SQUASH: source(replaces="shop.0001_initial shop.0002_price"),
    "shop.0003_stock": source("shop.0002_price"),
}


def test_a_landed_squash_loses_what_it_replaced_and_dependents_follow() -> None:
    assert texts(finished(KEPT)) == {
        "shop.0001_initial": None,
        "shop.0002_price": None,
        SQUASH: source(),
        "shop.0003_stock": source(SQUASH),
    }


def test_nothing_else_is_touched() -> None:
    rewrite = finished({**KEPT, "blog.0001_initial": source("shop.0003_stock")})
    assert "blog.0001_initial" not in texts(rewrite)
    assert rewrite.refused == ()


def test_a_squash_whose_files_are_gone_already_loses_its_replaces() -> None:
    files = {SQUASH: KEPT[SQUASH], "shop.0003_stock": source(SQUASH)}
    assert texts(finished(files)) == {SQUASH: source()}


def test_dependents_of_other_apps_follow_also_when_they_run_before() -> None:
    blog = {
        "blog.0001_initial": source("shop.0001_initial"),
        "blog.0002_early": source("blog.0001_initial", before="shop.0002_price"),
    }
    found = texts(finished({**KEPT, **blog}))
    assert found["blog.0001_initial"] == source(SQUASH)
    assert found["blog.0002_early"] == source("blog.0001_initial", before=SQUASH)


def test_a_squash_that_has_not_landed_waits() -> None:
    rewrite = finished(KEPT, SQUASH)
    assert rewrite.edits == ()
    assert refusals(rewrite) == {
        "shop": f"{SQUASH} has not landed: deploy it everywhere first, so that every database "
        "has recorded it"
    }


def test_an_app_without_a_squash_has_nothing_to_finish() -> None:
    rewrite = finished({"shop.0001_initial": source(), **{"blog.0001_initial": source()}})
    assert rewrite.edits == ()
    assert refusals(rewrite) == {"shop": "it has no squash to finish"}


def test_only_the_apps_that_are_asked_for_are_finished() -> None:
    blog = {
        "blog.0001_initial": source(),
        "blog.0002_squashed": source(replaces="blog.0001_initial"),
    }
    assert set(texts(finished({**KEPT, **blog}))) == set(KEPT)
    assert set(texts(finished({**KEPT, **blog}, targets="shop blog"))) == {*KEPT, *blog}


def test_one_app_that_has_nothing_to_finish_does_not_hold_up_another() -> None:
    rewrite = finished({**KEPT, "blog.0001_initial": source()}, targets="blog shop")
    assert set(texts(rewrite)) == set(KEPT)
    assert refusals(rewrite) == {"blog": "it has no squash to finish"}


def test_a_squash_of_squashes_takes_all_of_them_with_it() -> None:
    outer = "shop.0001_again"
    files = {
        **KEPT,
        outer: source(replaces=f"{SQUASH} shop.0003_stock"),
        "shop.0004_last": source("shop.0003_stock"),
    }
    assert texts(finished(files)) == {
        **dict.fromkeys(KEPT),
        outer: source(),
        "shop.0004_last": source(outer),
    }


def test_the_inner_squash_stays_while_the_outer_one_has_not_landed() -> None:
    outer = "shop.0001_again"
    files = {**KEPT, outer: source(replaces=f"{SQUASH} shop.0003_stock")}
    rewrite = finished(files, outer)
    assert rewrite.edits == ()
    assert "0001_again has not landed" in refusals(rewrite)["shop"]


def test_a_squash_that_waits_beside_a_landed_one_is_left_alone() -> None:
    late = {
        "shop.0004_a": source("shop.0003_stock"),
        "shop.0004_late": source("shop.0003_stock", replaces="shop.0004_a"),
    }
    found = texts(finished({**KEPT, **late}, "shop.0004_late"))
    assert found == {
        "shop.0001_initial": None,
        "shop.0002_price": None,
        SQUASH: source(),
        "shop.0003_stock": source(SQUASH),
    }


def test_a_squash_that_cannot_be_edited_refuses_its_app_with_the_line() -> None:
    text = KEPT[SQUASH].replace("    replaces", "    atomic = True; replaces")
    rewrite = finished({**KEPT, SQUASH: text})
    assert rewrite.edits == ()
    why = refusals(rewrite)["shop"]
    assert why.startswith("shop/migrations/0001_squashed.py:5 cannot be edited: ")


HIDDEN = """\
from django.db import migrations

NAME = {name}


class Migration(migrations.Migration):
    dependencies = [("shop", NAME)]
    operations = []
"""


@pytest.mark.parametrize(("name", "line"), [('"0002_" + "price"', 7), ('made("0002_price")', 3)])
def test_a_dependent_that_cannot_be_edited_refuses_the_app_that_it_depends_on(
    name: str, line: int
) -> None:
    files = {**KEPT, "blog.0001_initial": HIDDEN.format(name=name)}
    rewrite = finished(files)
    assert rewrite.edits == ()
    why = refusals(rewrite)["shop"]
    assert why.startswith(f"blog/migrations/0001_initial.py:{line} cannot be edited: ")


def test_a_dependent_that_cannot_be_edited_does_not_hold_up_other_apps() -> None:
    files = {
        **KEPT,
        "blog.0001_initial": HIDDEN.format(name='"0002_" + "price"'),
        "news.0001_initial": source(),
        "news.0001_squashed": source(replaces="news.0001_initial"),
    }
    rewrite = finished(files, targets="shop news")
    assert set(texts(rewrite)) == {"news.0001_initial", "news.0001_squashed"}
    assert set(refusals(rewrite)) == {"shop"}


def test_a_dependent_whose_dependencies_nobody_can_read_is_not_touched() -> None:
    files = {**KEPT, "blog.0001_initial": HIDDEN.format(name="made()")}
    assert set(texts(finished(files))) == set(KEPT)
