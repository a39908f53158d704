"""RM401: what is told where other pull requests were looked at; `tests/bot/test_collisions.py` has
how they are found."""

from __future__ import annotations

from remigrate import check
from remigrate.facts import Rival
from remigrate.memory import NoCache
from remigrate.model import Finding
from remigrate.report import markdown
from remigrate.rules import pull_request_collision as rule
from tests.rules.verbs import MemoryTree, app, clean, migration

FIRST, SECOND = migration(), migration("0001_initial")
BASE = app(_1_initial=FIRST)
HEAD = app(_1_initial=FIRST, _2_stock=SECOND)
PAGE = "https://github.com/octo/shop/pull/"


def answered(*rivals: tuple[int, dict[str, str | bytes]]) -> check.Answer:
    """Head, with rivals that add files of an app."""

    def looked(files: dict[str, str | bytes]) -> check.Answer:
        base, tree = MemoryTree(BASE), MemoryTree(files)
        facts, project = check.weighed(tree, tree, base, NoCache(), {})
        return check.Answer(facts, project, "b" * 40, "a" * 40)

    answer = looked(HEAD)
    found = tuple(
        Rival(
            "shop/migrations",
            number,
            f"{PAGE}{number}",
            "main",
            answer.project.apps[0].migrations[1:],
            looked(files).project.apps[0].migrations[1:],
        )
        for number, files in rivals
    )
    return answer._replace(facts=answer.facts._replace(rivals=found))


def findings(*rivals: tuple[int, dict[str, str | bytes]]) -> list[Finding]:
    return list(rule.check(answered(*rivals).facts))


def test_nothing_is_said_where_nobody_looked_or_nothing_collides() -> None:
    clean(rule, HEAD, BASE)
    assert findings() == []


def test_the_other_pull_request_its_page_and_its_files_are_named() -> None:
    [found] = findings((12, app(_1_initial=FIRST, _2_discount=SECOND)))
    assert (found.code, found.rule, found.severity) == ("RM401", rule.NAME, "warning")
    assert (found.app, found.path) == ("shop", "shop/migrations/0002_stock.py")
    assert found.line == SECOND.splitlines().index("class Migration(migrations.Migration):") + 1
    assert f"shop gets 0002_stock here and 0002_discount in #12 ({PAGE}12)" in found.message
    assert found.message.endswith(".")
    [related] = found.related
    assert (related.path, related.message) == ("shop/migrations/0002_discount.py", "added by #12")
    assert found.migrations == ("shop.0002_stock", "shop.0002_discount")
    assert "`/reset-migrations strategy=rebase`" in found.hint
    assert "`remigrate reset shop --strategy rebase --base origin/main`" in found.hint


def test_several_rivals_are_one_finding_for_an_app() -> None:
    files = app(_1_initial=FIRST, _2_discount=SECOND)
    [found] = findings(*((number, files) for number in range(12, 20)))
    assert found.pull_requests == tuple(range(12, 20))
    assert len(found.related) == 8
    assert found.migrations == ("shop.0002_stock", "shop.0002_discount")


def test_a_comment_on_github_links_the_other_pull_request() -> None:
    answer = answered((12, app(_1_initial=FIRST, _2_discount=SECOND)))
    text = markdown.render(check.report(answer, [rule]))
    assert "<br>↳ #12 |" in text
    assert f"`{PAGE}12`" in text.replace("(`", "`")
