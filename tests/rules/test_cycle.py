from remigrate.rules import cycle as rule
from tests.rules.verbs import app, check_change, clean, finds, line_in, migration


def test_two_apps_that_wait_for_each_other() -> None:
    shop, blog = migration("blog.0001_initial"), migration("shop.0001_initial", app="blog")
    finding = finds(rule, app(_1_initial=shop) | app("blog", _1_initial=blog))
    assert "blog.0001_initial → shop.0001_initial → blog.0001_initial" in finding.message
    assert "CircularDependencyError" in finding.message
    assert finding.line == line_in(blog, "'shop'")
    assert [related.path for related in finding.related] == ["shop/migrations/0001_initial.py"]


def test_the_finding_stands_on_the_new_migration() -> None:
    blog = app("blog", _1_initial=migration(app="blog"))
    base = app(_1_initial=migration("blog.0001_initial")) | blog
    back = migration("0001_initial", "shop.0001_initial", app="blog", run_before=["0001_initial"])
    finding = finds(
        rule,
        base | app("blog", _1_initial=blog["blog/migrations/0001_initial.py"], _2_back=back),
        base,
    )
    assert finding.path == "blog/migrations/0002_back.py"


def test_a_migration_that_depends_on_itself() -> None:
    finding = finds(rule, app(_1_initial=migration("0001_initial")))
    assert "shop.0001_initial → shop.0001_initial" in finding.message


def test_the_shortest_circle_of_a_knot_is_shown() -> None:
    head = app(
        _1_a=migration("0002_b", "0004_d"),
        _2_b=migration("0001_a"),
        _3_c=migration("0002_b"),
        _4_d=migration("0003_c"),
    )
    assert len(finds(rule, head).migrations) == 2


def test_two_separate_circles_are_two_findings() -> None:
    one = app(_1_a=migration("0002_b"), _2_b=migration("0001_a"))
    two = app("blog", _1_a=migration("0002_b", app="blog"), _2_b=migration("0001_a", app="blog"))
    assert len(check_change(rule, one | two)) == 2


def test_apps_that_take_turns_are_no_circle() -> None:
    shop = app(_1_initial=migration(), _2_post=migration("0001_initial", "blog.0001_initial"))
    clean(rule, shop | app("blog", _1_initial=migration("shop.0001_initial", app="blog")))
