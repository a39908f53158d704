"""The summary and the comment: a pleasure to read, whatever the pull request is called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from remigrate.model import AppSummary, Finding, Node, Picture, Related, Report, UnreadFile
from remigrate.report import markdown

if TYPE_CHECKING:
    from markdown_it.token import Token

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = re.compile(r"<br>|</?details>|<details><summary>[A-Za-z0-9, ]+</summary>")
OUR_INLINE = ("text", "code_inline", "html_inline", "softbreak", "strong_open", "strong_close")
PLAIN_WORD = re.compile(
    r"[(\"'“‘]*([A-Za-z]+([-'’][A-Za-z]+)*|\d{1,6}|\d{1,3}(,\d{3})+|\d+(\.\d+)+|[—–…→]|[❌⚠️ℹ✅☑↳]+)?"
    r"[.,;:!?)\"'”’…]*|\[!NOTE\]"
)
LEAVES = Finding(
    code="RM101",
    rule="multiple-leaves",
    severity="error",
    app="shop",
    path="shop/migrations/0005_coupon.py",
    line=8,
    end_line=9,
    message="shop has two leaves: `migrate` will stop for everybody.",
    hint="Run `python manage.py makemigrations --merge shop`.",
    related=(Related("shop/migrations/0005_discount.py", 7, "the other leaf"),),
)
CONFLICT = Picture(
    "Leaves of shop",
    (
        Node("shop", "0004_stock", "shop/migrations/0004_stock.py", "landed", leaf=False),
        Node("shop", "0005_coupon", "shop/migrations/0005_coupon.py", "new", leaf=True),
    ),
    ((0, 1),),
)
UNREAD = UnreadFile("shop/migrations/0002.py", 3, "dependencies", "computed at import")
REPORT = Report(
    base="a" * 40,
    head="b" * 40,
    apps=(AppSummary("shop", "shop/migrations", ".", 7, ("0005_coupon", "0005_discount")),),
    findings=(LEAVES._replace(code="RM104", severity="warning"), LEAVES),
    unread=(UNREAD,),
    pictures=(CONFLICT,),
    notices=("Drift was not checked: no environment was found.",),
)
FINE = REPORT._replace(findings=(), unread=(), pictures=(), notices=())
ANY = st.text() | st.text(st.sampled_from("`@#<>|\\*_~[]()!&:/.-+ \n\r\x1b\u202e\udcffab1"))


def blocks(text: str) -> list[Token]:
    return READER.parse(text)


def table(text: str) -> list[list[str]]:
    """The rows of the first table as plain text."""
    rows: list[list[str]] = []
    for token, content in zip(blocks(text), blocks(text)[1:], strict=False):
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("td_open", "th_open"):
            rows[-1].append("".join(part.content for part in content.children or []))
    return rows


def test_the_headline_is_the_verdict() -> None:
    assert markdown.render(REPORT).startswith("### ❌ Migrations: 1 error and 1 warning\n")


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (FINE, "### ✅ Migrations: no problem found"),
        (FINE._replace(unread=(UNREAD,)), "### ☑️ Migrations: no problem in what could be read"),
        (FINE._replace(findings=REPORT.findings[:1]), "### ⚠️ Migrations: 1 warning"),
        (
            FINE._replace(findings=(LEAVES._replace(severity="notice"),) * 2),
            "### ℹ️ Migrations: 2 notices",
        ),
    ],
)
def test_a_verdict_promises_no_more_than_was_seen(report: Report, verdict: str) -> None:
    assert markdown.render(report).splitlines()[0] == verdict


def test_a_report_says_what_it_looked_at() -> None:
    top = "7 migrations in 1 app at `bbbbbbbbbbbb`, as merged with base `aaaaaaaaaaaa`.\n"
    assert top in markdown.render(FINE)
    assert "7 migrations in 1 app.\n" in markdown.render(FINE._replace(base=None, head=None))


def test_each_finding_says_where_what_and_what_to_type_errors_first() -> None:
    rows = table(markdown.render(REPORT))
    assert rows[0] == ["", "Where, and what will happen", "What to type"]
    assert rows[1] == [
        "❌ error<br>RM101<br>multiple-leaves",
        "shop/migrations/0005_coupon.py:8"
        "<br>shop has two leaves: migrate will stop for everybody."
        "<br>↳ shop/migrations/0005_discount.py:7: the other leaf",
        "Run python manage.py makemigrations --merge shop.",
    ]
    assert rows[2][0] == "⚠️ warning<br>RM104<br>multiple-leaves"


def test_a_finding_with_many_places_shows_five_and_counts_the_rest() -> None:
    finding = LEAVES._replace(related=LEAVES.related * 7)
    what = table(markdown.render(FINE._replace(findings=(finding,))))[1][1]
    assert what.count("0005_discount") == 5
    assert what.endswith("↳ and 2 more places")


def test_a_picture_comes_with_the_same_as_text() -> None:
    fences = [block for block in blocks(markdown.render(REPORT)) if block.type == "fence"]
    assert [fence.info for fence in fences] == ["mermaid", "text"]
    assert fences[0].content.startswith("flowchart LR\n")
    assert "  0005_coupon  new, leaf  after 0004_stock\n" in fences[1].content
    assert "#### Leaves of shop\n" in markdown.render(REPORT)


def test_a_picture_that_github_would_not_draw_is_text_alone() -> None:
    nodes = tuple(CONFLICT.nodes[0]._replace(name=f"{i:04}") for i in range(501))
    large = Picture("All of shop", nodes, tuple((i, i + 1) for i in range(500)))
    text = markdown.render(REPORT._replace(pictures=(large,)))
    assert [block.info for block in blocks(text) if block.type == "fence"] == ["text"]
    assert "501 migrations with 500 arrows are more than GitHub draws." in text


def test_what_was_not_checked_and_not_read_is_said() -> None:
    text = markdown.render(REPORT)
    assert "> [!NOTE]\n> - Drift was not checked: no environment was found.\n" in text
    assert "<summary>1 place could not be read</summary>" in text
    assert "| `shop/migrations/0002.py:3` | dependencies | computed at import |" in text


def check_harmless(text: str) -> None:
    """Outside of code there are plain words and the HTML that we write, nothing else."""
    text.encode("utf-8")
    for block in blocks(text):
        if block.type == "html_block":
            assert OUR_HTML.fullmatch(block.content.strip()), block.content
        for token in block.children or []:
            assert token.type in OUR_INLINE, token
            if token.type == "html_inline":
                assert token.content == "<br>"
            if token.type == "text":
                for word in token.content.split():
                    assert PLAIN_WORD.fullmatch(word), word


def attacked(path: str, name: str) -> Report:
    finding = LEAVES._replace(
        path=path,
        message=f"{name} is a leaf",
        hint=f"Run `git rm {path}`\nor {name}",
        migrations=(name,),
        related=(Related(path, 7, name),),
        source=f"{name}\n{path}",
    )
    nodes = (Node(name, path, f"{name}/{path}", "new", leaf=True),) * 2
    return REPORT._replace(
        findings=(finding, LEAVES),
        pictures=(Picture(name, nodes, ((0, 1),)),),
        unread=(UnreadFile(path, 1, name, name),),
        notices=(name,),
        no_drift=name,
    )


def shape(report: Report) -> list[str]:
    return [block.type for block in blocks(markdown.render(report))]


@given(ANY.filter(bool), ANY.filter(bool))
@example("</details>@octocat #123", "<!-- remigrate -->")
@example("a|b\\|c`|", "```\n</details>\n\n# owned")
@example("\n\n| x | y |", "[x](https://evil.example)")
@example("- [ ] x", "1. x")
@example("\ud800", "www.evil.example")
@example("x", " ")
def test_no_name_changes_the_page(path: str, name: str) -> None:
    report = attacked(path, name)
    check_harmless(markdown.render(report))
    rows = table(markdown.render(report))
    assert [len(row) for row in rows] == [3, 3, 3]
    strong = [t for b in blocks(markdown.render(report)) for t in b.children or [] if t.markup]
    assert sum(token.type == "strong_open" for token in strong) == 2
    assert sum(block.type == "heading_open" for block in blocks(markdown.render(report))) == 2
    assert rows[2] == table(markdown.render(REPORT))[1]


def test_an_attack_leaves_the_page_with_the_shape_of_any_other() -> None:
    assert shape(attacked("</details>\n\n# x", "<!--")) == shape(attacked("a", "b"))


@given(st.integers(2_000, 70_000), st.integers(0, 60), st.integers(0, 60), st.integers(0, 4))
def test_a_report_stays_below_its_limit_and_harmless(
    limit: int, findings: int, unread: int, drawings: int
) -> None:
    report = REPORT._replace(
        findings=(LEAVES._replace(message="x." * 700),) * findings,
        unread=(UNREAD,) * unread,
        pictures=(CONFLICT,) * drawings,
        notices=("Drift was not checked.",) * 3,
    )
    text = markdown.render(report, limit)
    assert len(text) <= limit
    check_harmless(text)
    assert text.count("<details>") == text.count("</details>")


def test_what_finds_no_room_is_counted() -> None:
    report = REPORT._replace(findings=(LEAVES,) * 50, pictures=(CONFLICT,) * 2)
    text = markdown.render(report, 4_000)
    shown = len(table(text)) - 1
    assert 0 < shown < 50
    assert text.endswith(
        f"\nLeft out to stay below 4,000 characters: {50 - shown} findings, 2 pictures "
        "and 1 unread place. Run `remigrate check` to see everything.\n"
    )


def test_one_endless_finding_leaves_room_for_the_others() -> None:
    endless = LEAVES._replace(message="\u202e" * 50_000, hint="`" * 50_000, path="y" * 50_000)
    text = markdown.render(REPORT._replace(findings=(endless, LEAVES)))
    assert len(table(text)) == 3
    assert len(text) < 12_000
    assert "Left out" not in text


def test_a_finding_without_a_file_says_what_it_has_to_say() -> None:
    text = markdown.render(FINE._replace(findings=(LEAVES._replace(path="", related=()),)))
    assert table(text)[1][1] == "shop has two leaves: migrate will stop for everybody."


def test_a_report_that_fits_leaves_nothing_out() -> None:
    assert "Left out" not in markdown.render(REPORT)
