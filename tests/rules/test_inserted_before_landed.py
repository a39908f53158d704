from remigrate.rules import inserted_before_landed as rule
from tests.rules.verbs import app, clean, finds, line_in, migration

FIRST = migration()
SECOND = migration("0001_initial")
BASE = app(_1_initial=FIRST, _2_stock=SECOND)


def test_a_landed_migration_that_depends_on_a_new_one() -> None:
    edited = migration("0001_initial", "0001_between")
    head = app(_1_initial=FIRST, _1_between=SECOND, _2_stock=edited)
    finding = finds(rule, head, BASE)
    assert finding.path == "shop/migrations/0002_stock.py"
    assert finding.line == line_in(edited, "0001_between")
    assert finding.migrations == ("shop.0001_between", "shop.0002_stock")
    assert "InconsistentMigrationHistory" in finding.message


def test_a_new_migration_that_runs_before_a_landed_one() -> None:
    new = migration(app="blog", run_before=["shop.0001_initial"])
    finding = finds(rule, BASE | app("blog", _1_initial=new), BASE)
    assert finding.path == "blog/migrations/0001_initial.py"
    assert finding.line == line_in(new, "0001_initial")


def test_a_new_migration_before_one_of_an_app_that_is_not_in_the_repository() -> None:
    base = app(_1_initial=migration("admin.0001_initial"))
    new = migration(app="blog", run_before=["admin.0001_initial"])
    finding = finds(rule, base | app("blog", _1_initial=new), base)
    assert finding.migrations == ("blog.0001_initial", "admin.0001_initial")
    assert finding.line == line_in(new, "0001_initial")


def test_several_landed_ones_after_it_are_one_finding() -> None:
    new = migration(app="blog", run_before=["shop.0001_initial", "shop.0002_stock"])
    assert len(finds(rule, BASE | app("blog", _1_initial=new), BASE).migrations) == 3


def test_a_new_migration_on_top() -> None:
    clean(rule, BASE | app(_3_tax=migration("0002_stock")), BASE)


def test_a_squash_of_all_that_landed() -> None:
    squash = migration(replaces=["0001_initial", "0002_stock"])
    head = app(_1_squashed=squash, _3_tax=migration("0001_squashed"))
    clean(rule, head, BASE | app(_3_tax=migration("0002_stock")))


def test_first_of_another_app_moves_with_its_root() -> None:
    """`__first__` is the root that sorts first: a new one before it is an insertion."""
    blog = app("blog", _1_initial=migration("shop.__first__", app="blog"))
    head = BASE | blog | app(_0_start=FIRST, _1_initial=FIRST)
    assert finds(rule, head, BASE | blog).migrations == ("shop.0000_start", "blog.0001_initial")


def test_without_a_base_nothing_has_landed() -> None:
    clean(rule, app(_1_initial=FIRST, _1_between=SECOND, _2_stock=migration("0001_between")))
