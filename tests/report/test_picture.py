"""The same neighbourhood, drawn for GitHub, for Graphviz and for a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remigrate.model import Node, Picture, Side
from remigrate.report import picture


def node(app: str, name: str, side: Side = "landed", *, leaf: bool = False) -> Node:
    return Node(app, name, f"{app}/migrations/{name}.py", side, leaf)


CONFLICT = Picture(
    "shop has two leaves",
    (
        node("shop", "0005_coupon", "new", leaf=True),
        node("shop", "0004_stock"),
        node("shop", "0005_discount", leaf=True),
        node("orders", "0003_link", "new", leaf=True),
    ),
    ((1, 0), (1, 2), (0, 3)),
)
ANY = st.text() | st.text(st.sampled_from("\"'`;:-<>[](){}|\\%&# \n\x1b\u202e\udcff/.ab0_"))
NAMES = st.tuples(ANY, ANY, ANY)
MERMAID_LINE = re.compile(
    r"""flowchart[ ]LR
    | [ ]{2}subgraph[ ]a\d+\["[\w.-]+"\]
    | [ ]{4}n\d+(\["[\w.-]+"\]|\(\["[\w.-]+"\]\)):::(landed|new|plain)
    | [ ]{2}end
    | [ ]{2}n\d+[ ]-->[ ]n\d+
    | [ ]{2}classDef[ ][a-z]+[ ][a-z0-9:,\#\ -]+
    | [ ]{2}class[ ]n\d+(,n\d+)*[ ]leaf
    | [ ]{2}style[ ]a\d+[ ][a-z0-9:,\#-]+""",
    re.VERBOSE | re.ASCII,
)
DOT_STRING = r'"(?:[^"\\]|\\.)*"'


def test_a_conflict_reads_from_left_to_right_app_by_app_in_mermaid() -> None:
    drawn = picture.mermaid(CONFLICT)
    assert drawn.startswith(
        """\
flowchart LR
  subgraph a0["shop"]
    n1["0004_stock"]:::landed
    n0(["0005_coupon"]):::new
    n2(["0005_discount"]):::landed
  end
  subgraph a1["orders"]
    n3(["0003_link"]):::new
  end
  n1 --> n0
  n1 --> n2
  n0 --> n3
"""
    )
    assert "  class n0,n2,n3 leaf\n" in drawn


def test_landed_new_and_leaf_differ_in_more_than_colour() -> None:
    drawn = picture.mermaid(CONFLICT)
    styles = dict(re.findall(r"classDef (\w+) (.*)", drawn))
    assert "stroke-dasharray" in styles["new"]
    assert "stroke-dasharray" not in styles["landed"]
    assert "stroke-width" in styles["leaf"]


@pytest.mark.parametrize("kind", ["landed", "new", "plain"])
def test_a_box_brings_its_own_ink_for_light_and_dark_pages(kind: str) -> None:
    style = re.search(
        rf"classDef {kind} fill:(#\w+),stroke:#\w+,color:(#\w+)", picture.mermaid(CONFLICT)
    )
    assert style
    assert contrast(*style.groups()) >= 7


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2: 7 is readable for everybody."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def hostile(names: tuple[str, str, str]) -> Picture:
    title, app, name = names
    nodes = (
        Node(app, name, f"one/{name}/x.py", "new", leaf=True),
        Node(name, app, f"two/{app}/x.py", "", leaf=False),
    )
    return Picture(title, nodes, ((1, 0),))


@given(NAMES)
@example(("", "", ""))
@example(("x", 'a"]\nclick n0 "javascript:alert(1)"', "end"))
@example(("x", "%%{init: {}}%%", "`<img>`"))
def test_no_name_says_anything_to_mermaid(names: tuple[str, str, str]) -> None:
    lines = picture.mermaid(hostile(names)).splitlines()
    for line in lines:
        assert MERMAID_LINE.fullmatch(line), line
    assert sum(" --> " in line for line in lines) == 1


@given(NAMES)
@example(('x\\"]', '"];\n}', "<b>\\"))
def test_no_name_says_anything_to_graphviz(names: tuple[str, str, str]) -> None:
    drawn = picture.dot(hostile(names))
    skeleton = re.sub(DOT_STRING, "S", drawn)
    assert skeleton == re.sub(DOT_STRING, "S", picture.dot(hostile(("t", "a", "n"))))
    assert all(line.isprintable() for line in drawn.split("\n"))


def test_graphviz_shows_landed_new_and_leaf() -> None:
    drawn = picture.dot(CONFLICT)
    coupon = next(line for line in drawn.splitlines() if '"0005_coupon"' in line)
    assert 'style="rounded,filled,dashed"' in coupon
    assert "penwidth" in coupon
    stock = next(line for line in drawn.splitlines() if '"0004_stock"' in line)
    assert 'style="filled"' in stock
    assert "n1 -> n0" in drawn


def test_text_says_what_each_migration_is_and_comes_after() -> None:
    assert picture.text(CONFLICT) == (
        "shop\n"
        "  0004_stock     landed\n"
        "  0005_coupon    new, leaf     after 0004_stock\n"
        "  0005_discount  landed, leaf  after 0004_stock\n"
        "orders\n"
        "  0003_link      new, leaf     after shop.0005_coupon\n"
    )


def test_apps_with_one_label_are_told_apart_by_their_folders() -> None:
    twins = tuple(
        node("shop", "0001_initial")._replace(path=f"{folder}/shop/migrations/0001_initial.py")
        for folder in ("one", "two")
    )
    text = picture.text(Picture("", twins, ()))
    assert "shop (one/shop/migrations)\n" in text
    assert "shop (two/shop/migrations)\n" in text
    assert picture.mermaid(Picture("", twins, ())).count("subgraph") == 2


def test_a_long_name_is_whole_and_does_not_push_the_others_to_the_right() -> None:
    long = "0006_remove_product_discount_remove_product_price_and_then_some_more"
    nodes = (node("shop", "0005_discount"), node("shop", long, "new", leaf=True))
    assert picture.text(Picture("", nodes, ((0, 1),))) == (
        f"shop\n  {'0005_discount':48}  landed\n  {long}  new, leaf  after 0005_discount\n"
    )


def test_a_circle_is_drawn_whole() -> None:
    circle = Picture("", tuple(node("shop", n) for n in "abc"), ((0, 1), (1, 2), (2, 0)))
    assert picture.text(circle).count(" after ") == 3
    assert picture.mermaid(circle).count(" --> ") == 3


def test_a_long_chain_is_drawn_from_its_root_whatever_the_order_given() -> None:
    nodes = tuple(node("shop", f"{i:04}") for i in range(3_000))
    chain = Picture("", nodes, tuple((i + 1, i) for i in range(2_999)))
    lines = picture.text(chain).splitlines()
    assert lines[1].split() == ["2999", "landed"]
    assert lines[-1].split() == ["0000", "landed", "after", "0001"]


@given(NAMES)
def test_a_terminal_gets_one_printable_line_for_each_app_and_node(
    names: tuple[str, str, str],
) -> None:
    lines = picture.text(hostile(names)).removesuffix("\n").split("\n")
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)


def test_an_empty_picture_is_no_text() -> None:
    assert picture.text(Picture("", (), ())) == ""


def test_a_picture_that_github_would_refuse_is_not_small() -> None:
    assert picture.is_small(CONFLICT)
    nodes = tuple(node("shop", f"{i:04}") for i in range(600))
    edges = tuple((i, i + 1) for i in range(599))
    assert picture.is_small(Picture("", nodes, edges[:499]))
    assert not picture.is_small(Picture("", nodes, edges[:500]))
    long_names = tuple(node("shop", f"{i:04}" + "x" * 60) for i in range(1_000))
    assert not picture.is_small(Picture("", long_names, ()))
