"""The command, word by word: what is not understood runs nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remigrate.command import Command, Misunderstood, first_line, is_command, parse


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", Command()),
        ("shop", Command(("shop",))),
        ("shop,blog", Command(("shop", "blog"))),
        ("shop, blog", Command(("shop", "blog"))),
        ("shop blog shop", Command(("shop", "blog"))),
        ("all", Command(all=True)),
        ("strategy=squash", Command(strategy="squash")),
        ("strategy=rebase shop", Command(("shop",), strategy="rebase")),
        ("strategy=merge", Command(strategy="merge")),
        ("all strategy=fresh", Command(all=True, strategy="fresh")),
        ("strategy=merge strategy=merge", Command(strategy="merge")),
        ("sha=0123456789ab", Command(sha="0123456789ab")),
        (f"sha={'a' * 40}", Command(sha="a" * 40)),
        ("keep-replaced", Command(keep_replaced=True)),
        ("dry-run", Command(dry_run=True)),
        ("force", Command(force=True)),
        ("help", Command(help=True)),
        (
            "shop keep-replaced dry-run force sha=0123456789ab strategy=squash",
            Command(("shop",), False, "squash", "0123456789ab", True, True, True),
        ),
        ("  shop\t dry-run  ", Command(("shop",), dry_run=True)),
        ("shop\r\nall strategy=nonsense", Command(("shop",))),
        ("shop\nall", Command(("shop",))),
        ("shop\rall", Command(("shop",))),
        ("Shop_2", Command(("Shop_2",))),
        ("_" * 255, Command(("_" * 255,))),
    ],
)
def test_what_is_understood(words: str, wanted: Command) -> None:
    assert is_command(f"/reset-migrations {words}")
    assert parse(f"/reset-migrations {words}") == wanted


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--dry-run", "--dry-run is none of its words. Did you mean dry-run?"),
        ("dry-rum", "dry-rum is none of its words. Did you mean dry-run?"),
        ("keep-replace", "keep-replace is none of its words. Did you mean keep-replaced?"),
        ("al!", "al! is none of its words. Did you mean all?"),
        ("please!", "please! is none of its words."),
        ("shop;rm", "shop;rm is none of its words."),
        ("$(id)", "$(id) is none of its words."),
        ("../shop", "../shop is none of its words."),
        ("shop.models", "shop.models is none of its words."),
        ("2shop", "2shop is none of its words."),
        (",", ", is none of its words."),
        ("shop,blog!", "shop,blog! is none of its words."),
        ("_" * 256, f"{'_' * 256} is none of its words."),
        # Look-alikes: Cyrillic letters, a zero-width space, a soft hyphen, another hyphen, ALL in
        # full width.
        ("\u0430ll", "\u0430ll is none of its words. Did you mean all?"),
        ("sh\u043ep", "sh\u043ep is none of its words."),
        ("all\u200b", "all\u200b is none of its words. Did you mean all?"),
        ("sh\u00adop", "sh\u00adop is none of its words."),
        ("dry\u2010run", "dry\u2010run is none of its words. Did you mean dry-run?"),
        ("ａｌｌ", "ａｌｌ is none of its words."),
        ("\u202eforce", "\u202eforce is none of its words. Did you mean force?"),
        ("strategy=sqash", "sqash is no strategy: choose from squash, rebase, merge, fresh."),
        ("strategy=SQUASH", "SQUASH is no strategy: choose from squash, rebase, merge, fresh."),
        ("strategy=", "nothing is no strategy: choose from squash, rebase, merge, fresh."),
        ("strategie=merge", "strategie= is none of its words. Did you mean strategy?"),
        ("=", "= is none of its words."),
        ("--strategy=merge", "--strategy= is none of its words. Did you mean strategy?"),
        ("sha=", "sha= takes 12 or more digits of a commit's id, in lower case."),
        ("sha=0123456789a", "sha= takes 12 or more digits of a commit's id, in lower case."),
        ("sha=0123456789AB", "sha= takes 12 or more digits of a commit's id, in lower case."),
        (f"sha={'a' * 41}", "sha= takes 12 or more digits of a commit's id, in lower case."),
        ("sha=0123456789ag", "sha= takes 12 or more digits of a commit's id, in lower case."),
        ("sha=١٢٣٤٥٦٧٨٩٠١٢", "sha= takes 12 or more digits of a commit's id, in lower case."),
        ("keep-replaced=yes", "keep-replaced takes no value."),
        ("force=no", "force takes no value."),
        ("all=shop", "all takes no value."),
        # Contradictions
        ("all shop", "all means every app, and shop is one of them."),
        ("strategy=merge keep-replaced", "keep-replaced is for squash: merge replaces nothing."),
        ("strategy=merge strategy=squash", "strategy= is there twice: merge and squash."),
        ("strategy=squash strategy=merge", "strategy= is there twice: squash and merge."),
        (
            "sha=0123456789ab sha=0123456789ac",
            "sha= is there twice: 0123456789ab and 0123456789ac.",
        ),
        ("x" * 2_000, "The line is longer than 2,000 characters."),
    ],
)
def test_what_is_not_understood_says_why(words: str, why: str) -> None:
    assert parse(f"/reset-migrations {words}") == Misunderstood((why,))


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = parse("/reset-migrations all shop --force strategy=best sha=1")
    assert isinstance(found, Misunderstood)
    assert len(found.why) == 4


def test_a_long_comment_below_a_short_line_is_fine() -> None:
    assert parse("/reset-migrations shop\n" + "x" * 60_000) == Command(("shop",))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n/reset-migrations",
        "please /reset-migrations",
        "> /reset-migrations",
        "`/reset-migrations`",
        "/reset-migrationsall",
        "/reset-migrations,all",
        "/Reset-Migrations",
        "/reset\u2010migrations",
        "/reset-migrati\u043ens",
        "//reset-migrations",
        "\ufeff/reset-migrations",
        "/reset-migrations\u200b",
    ],
)
def test_what_does_not_call_us(body: str) -> None:
    assert not is_command(body)


@given(st.text(max_size=200))
def test_whatever_is_written_is_answered(text: str) -> None:
    found = parse(f"/reset-migrations {text}")
    line = first_line(f"/reset-migrations {text}")
    assert "\n" not in line
    assert "\r" not in line
    if isinstance(found, Misunderstood):
        assert found.why
        assert all(found.why)
    else:
        assert all(label.isascii() and label.isidentifier() for label in found.apps)
        assert found.sha == "" or len(found.sha) >= 12


WORDS = ("shop", "blog", "dry-run", "force", "help", "strategy=merge", f"sha={'a' * 12}")


@given(st.lists(st.sampled_from(WORDS)))
def test_the_order_of_the_words_does_not_matter(words: list[str]) -> None:
    one, other = (parse(" ".join(["/reset-migrations", *each])) for each in (words, sorted(words)))
    assert isinstance(one, Command)
    assert isinstance(other, Command)
    assert one._replace(apps=()) == other._replace(apps=())
    assert set(one.apps) == set(other.apps)
