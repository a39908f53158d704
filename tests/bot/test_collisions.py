"""Which pull requests are fine alone and not together: told from graphs, not from names."""

from __future__ import annotations

from collections.abc import Mapping

from remigrate import load
from remigrate.collisions import Collision, between
from remigrate.memory import NoCache
from remigrate.model import Project
from tests.rules.verbs import MemoryTree, app, migration

Files = Mapping[str, str | bytes]
FIRST, SECOND = migration(), migration("0001_initial")
BASE = app(_1_initial=FIRST)
STOCK, DISCOUNT = app(_2_stock=SECOND), app(_2_discount=SECOND)


def read(files: Files) -> Project:
    return load.load(MemoryTree(files), NoCache())


def collisions(one: Files, other: Files, base: Files = BASE) -> list[Collision]:
    """Between two pull requests that add (or replace) files of base."""
    there = read(base)
    return list(between(there, read({**base, **one}), read({**base, **other})))


def names(found: Collision) -> tuple[list[str], list[str]]:
    return [each.name for each in found.one], [each.name for each in found.other]


def test_two_leaves_are_a_collision_seen_from_both_sides() -> None:
    [found] = collisions(STOCK, DISCOUNT)
    assert found.app == "shop/migrations"
    assert names(found) == (["0002_stock"], ["0002_discount"])
    [back] = collisions(DISCOUNT, STOCK)
    assert names(back) == (["0002_discount"], ["0002_stock"])


def test_numbers_do_not_make_a_collision_and_do_not_hide_one() -> None:
    [found] = collisions(STOCK, app(_7_discount=SECOND))
    assert names(found) == (["0002_stock"], ["0007_discount"])
    on_top = app(_2_stock=SECOND, _2_discount=migration("0002_stock"))
    assert collisions(STOCK, on_top) == []


def test_other_apps_do_not_collide() -> None:
    base = {**BASE, **app("till", _1_initial=migration(app="till"))}
    till = app("till", _2_receipt=migration("0001_initial", app="till"))
    assert collisions(STOCK, till, base) == []
    assert len(collisions({**STOCK, **till}, DISCOUNT, base)) == 1


def test_the_same_file_in_both_is_none() -> None:
    """A pull request that is built on another one brings that one's migrations along."""
    assert collisions(STOCK, STOCK) == []
    more = app(_2_stock=SECOND, _3_more=migration("0002_stock"))
    assert collisions(STOCK, more) == []
    assert collisions(more, STOCK) == []


def test_one_name_with_two_contents_is_a_collision() -> None:
    [found] = collisions(app(_2_auto=SECOND), app(_2_auto=migration("0001_initial", body="[1]")))
    assert names(found) == (["0002_auto"], ["0002_auto"])
    [new] = collisions(app("till", _1_initial=FIRST), app("till", _1_initial=SECOND))
    assert new.app == "till/migrations"


def test_what_is_wrong_without_the_other_is_not_put_down_to_it() -> None:
    base = app(_1_initial=FIRST, _2_landed=SECOND)
    assert collisions(STOCK, app(_3_fine=migration("0002_landed")), base) == []
    two = app(_2_a=SECOND, _2_b=SECOND)
    assert collisions(two, DISCOUNT) == []


def test_one_that_only_removes_or_squashes_does_not_collide_with_one_that_adds_on_top() -> None:
    base = app(_1_initial=FIRST, _2_landed=SECOND)
    there = read(base)
    squash = migration(replaces=("0001_initial", "0002_landed"))
    squashed = read(app(_1_squashed=squash))
    adds = read({**base, **app(_3_more=migration("0002_landed"))})
    assert list(between(there, squashed, adds)) == []
    assert list(between(there, adds, squashed)) == []
    assert list(between(there, read(BASE), adds)) == []


def test_two_squashes_of_the_same_are_a_collision() -> None:
    there = read(app(_1_initial=FIRST, _2_landed=SECOND))
    replaced = ("0001_initial", "0002_landed")
    one = read(app(_1_squashed=migration(replaces=replaced)))
    other = read(app(_1_short=migration(replaces=replaced)))
    assert len(list(between(there, one, other))) == 1


def test_a_migration_that_cannot_be_read_is_not_guessed_about() -> None:
    """It may well depend on the other one."""
    computed = migration("0001_initial").replace("dependencies = [", "dependencies = names() and [")
    assert collisions(STOCK, app(_3_more=computed)) == []
    assert collisions(app("till", _1_a=FIRST), app("till", _1_b=computed)) == []
    assert len(collisions(app("till", _1_a=FIRST), app("till", _1_b=FIRST))) == 1


def test_a_folder_that_django_ignores_does_not_collide() -> None:
    init = "till/migrations/__init__.py"
    one = app("till", _1_initial=FIRST)
    del one[init]
    assert collisions(one, app("till", _1_first=FIRST)) == []
