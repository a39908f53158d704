"""Suggestions in a review: what a reader of the pull request sees, and what committing one does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from markdown_it import MarkdownIt

from remigrate import bot, check, marks, suggesting
from remigrate import demo_shop as project
from remigrate.check import Answer
from remigrate.github import GitHub, Pace
from remigrate.local_github import events
from remigrate.local_github.faults import KINDS, Kind
from remigrate.local_github.records import BOT, Remark
from remigrate.local_github.server import LocalGitHub
from remigrate.memory import NoCache
from remigrate.model import Finding, Fix, Report
from remigrate.rules import ALL
from remigrate.suggesting import Line, Suggestion
from tests.bot.story import BOT_MAY, HASTE, Story
from tests.bot.test_door import Done, changed, step
from tests.rules.verbs import Files, MemoryTree, app, migration

PATH = "shop/migrations/0003_discount.py"
REMARKS = "/repos/octo/shop/pulls/1/comments"
Check = Callable[..., Done]


@pytest.fixture(autouse=True)
def hastily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remigrate.github.Pace", lambda: Pace(*HASTE))


@pytest.fixture
def checked(story: Story, capsys: pytest.CaptureFixture[str]) -> Check:
    """The check of pull request #1 as it is now, in a new checkout."""

    def run(payload: Any = None, permissions: Any = BOT_MAY, **inputs: str) -> Done:
        shutil.rmtree(story.folder / "workspace", ignore_errors=True)
        there = changed(story) if payload is None else payload
        return step(story, capsys, "pull_request", there, permissions, **inputs)

    return run


def remarks(story: Story) -> list[Remark]:
    """What the bot says about lines of #1."""
    return [each for review, each in story.hub.state.remarked(1) if review.author == BOT]


def suggested(remark: Remark) -> str:
    """The line that GitHub would write, as a reader of Markdown finds it."""
    fences = [each for each in MarkdownIt().parse(remark.body) if each.type == "fence"]
    [(info, text, ticks)] = [(each.info, each.content, each.markup) for each in fences]
    assert info == "suggestion"
    assert ticks not in text
    assert text.count("\n") == 1
    return text.removesuffix("\n")


def committed(story: Story, remark: Remark) -> None:
    """Somebody presses *Commit suggestion*."""
    lines = text_of(story, remark.path).split("\n")
    lines[remark.line - 1] = suggested(remark)
    story.hub.state.push("topic", {remark.path: "\n".join(lines)}, "Apply it", by="ada")


def text_of(story: Story, path: str) -> str:
    return story.hub.state.repository.git("show", f"{story.head}:{path}") + "\n"


def pushed(story: Story, text: str) -> None:
    """The pull request's migration is another one."""
    story.hub.state.push("topic", {PATH: text}, "Another one", by="ada")


def test_a_conflict_is_settled_by_committing_the_suggestion(story: Story, checked: Check) -> None:
    assert checked().code == 1
    [remark] = remarks(story)
    assert (remark.path, remark.line) == (PATH, 5)
    assert suggested(remark) == '    dependencies = [("shop", "0003_stock")]'
    before = text_of(story, PATH)

    committed(story, remark)
    assert text_of(story, PATH) == before.replace("0002_shelf", "0003_stock")
    done = checked()
    assert (done.code, "RM101" in done.log) == (0, False)
    assert remarks(story) == [remark], "GitHub folds what was committed"


def test_what_the_suggestion_does_not_settle_is_said(story: Story, checked: Check) -> None:
    checked()
    assert "RM104 of this file stays." in remarks(story)[0].body


def test_a_name_that_was_mistyped_is_put_right(story: Story, checked: Check) -> None:
    on_top = project.migration("0003_stok", project.added("order", "discount"))
    files = {PATH: None, "shop/migrations/0004_discount.py": on_top}
    story.hub.state.push("topic", files, "On top", by="ada")
    assert checked().code == 1
    [remark] = remarks(story)
    assert suggested(remark) == '    dependencies = [("shop", "0003_stock")]'
    committed(story, remark)
    done = checked()
    assert (done.code, "::warning" in done.log) == (0, False)


def test_a_suggestion_is_made_once(story: Story, checked: Check) -> None:
    noise = [{"path": PATH, "line": 1, "body": f"hm {number}"} for number in range(120)]
    story.hub.state.review(1, "", "COMMENT", noise, by="eve")
    checked()
    checked()
    story.hub.state.push("topic", {"README": "more"}, "More", by="ada")
    checked()
    assert len(remarks(story)) == 1


def test_somebody_elses_copy_of_our_mark_is_not_our_suggestion(
    story: Story, checked: Check
) -> None:
    checked()
    [ours] = remarks(story)
    story.hub.state.unremark(ours.id)
    copy = {"path": PATH, "line": 5, "body": ours.body}
    story.hub.state.review(1, "", "COMMENT", [copy], by="eve")
    checked()
    assert [each.body for each in remarks(story)] == [ours.body]
    story.hub.state.push("main", {"shop/migrations/0003_stock.py": None}, "Undo", by="ada")
    checked()
    assert [review.author for review, _ in story.hub.state.remarked(1)] == ["eve"]


def test_a_suggestion_that_holds_no_more_is_taken_back(story: Story, checked: Check) -> None:
    checked()
    [first] = remarks(story)
    answer = {"path": PATH, "line": 5, "body": "Is that so?"}
    story.hub.state.review(1, "", "COMMENT", [answer], by="ada")
    more = project.migration("0003_stock", project.added("product", "weight"))
    story.hub.state.push("main", {"shop/migrations/0004_weight.py": more}, "More", by="ada")
    checked()
    [second] = remarks(story)
    assert second.id != first.id
    assert suggested(second) == '    dependencies = [("shop", "0004_weight")]'
    story.hub.state.push("topic", {PATH: None}, "Not needed", by="ada")
    checked()
    said = [each.body for _, each in story.hub.state.remarked(1)]
    assert said == ["Is that so?", second.body], "its line is gone: GitHub folds it"


def test_nothing_is_suggested_where_the_comment_is_switched_off(
    story: Story, checked: Check
) -> None:
    checked(comment="false")
    assert not remarks(story)


def test_nothing_is_suggested_to_a_fork(story: Story, checked: Check) -> None:
    state = story.hub.state
    fork = state.fork("mallory")
    state.push("evil", project.DISCOUNT, "Evil", by="mallory", onto="topic~", to=fork)
    number = state.open("evil", "main", "Evil", by="mallory", of=fork).number
    assert number == 2
    checked(events.pull_request(story.hub.shapes, 2, "synchronize", "mallory"))
    assert not state.remarked(2)
    assert all(each.method == "GET" for each in story.hub.seen if each.path.startswith("/repos"))


def test_a_late_run_suggests_nothing_about_an_old_commit(story: Story, checked: Check) -> None:
    payload = changed(story)
    story.hub.state.push("topic", {"README": "more"}, "More", by="ada")
    done = checked(payload)
    assert "No comment was written: the pull request has moved on" in done.log
    assert not remarks(story)


# What is hostile in a line

LINE = '    dependencies = [("shop", "0002_shelf")]'


def test_a_line_with_backticks_cannot_end_the_suggestion(story: Story, checked: Check) -> None:
    tail = "  # ````` <!-- @octo/all `"
    pushed(story, text_of(story, PATH).replace(LINE, LINE + tail))
    checked()
    [remark] = remarks(story)
    assert suggested(remark) == LINE.replace("0002_shelf", "0003_stock") + tail
    committed(story, remark)
    assert checked().code == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(LINE, f"{LINE}\r"),
        lambda text: f"# What it is for\r\n{text}",
        lambda text: text.replace(LINE, f"{LINE}  # \u202e"),
        lambda text: text.replace(LINE, f"{LINE}  # \u3164"),
        lambda text: text.replace(LINE, LINE.replace(" =", "\t=")),
        lambda text: f"# coding: latin-1\n{text}# caf\udce9\n",
    ],
    ids=["windows line ends", "one CR", "a CR elsewhere", "bidi", "blank letter", "tab", "latin-1"],
)
def test_a_line_that_github_would_not_write_as_it_is_gets_no_suggestion(
    story: Story, checked: Check, change: Callable[[str], str]
) -> None:
    pushed(story, change(text_of(story, PATH)))
    done = checked()
    assert "RM101" in done.log
    assert not remarks(story)


# Where it may stand


@pytest.mark.parametrize(("blob", "number", "made"), [("", 5, 1), ("", 99, 0), ("0" * 40, 5, 0)])
def test_only_lines_of_the_diff_are_commented_on(
    story: Story, blob: str, number: int, made: int
) -> None:
    there = story.hub.state.repository.git("rev-parse", f"{story.head}:{PATH}")
    finding = Finding("RM101", "multiple-leaves", "error", "shop", PATH, 5, 5, "m", "h")
    offer = Suggestion(
        finding, Fix(("shop", "a"), ("shop", "b")), blob or there, Line(number, "a", "b"), ()
    )
    found = Report(None, None, (), (finding,), ())
    bot.report(story.client(), 1, story.head, found, [offer])
    assert len(remarks(story)) == made


def test_a_few_suggestions_are_enough(story: Story) -> None:
    there = story.hub.state.repository.git("rev-parse", f"{story.head}:{PATH}")
    finding = Finding("RM101", "multiple-leaves", "error", "shop", PATH, 5, 5, "m", "h")
    fix = Fix(("shop", "a"), ("shop", "b"))
    offers = [
        Suggestion(finding, fix, there, Line(number, "a", f"b{number}"), ())
        for number in range(1, 9)
    ]
    found = Report(None, None, (), (finding,), ())
    bot.report(story.client(), 1, story.head, found, offers)
    assert [each.line for each in remarks(story)] == [1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_review_comment_is_one_whatever_befalls_it(
    hub: LocalGitHub, github: GitHub, kind: Kind
) -> None:
    mark = marks.suggestion("a.py", "3", "4")
    hub.faults.add(kind, "POST", REMARKS, seconds=1)
    github.remark(1, mark, f"words {mark}", (hub.state.repository.commit_id("feature"), "a.py", 3))
    assert [each.body for _, each in hub.state.remarked(1)] == [f"words {mark}"]
    [ours] = github.own_remarks(1, mark)
    hub.faults.add(kind, "DELETE", seconds=1)
    github.unremark(ours)
    assert not hub.state.remarked(1)


# What is worked out


def offers(base: Files | None, head: Files) -> list[Suggestion]:
    before, after = MemoryTree(base) if base else None, MemoryTree(head)
    facts, read = check.weighed(after, after, before, NoCache(), {})
    answer = Answer(facts, read, None, None)
    return list(suggesting.worked_out(answer, ALL, check.report(answer, ALL)))


FIRST, ON_FIRST = migration(), migration("0001_a")
BASE = app(_1_a=FIRST, _2_b=ON_FIRST)


def test_two_leaves_are_put_into_a_row() -> None:
    [found] = offers(BASE, {**BASE, **app(_3_c=ON_FIRST)})
    assert found.line == Line(6, "        ('shop', '0001_a'),", "        ('shop', '0002_b'),")
    assert (found.finding.code, found.left) == ("RM101", ())


def test_a_pull_request_full_of_findings_does_not_keep_us_busy() -> None:
    base: dict[str, str | bytes] = {}
    new: dict[str, str | bytes] = {}
    for name in (f"app{number}" for number in range(suggesting.MOST_TRIED + 5)):
        on_first = migration("0001_a", app=name)
        base |= app(name, _1_a=migration(app=name), _2_b=on_first)
        new |= app(name, _3_c=on_first)
    assert len(offers(base, {**base, **new})) == suggesting.MOST_TRIED


@pytest.mark.parametrize(
    ("base", "new"),
    [
        (BASE, app(_3_c=ON_FIRST, _4_d=ON_FIRST)),
        (BASE, app(_3_c=migration("0001_a", "0001_a"))),
        ({**BASE, **app(_3_c=ON_FIRST)}, {}),
    ],
    ids=["three leaves", "two lines", "both landed"],
)
def test_what_one_line_does_not_settle_is_not_suggested(base: Files, new: Files) -> None:
    assert offers(base, {**base, **new}) == []


def test_without_a_base_nobody_knows_what_may_be_moved() -> None:
    assert offers(None, {**BASE, **app(_3_c=ON_FIRST)}) == []


def test_a_line_that_would_close_a_circle_is_not_suggested() -> None:
    """0002_b of base waits for cart, and cart for the new migration."""
    base = {
        **app(_1_a=FIRST, _2_b=migration("0001_a", "cart.0001_x")),
        **app("cart", _1_x=migration(app="cart")),
    }
    new = {
        **app(_3_c=ON_FIRST),
        **app("cart", _1_x=migration("shop.0003_c", app="cart")),
    }
    assert offers(base, {**base, **new}) == []


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("0002_bb", "0002_b"),
        ("0007_b", "0002_b"),
        ("0009_nothing", None),
    ],
)
def test_a_missing_migration_is_the_only_one_with_its_number_or_its_words(
    named: str, meant: str | None
) -> None:
    found = offers(BASE, {**BASE, **app(_3_c=migration(named))})
    assert [each.fix.new[1] for each in found] == ([meant] if meant else [])


def test_of_two_that_may_be_meant_none_is_suggested() -> None:
    base = {**BASE, **app(_3_b=migration("0002_b"))}
    assert offers(base, {**base, **app(_4_c=migration("0009_b"))}) == []
