from remigrate.rules import duplicate_number as rule
from tests.rules.verbs import app, clean, finds, migration

FIRST = migration()
BASE = app(_1_initial=FIRST, _2_stock=migration("0001_initial"))


def test_a_new_migration_takes_a_number_that_has_landed() -> None:
    finding = finds(rule, BASE | app(_2_tax=migration("0002_stock")), BASE)
    assert finding.severity == "warning"
    assert finding.path == "shop/migrations/0002_tax.py"
    assert finding.migrations == ("shop.0002_stock", "shop.0002_tax")


def test_without_a_base_the_latest_ones_can_still_be_renamed() -> None:
    finds(rule, BASE | app(_2_tax=migration("0002_stock")))


def test_what_landed_long_ago_stays_as_it_is() -> None:
    both = BASE | app(_2_tax=migration("0002_stock"), _3_more=migration("0002_tax"))
    clean(rule, both)
    clean(rule, both | app(_4_last=migration("0003_more")), both)


def test_a_squash_may_share_the_number_of_what_it_replaces() -> None:
    clean(rule, BASE | app(_1_squashed=migration(replaces=["0001_initial", "0002_stock"])))


def test_a_squash_of_a_squash_may_too() -> None:
    inner = migration(replaces=["0001_initial", "0002_stock"])
    clean(rule, BASE | app(_1_inner=inner, _1_outer=migration(replaces=["0001_inner"])))


def test_names_without_a_number_have_none_to_share() -> None:
    files = {"shop/migrations/__init__.py": "", "shop/migrations/first.py": FIRST}
    clean(rule, files | {"shop/migrations/second.py": migration("first")})
