"""An order below a pull request, from the comment to what is there in the end."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from remigrate import chatops, check, git, handover
from remigrate import demo_shop as project
from remigrate.check import Answer
from remigrate.errors import EnvironmentFailure, NetworkFailure
from remigrate.git import Repository
from remigrate.local_github.records import LONGEST_BODY, Access
from remigrate.memory import NoCache
from remigrate.options import Options
from remigrate.rehearsal import Voice
from remigrate.reset.flow import Worked
from remigrate.rules import ALL
from remigrate.steps import Steps
from tests.bot.story import Story, run, unboxed

OURS = "remigrate/pr-1"


def migrated(top: Path, database: Path | None = None) -> Path:
    """The database of a checkout after `migrate`, from empty or from another's."""
    if database:
        (top / "db.sqlite3").write_bytes(database.read_bytes())
    run(sys.executable, "manage.py", "migrate", "--verbosity=0", cwd=top)
    run(sys.executable, "manage.py", "migrate", "--check", cwd=top)
    return top / "db.sqlite3"


def columns(database: Path, table: str) -> set[str]:
    with sqlite3.connect(database) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def errors(story: Story, head: str) -> list[str]:
    """Codes of what the check finds in a commit, as merged into main."""
    path = str(story.hub.state.repository.folder)
    repository = git.open_repository(path, os.environ)
    question = check.Question(head, base=story.branch("main"))
    answer = check.look(repository, question, NoCache())
    return [each.code for each in check.report(answer, ALL).findings if each.severity == "error"]


def test_a_conflict_is_settled_and_merging_that_makes_the_check_green(story: Story) -> None:
    before = story.head
    assert errors(story, before) == ["RM101"]
    result = story.order("/reset-migrations")

    assert (result.decision, result.reason) == ("pushed", "done")
    assert story.reactions() == ["rocket"]
    assert len(story.answers()) == 1
    assert "🚀 I opened #2" in story.answers()[0]
    ours, pull = story.hub.state.pull(2)
    assert (pull.head_branch, pull.base_branch) == (OURS, "topic")
    assert "✅" in ours.body
    assert story.files(story.branch(OURS)) == {
        "shop/migrations/0003_discount.py",
        "shop/migrations/0003_stock.py",
        "shop/migrations/0004_discount.py",
    }
    assert story.hub.state.repository.since(before, story.branch(OURS)) == [story.branch(OURS)]

    story.hub.state.merge(2, by="ada")
    assert errors(story, story.head) == []


def test_the_commit_migrates_an_empty_database_and_one_at_base(story: Story) -> None:
    at_base = migrated(story.checkout(story.branch("main")))
    story.order("/reset-migrations")
    top = story.checkout(story.branch(OURS))
    assert {"number", "discount"} <= columns(migrated(top), "shop_order")
    assert {"number", "discount"} <= columns(migrated(top, at_base), "shop_order")
    assert "stock" in columns(top / "db.sqlite3", "shop_product")


def test_a_branch_that_holds_main_is_squashed(story: Story) -> None:
    at_base = migrated(story.checkout(story.branch("main")))
    last = project.migration("0003_stock", project.added("order", "discount"))
    both = {**project.BOTH, "shop/migrations/0004_discount.py": last}
    story.hub.state.push("again", both, "Discounts", by="ada", onto="main")
    story.hub.state.open("again", "main", "Again", by="ada")
    result = story.order(f"/reset-migrations all sha={story.branch('again')[:12]}", number=2)
    assert result.decision == "pushed", story.answers(2)
    ours = story.branch("remigrate/pr-2")
    assert story.files(ours) == {
        "shop/migrations/0001_initial.py",
        "shop/migrations/0001_squashed_0003_stock.py",
        "shop/migrations/0002_shelf.py",
        "shop/migrations/0003_stock.py",
        "shop/migrations/0004_discount.py",
    }
    top = story.checkout(ours)
    assert "discount" in columns(migrated(top), "shop_order")
    assert "discount" in columns(migrated(top, at_base), "shop_order")


def test_the_same_order_again_changes_nothing(story: Story) -> None:
    first = story.order("/reset-migrations")
    tip = story.branch(OURS)
    again = story.order("/reset-migrations")
    assert again == first
    assert story.branch(OURS) == tip
    assert story.proposals() == [2]
    assert "🚀 I updated #2" in story.answers()[1]


def test_new_commits_on_the_pull_request_are_taken_up(story: Story) -> None:
    story.order("/reset-migrations")
    story.hub.state.push("topic", {"README": "more"}, "More", by="ada")
    result = story.order(f"/reset-migrations sha={story.head[:12]}")
    assert result.decision == "pushed"
    assert story.hub.state.repository.since(story.head, story.branch(OURS)) == [story.branch(OURS)]
    assert story.proposals() == [2]


def test_what_a_human_pushed_to_our_branch_stays(story: Story) -> None:
    story.order("/reset-migrations")
    theirs = story.hub.state.push(OURS, {"note": "mine"}, "By hand", by="ada")
    result = story.order("/reset-migrations")
    assert (result.decision, result.reason) == ("refused", "human")
    assert story.branch(OURS) == theirs
    assert "/reset-migrations force" in story.answers()[1]
    assert story.order("/reset-migrations force").decision == "pushed"
    assert story.branch(OURS) != theirs


def test_a_dry_run_shows_the_diff_and_pushes_nothing(story: Story) -> None:
    result = story.order("/reset-migrations dry-run")
    assert result.decision == "rehearsed"
    assert story.branch(OURS) == ""
    assert story.reactions() == ["+1"]
    assert "+++ b/shop/migrations/0004_discount.py" in story.answers()[0]


REMARK = "files were not formatted, @octo/all <!-- as ruff is missing"


def remarking(repository: Repository, wanted: Options, answer: Answer, say: Voice) -> Worked:
    """A reset with something to remark."""
    say.remark(REMARK)
    say.warn("It took long.", "Take a `break`.")
    return unboxed(repository, wanted, answer, say)


@pytest.mark.parametrize("order", ["", " dry-run"])
def test_what_was_remarked_on_the_way_is_a_warning(story: Story, order: str) -> None:
    story.order(f"/reset-migrations{order}", work=remarking)
    told = story.answers()[0] if order else story.hub.state.issue(2).body
    assert "> - files were not formatted, `@octo/all` `<!--` as ruff is missing\n" in told
    assert "> - It took long. Take a `break`.\n" in told


def test_a_remark_of_the_job_that_plans_is_told_by_the_one_that_writes(story: Story) -> None:
    happened, grant = story.granted("/reset-migrations")
    with story.tools(remarking) as tools:
        plan = chatops.plan(happened, grant, tools)
    assert plan is not None
    (story.folder / "plan.json").write_text(handover.encoded(plan))
    story.order("/reset-migrations", plan=str(story.folder / "plan.json"))
    assert "> - files were not formatted" in story.hub.state.issue(2).body


def test_help_is_given_and_nothing_runs(story: Story) -> None:
    assert story.order("/reset-migrations help").reason == "help"
    assert "strategy=squash|rebase|merge|fresh" in story.answers()[0]


def test_a_word_that_means_nothing_runs_nothing(story: Story) -> None:
    result = story.order("/reset-migrations shop startegy=rebase")
    assert (result.decision, result.reason) == ("refused", "not-understood")
    assert story.reactions() == ["confused"]
    assert "Did you mean" in story.answers()[0]
    assert story.branch(OURS) == ""


def test_an_app_that_does_not_exist_is_named_with_those_that_do(story: Story) -> None:
    with pytest.raises(Exception, match="no app shpo"):
        story.order("/reset-migrations shpo")
    assert story.reactions() == ["-1"]
    assert "Did you mean shop?" in story.answers()[0]


def test_a_squash_is_refused_as_long_as_the_branch_lacks_what_has_landed(story: Story) -> None:
    result = story.order("/reset-migrations strategy=squash")
    assert (result.decision, result.reason) == ("refused", "behind")
    assert "0003_stock" in story.answers()[0]
    assert story.branch(OURS) == ""


def test_the_answer_to_a_closed_pull_request_says_so(story: Story) -> None:
    story.hub.state.close(1)
    assert story.order("/reset-migrations").reason == "closed"


def test_without_a_report_the_commit_has_to_be_named(story: Story) -> None:
    story.hub.state.push("topic", {"README": "more"}, "More", by="ada")
    result = story.order("/reset-migrations")
    assert (result.decision, result.reason) == ("refused", "which-commit")
    assert f"/reset-migrations sha={story.head[:12]}" in story.answers()[0]
    assert story.order(f"/reset-migrations sha={story.head[:12]}").decision == "pushed"


def test_workflows_that_may_not_open_pull_requests_leave_the_branch_and_a_link(
    story: Story,
) -> None:
    story.hub.state.lets_workflows_propose = False
    result = story.order("/reset-migrations")
    assert (result.decision, result.reason) == ("failed", "no-pull-request")
    assert story.branch(OURS)
    assert "/compare/topic...remigrate/pr-1?expand=1" in story.answers()[0]
    assert "Allow GitHub Actions to create and approve pull requests" in story.answers()[0]
    assert story.reactions() == ["-1"]


def test_the_bots_pull_request_gets_the_label_that_was_asked_for(story: Story) -> None:
    named = story._replace(label="migrations: reset")
    for _ in range(2):
        assert named.order("/reset-migrations").decision == "pushed"
        assert story.hub.state.issue(2).labels == ("migrations: reset",)
    assert story.hub.state.issue(1).labels == ()


def test_without_a_label_none_is_made(story: Story) -> None:
    story.order("/reset-migrations")
    assert not story.hub.state.labels


def test_a_label_that_cannot_be_had_is_told_and_is_no_failure(story: Story) -> None:
    story.hub.faults.add("503", "POST", "*/issues/2/labels", times=50)
    result = story._replace(label="migrations").order("/reset-migrations")
    assert (result.decision, story.proposals()) == ("pushed", [2])
    assert story.answers()[0].startswith("🚀 I opened #2")
    assert "cannot get the label migrations" in story.answers()[0]
    assert story.reactions() == ["rocket"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), "👎 The job was cancelled. Nothing was pushed"),
        (
            ZeroDivisionError(),
            "👎 This is a bug of Remigrate; please report it. Nothing was pushed.",
        ),
        (EnvironmentFailure("no room", "Make some."), "👎 no room. Nothing was pushed."),
    ],
)
def test_whatever_ends_it_there_is_an_answer(story: Story, error: BaseException, told: str) -> None:
    def work(repository: object, wanted: object, answer: object, say: object) -> Worked:
        raise error

    with pytest.raises(type(error)):
        story.order("/reset-migrations", work=work)
    assert story.answers()[0].startswith(told)
    assert story.reactions() == ["-1"]
    assert not story.branch(OURS)


def test_a_job_that_is_cancelled_after_the_push_says_so_and_the_next_one_goes_on(
    story: Story,
) -> None:
    def cancelled(step: str) -> None:
        if "Opening the pull request" in step:
            raise KeyboardInterrupt

    happened, grant = story.granted("/reset-migrations")
    with story.tools() as tools, pytest.raises(KeyboardInterrupt):
        chatops.carry_out(happened, grant, tools._replace(steps=Steps(cancelled)), "")
    pushed = story.branch(OURS)
    assert pushed
    assert "`remigrate/pr-1` may be pushed already" in story.answers()[0]
    assert "Nothing was pushed" not in story.answers()[0]
    assert story.reactions() == ["-1"]
    assert story.order("/reset-migrations").decision == "pushed"
    assert story.branch(OURS) == pushed
    assert story.proposals() == [2]


# What GitHub does not take


def test_a_protected_branch_is_told_with_the_setting(story: Story) -> None:
    story.hub.state.repository.protect(OURS)
    with pytest.raises(NetworkFailure):
        story.order("/reset-migrations")
    assert "does not take the branch remigrate/pr-1" in story.answers()[0].replace("`", "")
    assert "`GH006`: Protected branch update failed" in story.answers()[0]
    assert "\\t" not in story.answers()[0]
    assert "branches called remigrate/*: Settings, Rules" in story.answers()[0]
    assert "Nothing was pushed." in story.answers()[0]
    assert story.reactions() == ["-1"]
    assert not story.branch(OURS)


def test_a_token_that_may_not_push_is_told_the_line_of_the_workflow(story: Story) -> None:
    token = story.hub.token({"contents": "read", "pull-requests": "write"})
    with pytest.raises(NetworkFailure):
        story._replace(token=token).order("/reset-migrations")
    assert "`contents: write` (below `permissions:`)" in story.answers()[0]
    assert "Nothing was pushed." in story.answers()[0]
    assert story.reactions() == ["-1"]
    assert not story.proposals()


@pytest.mark.parametrize("pulls", ["read", "none"])
def test_a_token_that_may_not_comment_tells_the_job_the_line_of_the_workflow(
    story: Story, pulls: Access
) -> None:
    token = story.hub.token({"contents": "write", "pull-requests": pulls})
    with pytest.raises(NetworkFailure) as failed:
        story._replace(token=token).order("/reset-migrations")
    assert "`pull-requests: " in failed.value.hint
    assert "(below `permissions:`)" in failed.value.hint
    assert not story.answers()
    assert not story.reactions()
    assert not story.branch(OURS)


def test_more_files_than_github_lists_are_no_hindrance(story: Story) -> None:
    files: dict[str, str | None] = {f"docs/{number}.txt": "" for number in range(3_100)}
    story.hub.state.push("topic", files, "Many", by="ada")
    assert story.order(f"/reset-migrations sha={story.head[:12]}").decision == "pushed"
    assert len(story.files(story.branch(OURS))) == 3


@pytest.mark.parametrize("words", ["", " dry-run"])
def test_what_is_too_long_for_github_is_cut_and_counted(story: Story, words: str) -> None:
    def work(repository: Repository, wanted: Options, answer: Answer, say: Voice) -> Worked:
        worked = unboxed(repository, wanted, answer, say)
        warnings = tuple(f"warning {number} {'x' * 500}" for number in range(300))
        return worked._replace(reset=worked.reset._replace(warnings=warnings, diff="+x\n" * 50_000))

    decision = story.order(f"/reset-migrations{words}", work=work).decision
    assert decision == ("rehearsed" if words else "pushed")
    said = story.answers()[0] if words else story.hub.state.issue(2).body
    assert 50_000 < len(said) < LONGEST_BODY
    assert "#### Proof" in said
    assert "to see everything" in said
    assert len(story.answers()) == 1
