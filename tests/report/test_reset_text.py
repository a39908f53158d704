"""What a terminal shows of a reset."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remigrate.outcome import AppReset, ChangedFile, Check, HandWritten, Reset, Strategy, Verdict
from remigrate.report import reset_text
from remigrate.report import reset_words as words
from tests.report.reset import DIFFERS, NOTHING, PROVED, named

IDLE = (
    Check("upgrade", "sqlite 3.40.1", "skipped", "there are no databases to keep"),
    Check("lagging", "sqlite 3.40.1", "skipped", "there are no databases to keep"),
)
ANY = st.text() | st.text(st.sampled_from("`@<> \n\r\t\x1b[31m\u202e\udcffab1"))


def plain(text: str, _color: str) -> str:
    return text


def shown(reset: Reset, width: int = 100, verbose: bool = False) -> str:
    return reset_text.render(reset, plain, width, verbose)


def block(text: str, title: str) -> list[str]:
    """The lines under a title."""
    [found] = [part for part in text.split("\n\n") if part.strip().split("\n")[0].strip() == title]
    return found.strip("\n").split("\n")[1:]


def last(reset: Reset) -> list[str]:
    return shown(reset).rstrip("\n").split("\n")[-2:]


def test_a_reset_ends_with_what_became_of_it() -> None:
    assert last(PROVED) == [
        "✓ 35 migrations of 2 apps became 4",
        "  proved by 3 checks (squash on base 123456789012)",
    ]


@pytest.mark.parametrize(
    ("reset", "verdict", "proof"),
    [
        (NOTHING, "! Nothing to shorten", "  (squash)"),
        (
            NOTHING._replace(strategy="rebase", base="f" * 40),
            "! Nothing new to put on top of base",
            "  (rebase on base ffffffffffff)",
        ),
        (NOTHING._replace(finished=True), "! No squash to finish", "  (finish)"),
        (
            NOTHING._replace(refused=DIFFERS.refused),
            "✗ Nothing was reset, 1 app refused",
            "  (squash)",
        ),
        (
            DIFFERS,
            "✗ Nothing was written: 35 migrations of 2 apps would become 4, 1 app refused",
            "  6 checks: 1 failed, 1 differs, 1 skipped and 3 proved (squash on base 123456789012)",
        ),
        (
            PROVED._replace(written=False, dry_run=True),
            "✓ Dry run, nothing was written: 35 migrations of 2 apps would become 4",
            "  proved by 3 checks (squash on base 123456789012)",
        ),
        (
            PROVED._replace(proof=()),
            "! 35 migrations of 2 apps became 4",
            "  unproved, no check ran (squash on base 123456789012)",
        ),
        (
            PROVED._replace(refused=DIFFERS.refused),
            "! 35 migrations of 2 apps became 4, 1 app refused",
            "  proved by 3 checks (squash on base 123456789012)",
        ),
        (
            PROVED._replace(proof=(Check("upgrade", "mysql", "skipped", "no server"),)),
            "! 35 migrations of 2 apps became 4",
            "  1 check: 1 skipped (squash on base 123456789012)",
        ),
        (
            PROVED._replace(proof=DIFFERS.proof[:4]),
            "✗ 35 migrations of 2 apps became 4",
            "  4 checks: 1 differs and 3 proved (squash on base 123456789012)",
        ),
        (
            PROVED._replace(
                strategy="merge", base=None, apps=(AppReset("shop", 3, 4, "faithful"),)
            ),
            "✓ The leaves of 1 app are merged",
            "  proved by 3 checks (merge)",
        ),
        (
            PROVED._replace(strategy="rebase", written=False, dry_run=True),
            "✓ Dry run, nothing was written: the new migrations of 2 apps would be on top of base",
            "  proved by 3 checks (rebase on base 123456789012)",
        ),
        (
            PROVED._replace(finished=True, base=None, refused=DIFFERS.refused),
            "! The squashes of 2 apps are plain migrations, 1 app refused",
            "  proved by 3 checks (finish)",
        ),
        (
            PROVED._replace(strategy="fresh", base=None, proof=(PROVED.proof[0], *IDLE)),
            "✓ 35 migrations of 2 apps became 4",
            "  proved by 1 check, 2 do not apply (fresh)",
        ),
        (
            PROVED._replace(guarded=False, proof=(*PROVED.proof[:2], IDLE[1])),
            "✓ 35 migrations of 2 apps became 4",
            "  proved by 2 checks, 1 does not apply (squash on base 123456789012)",
        ),
        (
            PROVED._replace(proof=(*PROVED.proof[:2], IDLE[1])),
            "! 35 migrations of 2 apps became 4",
            "  3 checks: 1 skipped and 2 proved (squash on base 123456789012)",
        ),
        (
            PROVED._replace(strategy="fresh", proof=IDLE),
            "! 35 migrations of 2 apps became 4",
            "  unproved, no check ran (fresh on base 123456789012)",
        ),
    ],
)
def test_the_verdict_promises_no_more_than_was_proved(
    reset: Reset, verdict: str, proof: str
) -> None:
    assert last(reset) == [verdict, proof]


def test_each_app_is_shown_before_and_after() -> None:
    assert block(shown(PROVED), "App     Before  After  How") == [
        "  shop        23      2  compact+tail",
        "  orders      12      2  compact",
        "              35      4",
    ]
    text = shown(PROVED)
    for how in ("compact", "compact+tail"):
        assert f"  {how}: written anew" in text
    assert "faithful" not in text, "only what was used is explained"


@pytest.mark.parametrize(
    "reset",
    [
        PROVED._replace(strategy="rebase"),
        PROVED._replace(strategy="merge"),
        PROVED._replace(finished=True),
    ],
)
def test_ways_to_write_a_history_are_told_only_where_one_was_written(reset: Reset) -> None:
    assert block(shown(reset), "App     Before  After") == [
        "  shop        23      2",
        "  orders      12      2",
        "              35      4",
    ]
    assert "compact" not in shown(reset)


def test_files_are_listed_with_what_becomes_of_them() -> None:
    files = [
        "  + shop/migrations/0001_squashed.py",
        "  ~ api/migrations/0004_cart.py",
        "  - shop/migrations/0001_initial.py",
    ]
    assert block(shown(PROVED), "3 files: 1 added, 1 changed and 1 deleted") == files
    assert block(shown(DIFFERS), "3 files: 1 to add, 1 to change and 1 to delete") == files


def test_of_many_files_the_rest_is_counted() -> None:
    gone = tuple(ChangedFile(f"shop/migrations/{i:04}.py", "delete") for i in range(1200))
    lines = block(shown(PROVED._replace(files=gone)), "1,200 files deleted")
    assert len(lines) == 21
    assert lines[-1] == "  … and 1,180 more (--verbose lists all)"
    everything = shown(PROVED._replace(files=gone), verbose=True)
    assert len(block(everything, "1,200 files deleted")) == 1200


def test_one_file_is_one() -> None:
    one = PROVED._replace(files=PROVED.files[:1])
    assert block(shown(one), "1 file deleted") == ["  - shop/migrations/0001_initial.py"]
    assert "\n1 file to delete\n" in shown(one._replace(written=False, dry_run=True))


def test_the_proof_is_a_checklist_with_databases_and_times() -> None:
    assert block(shown(DIFFERS), "Proof") == [
        "  ✓ graph                               0.4 s  "
        "Django loads the new files, no conflict and no circle",
        "  ✓ fresh-schema  sqlite 3.40.1          22 s  an empty database gets the same schema",
        "  ✓ lagging       sqlite 3.40.1     2 min 5 s  stopped at shop.0024_stock",
        "  ✗ fresh-data    postgresql 15.18      3.0 s  differs: 2 differences",
        "      shop_order: the row of invoice 7 is missing",
        "      shop_cart: 2 rows more",
        "      shop_order.created is never the same",
        "  – upgrade       mysql                        skipped: no server is on this machine",
        "  ✗ drift                               1.0 s  failed: the models import shop.gone",
    ]


def test_of_many_differences_the_rest_is_counted() -> None:
    many = tuple(f"shop_{i}: another type" for i in range(30))
    check = Check("fresh-schema", "sqlite 3.40.1", "differs", differences=many)
    lines = block(shown(DIFFERS._replace(proof=(check,))), "Proof")
    assert lines[0].endswith("differs: 30 differences")
    assert lines[-1] == "      … and 10 more (--verbose lists all)"
    assert len(lines) == 22
    everything = shown(DIFFERS._replace(proof=(check,)), verbose=True)
    assert block(everything, "Proof")[-1] == "      shop_29: another type"


def test_times_that_nobody_measured_are_not_told() -> None:
    proof = (
        Check("graph", None, "proved"),
        Check("upgrade", "sqlite 3.40.1", "proved", "from base", 0.02),
        IDLE[1],
    )
    assert block(shown(PROVED._replace(proof=proof)), "Proof") == [
        "  ✓ graph                           Django loads the new files, no conflict and no circle",
        "  ✓ upgrade  sqlite 3.40.1  <0.1 s  from base",
        "  – lagging  sqlite 3.40.1          skipped: there are no databases to keep",
    ]
    fresh = shown(PROVED._replace(proof=proof, strategy="fresh"))
    assert block(fresh, "Proof")[-1].endswith("does not apply: there are no databases to keep")


def test_names_that_nobody_reads_to_their_end_lose_their_middle() -> None:
    name = "0001_squashed_0006_rename_taggeditem_content_type_taggit_tagg_content_8fc721_idx"
    reset = PROVED._replace(
        proof=(Check("lagging", None, "proved", f"it lacks {name}, deploy first"),),
        carried=(HandWritten("taggit", name, "RunPython(seed)"),),
        files=(ChangedFile(f"taggit/migrations/{name}.py", "add"),),
    )
    text = shown(reset)
    assert "it lacks 0001_squashed_0006_rename_tagg…ggit_tagg_content_8fc721_idx" in text
    assert block(text, "Hand-written operations")[-1] == (
        "    taggit.0001_squashed_0006_rena…aggit_tagg_content_8fc721_idx  RunPython(seed)"
    )
    assert f"  + taggit/migrations/{name}.py" in text, "to be copied"
    assert f"it lacks {name}" in " ".join(shown(reset, verbose=True).split())


def test_it_says_what_became_of_hand_written_operations() -> None:
    assert block(shown(DIFFERS), "Hand-written operations") == [
        "  1 operation carried over:",
        "    shop.0003_seed  RunPython(seed)",
        "  2 operations left out for doing nothing on an empty database:",
        "    shop.0009_fill  RunPython(fill)",
        "    orders.0004_sums  RunSQL",
    ]


def test_of_many_hand_written_operations_the_rest_is_counted() -> None:
    many = tuple(HandWritten("shop", f"{i:04}_fill", "RunPython(fill)") for i in range(20))
    reset = PROVED._replace(carried=many, left_out=many[:12])
    lines = block(shown(reset), "Hand-written operations")
    assert lines[12:15] == [
        "    shop.0011_fill  RunPython(fill)",
        "    … and 8 more (--verbose lists all)",
        "  12 operations left out for doing nothing on an empty database:",
    ]
    assert len(lines) == 27
    everything = block(shown(reset, verbose=True), "Hand-written operations")
    assert "    shop.0019_fill  RunPython(fill)" in everything


def test_refused_apps_and_warnings_come_with_their_reasons() -> None:
    assert block(shown(DIFFERS), "Refused, left as they are") == [
        "  ✗ payments: its models import payments.migrations.0003_receipt"
    ]
    assert block(shown(DIFFERS), "Warnings") == [
        "  ! shop/models.py has changes that are not committed."
    ]


def test_apps_that_would_not_get_shorter_are_named() -> None:
    """Of `--all`, whoever misses an app asks whether it was seen."""
    assert "\nNothing to shorten: blog, polls\n" in shown(DIFFERS)
    assert "Nothing to shorten" not in shown(PROVED)


def test_it_says_how_much_faster_a_fresh_migrate_is() -> None:
    assert block(shown(DIFFERS), "A fresh migrate, in processor time") == [
        "  sqlite 3.40.1  24 s before, 8.0 s after (2.9 times faster)"
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (10.0, 5.0, "2.0 times faster"),
        (5.0, 10.0, "2.0 times slower"),
        (10.0, 9.9, "about the same"),
        (10.0, 0.0, "about the same"),
    ],
)
def test_two_times_are_compared(before: float, after: float, said: str) -> None:
    assert words.faster(before, after) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (7265, "121 min 5 s")],
)
def test_a_time_is_told_in_words(seconds: float, said: str) -> None:
    assert words.took(seconds) == said


def test_a_dry_run_shows_the_diff_and_only_a_dry_run() -> None:
    assert shown(DIFFERS._replace(dry_run=True)).startswith("--- a/shop.py\n+++ b/shop.py\n@@ -1")
    assert "+++ b/shop.py" not in shown(DIFFERS)


def test_colours_say_what_signs_say() -> None:
    text = reset_text.render(
        DIFFERS._replace(dry_run=True), lambda text, color: f"<{color}|{text}>"
    )
    for line in (
        "<bold|--- a/shop.py>\n<bold|+++ b/shop.py>\n<blue|@@ -1 +1 @@>\n",
        "\n<red|-old>\n<green|+new>\n same\n",
        "\n  <green|✓ graph       >  ",
        "\n  <red|✗ fresh-data  >  ",
        "\n<red|      shop_cart: 2 rows more>\n",
        "\n  <yellow|– upgrade     >  ",
        "\n<red|  - shop/migrations/0001_initial.py>\n",
        "\n<red|✗ Dry run, nothing was written: ",
    ):
        assert line in text


# What others have to know


def told(reset: Reset, who: str) -> str:
    """Everything said to them, on one line."""
    found = [each for each in words.instructions(reset) if each.who == who]
    return " ".join(" ".join([each.text, *each.commands]) for each in found)


def test_deployers_are_told_what_every_database_must_have_had_first() -> None:
    deployers = told(PROVED, "Deployers")
    assert "deployed with commit `123456789012` first" in deployers
    assert "A guard stops `migrate`" in deployers
    assert "Then run `migrate` as usual." in deployers
    start = PROVED._replace(base=None, start="f" * 40)
    assert "commit `ffffffffffff` first" in told(start, "Deployers")
    assert "the commit before this reset first" in told(start._replace(start=None), "Deployers")


def test_a_reset_without_a_guard_says_what_may_happen() -> None:
    deployers = told(PROVED._replace(guarded=False), "Deployers")
    assert "There is no guard." in deployers
    assert "in silence" in deployers
    assert "A guard stops" not in deployers


def test_kept_files_ask_for_nothing_first_and_are_removed_later() -> None:
    deployers = told(PROVED._replace(kept=True), "Deployers")
    assert "goes through the replaced files" in deployers
    assert "first" not in deployers
    assert deployers.endswith("remigrate reset --finish")


@pytest.mark.parametrize("strategy", ["squash", "rebase"])
def test_finishing_asks_that_every_database_has_the_squash(strategy: Strategy) -> None:
    deployers = told(PROVED._replace(finished=True, strategy=strategy), "Deployers")
    assert "every database has recorded the squash" in deployers
    assert "--finish" not in deployers
    assert "records the squash" not in deployers, "it is a plain migration now"


@pytest.mark.parametrize("strategy", ["rebase", "merge"])
def test_where_nothing_landed_was_touched_deployers_go_on_as_usual(
    strategy: str,
) -> None:
    reset = PROVED._replace(strategy=strategy)  # type: ignore[arg-type]
    assert told(reset, "Deployers").startswith("Run `migrate` as usual. Nothing that has landed")


def test_fresh_warns_of_databases_that_are_to_be_kept() -> None:
    fresh = PROVED._replace(strategy="fresh", guarded=False)
    assert "a database that is to be kept has to be brought along" in told(fresh, "Deployers")
    assert "remigrate db sync --apply" in told(fresh, "Deployers")
    assert "skips in silence" in told(fresh, "Deployers"), "0001_initial is applied there"
    assert "make it anew" in told(fresh, "Teammates")
    assert "migrate shop" not in told(fresh, "Teammates")


def test_teammates_are_told_to_step_back_where_new_migrations_were_renewed() -> None:
    teammates = told(PROVED, "Teammates")
    assert "python manage.py migrate shop 0022_price" in teammates
    assert "migrate orders" not in teammates, "nothing of it was new"
    unlanded = PROVED._replace(apps=(AppReset("cart", 2, 1, "compact", "zero", renewed=True),))
    assert "python manage.py migrate cart zero" in told(unlanded, "Teammates")


def test_no_name_runs_anything_in_the_shell_of_a_teammate() -> None:
    evil = PROVED._replace(apps=(AppReset("shop", 2, 1, "compact", "0002_$(rm -rf ~)", True),))
    assert "migrate shop '0002_$(rm -rf ~)'" in told(evil, "Teammates")


def test_advice_of_this_one_reset_is_told_to_everybody() -> None:
    assert told(PROVED._replace(advice=("Mind the gap.",)), "Everybody") == "Mind the gap."


def test_nobody_is_told_anything_where_nothing_was_written() -> None:
    assert words.instructions(DIFFERS) == words.instructions(NOTHING) == []
    assert words.instructions(DIFFERS._replace(dry_run=True))


def test_instructions_stand_under_those_whom_they_are_for() -> None:
    lines = block(shown(PROVED), "What to tell others")
    assert [line for line in lines if not line.startswith("   ")] == ["  Deployers", "  Teammates"]
    assert "        python manage.py migrate shop 0022_price" in lines


# Whatever things are called


@given(ANY, ANY)
@example("\x1b[2J", "\u202e")
@example("", "")
def test_no_name_reaches_the_terminal_as_anything_but_text(path: str, name: str) -> None:
    text = shown(named(path, name))
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode("utf-8")


def test_lines_stay_within_the_width() -> None:
    reset = DIFFERS._replace(written=True, warnings=("many words " * 50,))
    assert max(map(len, shown(reset, 100).split("\n"))) <= 100
    prose = block(shown(reset, 60), "Warnings") + block(shown(reset, 60), "What to tell others")
    assert max(map(len, prose)) <= 60


def test_the_worst_result_counts() -> None:
    order: list[Verdict] = ["proved", "skipped", "differs", "failed"]
    for i in range(len(order)):
        assert words.worst(order[: i + 1]) == order[i]
    assert words.worst([]) == "proved"
