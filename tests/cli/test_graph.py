"""`remigrate graph`: pictures in four formats."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.project import Project, refused, remigrate, run


@pytest.fixture
def two(shop: Project) -> Project:
    """Two apps, one of which depends on the other."""
    shop.app("orders")
    path = shop.path / "orders/migrations/0001_initial.py"
    path.write_text(path.read_text().replace("= []", '= [("shop", "0002_price")]', 1))
    shop.commit()
    return shop


@pytest.fixture(scope="module")
def schema(root: Path) -> Any:
    return json.loads((root / "src/remigrate/schemas/graph-v1.json").read_text())


def names(ran: tuple[int, str, str], schema: Any) -> list[str]:
    code, out, err = ran
    assert (code, err) == (0, "")
    document = json.loads(out)
    jsonschema.validate(document, schema)
    return [f"{node['app']}.{node['name']}" for node in document["nodes"]]


def test_mermaid_is_what_one_gets(two: Project) -> None:
    ran = two.graph()
    assert ran == two.graph("--format", "mermaid")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("flowchart LR\n")
    assert ran.out.count(" --> ") == 2


def test_json_is_what_the_schema_says(two: Project, schema: Any) -> None:
    ran = two.graph("--format", "json")
    assert sorted(names(ran, schema)) == [
        "orders.0001_initial",
        "shop.0001_initial",
        "shop.0002_price",
    ]
    document = json.loads(ran.out)
    nodes = [f"{node['app']}.{node['name']}" for node in document["nodes"]]
    edges = {(nodes[edge["dependency"]], nodes[edge["dependent"]]) for edge in document["edges"]}
    assert edges == {
        ("shop.0001_initial", "shop.0002_price"),
        ("shop.0002_price", "orders.0001_initial"),
    }


@pytest.mark.needs("graphviz")
def test_graphviz_takes_the_dot_and_the_svg_is_its(two: Project) -> None:
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    ran = two.graph("--format", "dot")
    assert (ran.code, ran.err) == (0, "")
    two.write("graph.dot", ran.out)
    drawn = run("dot", "-Tsvg", "graph.dot", cwd=two.path)
    assert (drawn.code, drawn.err) == (0, "")
    ran = two.graph("--format", "svg")
    assert (ran.code, ran.err) == (0, "")
    svg = ET.fromstring(ran.out)
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    shown = {text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"shop", "orders", "0002_price"} <= shown


def test_svg_without_graphviz_is_told(two: Project, tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(git)
    ran = two.graph("--format", "svg", env={"PATH": str(tmp_path / "bin")})
    refused(
        ran, 3, "svg needs Graphviz, and its program dot is not on PATH", "apt install graphviz"
    )
    assert two.graph("--format", "dot", env={"PATH": str(tmp_path / "bin")}).code == 0


def test_a_graphviz_that_fails_is_told(two: Project, tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(git)
    dot = tmp_path / "bin/dot"
    dot.write_text("#!/bin/sh\necho 'Error: no such layout' >&2\nexit 1\n")
    dot.chmod(0o755)
    ran = two.graph("--format", "svg", env={"PATH": str(tmp_path / "bin")})
    refused(ran, 3, "Graphviz failed: Error: no such layout", "--format dot")
    dot.write_text("#!/bin/sh\nexit 7\n")
    ran = two.graph("--format", "svg", env={"PATH": str(tmp_path / "bin")})
    refused(ran, 3, "Graphviz failed: exit status 7", "--format dot")


def test_apps_can_be_chosen(two: Project, schema: Any) -> None:
    shop = ["shop.0001_initial", "shop.0002_price"]
    assert set(names(two.graph("--format", "json", "--app", "shop"), schema)) >= set(shop)
    assert "orders.0001_initial" not in names(
        two.graph("--format", "json", "--app", "shop"), schema
    )
    both = two.graph("--format", "json", "--app", "shop", "--app", "orders")
    assert sorted(names(both, schema)) == ["orders.0001_initial", *shop]


def test_an_unknown_app_is_told_with_those_that_there_are(two: Project) -> None:
    refused(two.graph("--app", "ship"), 2, "there is no app called ship", "Did you mean shop?")
    refused(two.graph("--app", "xyz"), 2, "there is no app called xyz", "Found: orders, shop.")


def test_any_tree_can_be_drawn(two: Project, schema: Any) -> None:
    two.migration("0003_stock", "0002_price")
    assert "shop.0003_stock" in names(two.graph("--format", "json"), schema)
    assert "shop.0003_stock" not in names(two.graph("--format", "json", "--head", "main"), schema)
    bare = two.path.parent / "bare.git"
    two.git("clone", "--quiet", "--bare", ".", bare)
    ran = remigrate("graph", "bare.git", "--format", "json", cwd=bare.parent)
    assert len(names(ran, schema)) == 3
    ran = remigrate("graph", two.path / "orders", "--format", "json", cwd=bare.parent)
    assert names(ran, schema) == ["orders.0001_initial"]


def test_a_broken_graph_can_be_drawn_too(two: Project, schema: Any) -> None:
    two.migration("0001_initial", "0002_price")
    two.migration("0003_lost", "0002_gone")
    two.write("shop/migrations/0004_bad.py", "class Migration(\n")
    assert len(names(two.graph("--format", "json"), schema)) == 5
    for form in ("mermaid", "dot"):
        assert two.graph("--format", form).code == 0


def test_a_picture_goes_to_a_file_whole(two: Project) -> None:
    assert two.graph("--output", "graph.mmd") == (0, "", "")
    assert (two.path / "graph.mmd").read_text() == two.graph().out
    refused(two.graph("--output", "no/graph.mmd"), 2, "no/graph.mmd cannot be written", "a folder")


def test_verbose_tells_what_was_read(two: Project) -> None:
    first, second, third = two.graph("--verbose", "--head", "main").err.splitlines()
    assert first == "configuration: none"
    assert second == f"read: commit main of {two.path}"
    assert third.startswith("files: ")
