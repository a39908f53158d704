from remigrate.rules import multiple_leaves as rule
from tests.rules.verbs import app, clean, finds, line_in, migration

FIRST = migration()
COMPUTED = migration().replace("[\n    ]", "both()")
STOCK = migration("0001_initial")
BASE = app(_1_initial=FIRST, _2_stock=STOCK)


def test_two_branches_on_top_of_the_same_migration_collide() -> None:
    head = app(_1_initial=FIRST, _2_stock=STOCK, _2_discount=STOCK)
    finding = finds(rule, head, BASE)
    assert finding.severity == "error"
    assert finding.path == "shop/migrations/0002_discount.py"
    assert finding.line == line_in(STOCK, "0001_initial")
    assert finding.migrations == ("shop.0002_discount", "shop.0002_stock")
    assert "0002_discount (new here), 0002_stock (in base)" in finding.message
    assert '`("shop", "0002_stock")`' in finding.hint
    assert [related.path for related in finding.related] == ["shop/migrations/0002_stock.py"]


def test_the_finding_stands_where_a_longer_branch_begins() -> None:
    head = app(
        _1_initial=FIRST,
        _2_stock=STOCK,
        _2_discount=migration("0001_initial"),
        _3_rebate=migration("0002_discount"),
    )
    finding = finds(rule, head, BASE)
    assert finding.path == "shop/migrations/0002_discount.py"
    assert finding.migrations == ("shop.0002_stock", "shop.0003_rebate")
    assert "Put 0002_discount on top of 0002_stock" in finding.hint


def test_without_a_base_the_later_name_is_the_one_to_move() -> None:
    finding = finds(rule, app(_1_initial=FIRST, _2_stock=STOCK, _2_discount=STOCK))
    assert finding.path == "shop/migrations/0002_stock.py"
    assert "in base" not in finding.message


def test_three_leaves_are_one_finding() -> None:
    head = app(_1_initial=FIRST, _2_a=STOCK, _2_b=STOCK, _2_c=STOCK)
    assert len(finds(rule, head).migrations) == 3


def test_two_roots_collide_as_well() -> None:
    finding = finds(rule, app(_1_initial=FIRST, _1_begin=migration()))
    assert finding.line == line_in(FIRST, "class Migration")


def test_a_merge_migration_joins_them() -> None:
    merge = migration("0002_stock", "0002_discount")
    clean(rule, app(_1_initial=FIRST, _2_stock=STOCK, _2_discount=STOCK, _3_merge=merge), BASE)


def test_a_squash_beside_what_it_replaces_is_no_second_leaf() -> None:
    squash = migration(replaces=["0001_initial", "0002_stock"])
    clean(rule, app(_1_initial=FIRST, _2_stock=STOCK, _1_squashed=squash))


def test_apps_of_two_projects_with_one_label_do_not_collide() -> None:
    one = {f"one/{path}": text for path, text in BASE.items()} | {"one/manage.py": ""}
    two = {f"two/{path}": text for path, text in BASE.items()} | {"two/manage.py": ""}
    clean(rule, one | two)


def test_leaves_that_an_unread_migration_may_join_are_not_called_a_conflict() -> None:
    clean(rule, app(_1_initial=FIRST, _2_stock=STOCK, _2_discount=STOCK, _3_merge=COMPUTED))


def test_leaves_behind_an_unread_migration_are_a_conflict() -> None:
    head = app(
        _1_initial=COMPUTED,
        _2_stock=migration("0001_initial"),
        _2_discount=migration("0001_initial"),
    )
    finds(rule, head)


def test_a_circle_before_the_leaves_does_not_stop_the_search_for_the_fork() -> None:
    head = app(
        _1_initial=FIRST,
        _2_a=migration("0003_b"),
        _3_b=migration("0002_a"),
        _4_c=migration("0003_b"),
        _2_stock=STOCK,
    )
    finds(rule, head)
