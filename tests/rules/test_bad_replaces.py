from remigrate.rules import bad_replaces as rule
from tests.rules.verbs import app, clean, finds, line_in, migration

FIRST = migration()
CHAIN = app(_1_initial=FIRST, _2_stock=migration("0001_initial"))


def test_a_squash_that_replaces_itself() -> None:
    squash = migration(replaces=["0001_initial"])
    finding = finds(rule, app(_1_initial=squash))
    assert finding.line == line_in(squash, "0001_initial")
    assert "replaces itself" in finding.message


def test_squashes_that_replace_each_other() -> None:
    head = app(_1_a=migration(replaces=["0001_b"]), _1_b=migration(replaces=["0001_a"]))
    assert "replace each other: shop.0001_a, shop.0001_b" in finds(rule, head).message


def test_two_squashes_of_the_same_migration() -> None:
    one = migration(replaces=["0001_initial", "0002_stock"])
    two = migration("0001_initial", replaces=["0002_stock"])
    finding = finds(rule, CHAIN | app(_1_squashed=one, _2_squashed=two))
    assert "both replace shop.0002_stock" in finding.message


def test_the_new_one_of_two_rivals_is_named_first() -> None:
    one = app(_1_squashed=migration(replaces=["0001_initial", "0002_stock"]))
    two = app(_1_again=migration(replaces=["0001_initial", "0002_stock"]))
    finding = finds(rule, CHAIN | one | two, CHAIN | one)
    assert finding.path == "shop/migrations/0001_again.py"


def test_a_flattened_squash_of_a_squash_names_both() -> None:
    inner = migration(replaces=["0001_initial", "0002_stock"])
    outer = migration(replaces=["0001_inner", "0001_initial", "0002_stock"])
    clean(rule, CHAIN | app(_1_inner=inner, _1_outer=outer))


def test_squashes_one_after_the_other() -> None:
    one = migration(replaces=["0001_initial"])
    two = migration("0001_squashed", replaces=["0002_stock"])
    clean(rule, CHAIN | app(_1_squashed=one, _2_squashed=two))
