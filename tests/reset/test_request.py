"""What the project's Django is asked: names that it knows, and sources as Python reads them."""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path

import pytest

from remigrate import graph as graphs
from remigrate import reader
from remigrate.graph import Graph
from remigrate.model import App, Key, Migration, Project
from remigrate.reset import plan, request
from remigrate.reset.plan import Plan
from tests.rules.verbs import migration

Files = dict[str, str]
"""``label.name`` to source; the package of ``shop`` is ``src/shop/migrations``."""


def package(label: str) -> str:
    return f"src/{label}/migrations"


def planned(
    files: Files, *new: str, targets: Collection[str] = ("shop",), fresh: bool = False
) -> tuple[Graph, list[Key], Plan]:
    """The graph, what of it has landed, and the plan for `targets`."""
    apps: dict[str, list[Migration]] = {}
    for full in sorted(files):
        label, name = full.split(".")
        header = reader.read(files[full].encode())
        path = f"{package(label)}/{name}.py"
        apps.setdefault(label, []).append(Migration(package(label), name, path, "", header))
    project = Project(tuple(App(package(k), k, ".", tuple(v)) for k, v in apps.items()), {})
    graph = graphs.build(project)
    late: set[Key] = {(package(full.split(".")[0]), full.split(".")[1]) for full in new}
    landed = [key for key in graph.files if key not in late]
    found = plan.make(
        graph,
        landed,
        [package(label) for label in targets],
        strategy="fresh" if fresh else "squash",
    )
    return graph, landed, found


def asked(
    files: Files, *new: str, targets: Collection[str] = ("shop",), fresh: bool = False
) -> request.History:
    """What the plan for `targets` makes the probe do."""
    graph, landed, found = planned(files, *new, targets=targets, fresh=fresh)
    return request.history(
        graph, landed, found, lambda m: files[graph.name(m.key)].encode(), "Deploy abc first."
    )


def chain(label: str, *names: str, first: str = "") -> Files:
    """Migrations that follow each other; the first one may follow another app's."""
    before = [first, *(f"{label}.{name}" for name in names)]
    return {
        f"{label}.{name}": migration(*filter(None, [before[at]]), app=label)
        for at, name in enumerate(names)
    }


SHOP = chain("shop", "0001_initial", "0002_price", "0003_stock")


def test_migrations_are_named_by_label_and_come_with_their_source() -> None:
    found = asked(SHOP)
    assert found.gone == tuple((*full.split("."), text) for full, text in SHOP.items())
    assert found.new == ()
    (squash, guard) = found.segments
    assert squash["app"] == "src/shop/migrations"
    assert squash["label"] == "shop"
    assert squash["members"] == [("shop", name.split(".")[1]) for name in SHOP]
    assert squash["before"] == []
    assert squash["replaces"] == tuple(("shop", name.split(".")[1]) for name in SHOP)
    assert squash["message"] == "Deploy abc first."
    assert squash["guards"] == []
    assert guard["members"] == []
    assert guard["guards"] == [("shop", squash["name"])]
    assert guard["dependencies"] == (("shop", squash["name"]),)
    assert list(guard["before"]) == squash["members"]


def test_what_has_not_landed_is_told_apart() -> None:
    found = asked(SHOP, "shop.0003_stock")
    assert found.new == (("shop", "0003_stock"),)
    (squash,) = found.segments
    assert squash["members"] == [("shop", "0001_initial"), ("shop", "0002_price")]


def test_only_earlier_migrations_of_the_same_app_come_before() -> None:
    files = SHOP | chain("blog", "0001_initial", "0002_title", first="shop.0003_stock")
    found = asked(files, targets=("shop", "blog"))
    labels = {segment["name"] + segment["label"]: segment["before"] for segment in found.segments}
    assert all({label for label, _ in before} <= {name[-4:]} for name, before in labels.items())
    assert [len(before) for before in labels.values()].count(0) == 2


def test_migrations_of_apps_that_are_no_targets_stay() -> None:
    found = asked(SHOP | chain("blog", "0001_initial", "0002_title"))
    assert {label for label, _, _ in found.gone} == {"shop"}


def test_a_guard_of_another_app_asks_by_its_label() -> None:
    files = SHOP | chain("blog", "0001_initial", "0002_title", first="shop.0003_stock")
    found = asked(files, "blog.0001_initial", "blog.0002_title", targets=("shop", "blog"))
    (squash,) = [each for each in found.segments if each["replaces"] and each["label"] == "shop"]
    (late,) = [each for each in found.segments if each["members"] and each["label"] == "blog"]
    assert ("shop", squash["name"]) in late["guards"]


def test_a_database_is_left_behind_in_the_middle_of_each_squash_the_longest_first() -> None:
    files = SHOP | chain("blog", "0001_a", "0002_b", "0003_c", "0004_d", "0005_e")
    files |= chain("news", "0001_a", "0002_b")
    found = asked(files, targets=("shop", "blog", "news"))
    assert found.lag == (("blog", "0003_c"), ("shop", "0002_price"), ("news", "0001_a"))


def test_as_many_apps_as_may_be_have_a_database_that_is_behind() -> None:
    """Of an app that is given up in the end, such a database is of no use."""
    files: Files = {}
    labels = [f"app{number}" for number in range(10)]
    for label in labels:
        files |= chain(label, "0001_a", "0002_b")
        files |= chain(f"beside{label}", "0001_a", first=f"{label}.0002_b")
        third = migration(f"{label}.0002_b", f"beside{label}.0001_a", app=label)
        files |= {**chain(label, "0003_c", "0004_d", "0005_e"), f"{label}.0003_c": third}
    found = asked(files, targets=labels).lag
    assert len(found) == 12
    inside = [("app0", "0004_d"), *((label, "0004_d") for label in labels[1:])]
    ends = [("app0", "0002_b"), ("app1", "0002_b")]
    assert found == (inside[0], *ends, *inside[1:])


def test_a_database_has_one_squash_of_an_app_and_nothing_of_the_next() -> None:
    files = chain("shop", "0001_a", "0002_b") | chain("blog", "0001_a", first="shop.0002_b")
    files |= chain("shop", "0001_a", "0002_b", "0003_c", "0004_d")
    files["shop.0003_c"] = migration("shop.0002_b", "blog.0001_a", app="shop")
    found = asked(files)
    assert [each["after"] for each in found.segments] == [None, "0001_squashed_0002_b", None]
    assert [each["marks"] for each in found.segments] == ["0003_squashed_0004_d", None, None]
    assert found.lag == (("shop", "0001_a"), ("shop", "0002_b"), ("shop", "0003_c"))
    _, _, plan_ = planned(files)
    assert request.tried(plan_, found.lag, found.lag) == list(found.lag)
    assert asked(files, fresh=True).lag == ()


def test_the_guard_is_tried_where_most_is_missing_and_where_least_is() -> None:
    """A database that lacks much may not even come to the guard: Django stops by itself."""
    files: Files = {}
    for number in range(7):
        files |= chain(f"app{number}", "0001_a", "0002_b", "0003_c")
    _, _, found = planned(files, targets=[f"app{number}" for number in range(6)])
    lag = [(f"app{number}", "0002_b") for number in (3, 6, 0, 5, 1, 2, 4)]
    reached = [[f"app{number}", "0002_b"] for number in (0, 2, 5, 3, 4, 1, 6)]
    tried = [label for label, _ in request.tried(found, lag, reached)]
    assert tried == ["app3", "app0", "app5", "app1"]  # app6 is no squash of the plan
    assert request.tried(found, lag, reached[:1]) == [("app0", "0002_b")]
    assert request.tried(found, lag, []) == []
    assert request.tried(found, [("app0", "0003_c")], [["app0", "0003_c"]]) == []


def test_a_database_of_the_branch_may_be_behind_on_what_has_not_landed() -> None:
    assert asked(SHOP, *SHOP).lag == (("shop", "0002_price"),)


def test_a_migration_that_stays_is_not_asked_about() -> None:
    found = asked(SHOP, "shop.0002_price", "shop.0003_stock")
    assert [segment["members"] for segment in found.segments] == [
        [("shop", "0002_price"), ("shop", "0003_stock")]
    ]
    assert "0001_initial" not in {name for _, name, _ in found.gone}


def test_nobody_can_be_behind_on_what_replaces_nothing() -> None:
    found = asked(SHOP, fresh=True)
    assert found.lag == ()
    assert [segment["replaces"] for segment in found.segments] == [()]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("# ä\n".encode(), "# ä\n"),
        (b"\xef\xbb\xbf# \xc3\xa4\n", "# ä\n"),
        ("# -*- coding: latin-1 -*-\n# ä\n".encode("latin-1"), "# -*- coding: latin-1 -*-\n# ä\n"),
        (b"a = 1\r\n", "a = 1\r\n"),
        (b"# caf\xe9\na = 1\n", "# caf\ufffd\na = 1\n"),
        (b"a = 1\n\nb = 2\n# caf\xe9\n", "a = 1\n\nb = 2\n# caf\ufffd\n"),
    ],
)
def test_a_module_is_sent_as_python_reads_it(content: bytes, text: str) -> None:
    assert request.text(content) == text


def test_parts_come_after_what_they_import() -> None:
    folder = Path(request.__file__).parents[1] / "probe"
    seen = {"script"}
    for part in request.PARTS:
        tree = ast.parse((folder / f"{part}.py").read_text("utf-8"))
        imported = {
            alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "remigrate.probe"
            for alias in node.names
        }
        assert imported <= seen, part
        seen.add(part)
