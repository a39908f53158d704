"""Attacks on the command: each row of the threats that a pull request and its comments bring.

In each, somebody tries to get something written, or said in our name; each fails when its control
is taken out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remigrate import chatops, handover, marks, rehearsal
from remigrate import demo_shop as project
from remigrate.check import Answer
from remigrate.errors import Failure
from remigrate.git import Repository
from remigrate.options import Options
from remigrate.rehearsal import Voice
from remigrate.reset.file_change import FileChange
from remigrate.reset.flow import Worked
from tests.bot.story import Story, run, unboxed

OURS = "remigrate/pr-1"


def never(repository: Repository, wanted: Options, answer: Answer, say: Voice) -> Worked:
    raise AssertionError("the project's code would run")


def meanwhile(act: Callable[[], object]) -> rehearsal.Work:
    """A reset during which something happens."""

    def work(repository: Repository, wanted: Options, answer: Answer, say: Voice) -> Worked:
        worked = unboxed(repository, wanted, answer, say)
        act()
        return worked

    return work


def nothing_was_written(story: Story) -> bool:
    return not story.branch(OURS) and not story.proposals()


# Who


@pytest.mark.parametrize("role", ["read", "triage", "none"])
def test_who_may_not_write_gets_nothing_run(story: Story, role: str) -> None:
    story.hub.state.join("eve", role)  # type: ignore[arg-type]
    result = story.order("/reset-migrations", by="eve", work=never)
    assert (result.decision, result.reason) == ("refused", "no-permission")
    assert nothing_was_written(story)


def test_asking_ten_times_without_the_right_is_answered_once(story: Story) -> None:
    for _ in range(10):
        story.order("/reset-migrations", by="eve", work=never)
    assert len(story.answers()) == 1


@pytest.mark.parametrize("role", ["write", "maintain", "admin"])
def test_who_may_write_gets_it_done(story: Story, role: str) -> None:
    story.hub.state.join("eve", role)  # type: ignore[arg-type]
    assert story.order("/reset-migrations help", by="eve").reason == "help"


def test_a_right_that_is_taken_back_meanwhile_is_none(story: Story) -> None:
    work = meanwhile(lambda: story.hub.state.join("ada", "read"))
    result = story.order("/reset-migrations", work=work)
    assert result.reason == "no-permission"
    assert nothing_was_written(story)


def test_who_runs_an_old_job_again_needs_the_right_too(story: Story) -> None:
    result = story.order("/reset-migrations", work=never, triggered_by="eve")
    assert result.reason == "no-permission"
    assert nothing_was_written(story)


# Where from


def test_a_pull_request_from_a_fork_is_not_run_and_not_pushed(story: Story) -> None:
    fork = story.hub.state.fork("mallory")
    story.hub.state.push("evil", project.DISCOUNT, "Evil", by="mallory", onto="main", to=fork)
    story.hub.state.open("evil", "main", "Evil", by="mallory", of=fork)
    result = story.order("/reset-migrations sha=0123456789ab", number=2, work=never)
    assert result.reason == "fork"
    assert "remigrate reset --base origin/main" in story.answers(2)[0]
    story.hub.state.delete_fork(fork)
    assert story.order("/reset-migrations", number=2, work=never).reason == "fork"


def test_our_own_pull_request_takes_no_orders(story: Story) -> None:
    story.order("/reset-migrations")
    result = story.order("/reset-migrations", number=2, work=never)
    assert result.reason == "own"


# Which commit


def test_a_commit_that_comes_while_it_runs_stops_it(story: Story) -> None:
    def push() -> None:
        story.hub.state.push("topic", {"evil.py": "1"}, "Evil", by="eve")

    result = story.order("/reset-migrations", work=meanwhile(push))
    assert result.reason == "moved"
    assert nothing_was_written(story)


def test_a_commit_that_nobody_has_looked_at_is_not_run(story: Story) -> None:
    story.hub.state.push("topic", {"evil.py": "1"}, "Evil", by="eve")
    result = story.order("/reset-migrations", work=never)
    assert result.reason == "which-commit"
    seen = story.hub.state.repository.commit_id("topic^")
    result = story.order(f"/reset-migrations sha={seen[:12]}", work=never)
    assert result.reason == "moved"


def test_a_report_that_came_after_the_comment_was_not_seen(story: Story) -> None:
    _, happened = story.says("/reset-migrations")
    story.hub.state.push("topic", {"evil.py": "1"}, "Evil", by="eve")
    ours = next(each for each in story.hub.state.comments.values() if marks.REPORT in each.body)
    story.hub.state.clock = lambda: time.time() + 60
    story.hub.state.edit(ours.id, marks.report(story.head))
    assert story.carried_out(happened, work=never).reason == "which-commit"


def test_somebody_elses_copy_of_our_report_is_none(story: Story) -> None:
    story.hub.state.push("topic", {"evil.py": "1"}, "Evil", by="eve")
    story.hub.state.comment(1, f"Fine!\n\n{marks.report(story.head)}", by="eve")
    assert story.order("/reset-migrations", work=never).reason == "which-commit"


# What is written


HOSTILE = [
    ".github/workflows/ci.yml",
    "shop/models.py",
    "setup.py",
    "../outside.py",
    ".git/hooks/post-checkout",
    "shop/migrations/evil.sh",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_an_engine_that_was_taken_over_gets_no_other_file_committed(
    story: Story, path: str
) -> None:
    def work(repository: Repository, wanted: Options, answer: Answer, say: Voice) -> Worked:
        worked = unboxed(repository, wanted, answer, say)
        return worked._replace(changes=(*worked.changes, FileChange(path, None, b"evil\n")))

    with pytest.raises(Failure, match="is not committed"):
        story.order("/reset-migrations", work=work)
    assert nothing_was_written(story)
    assert story.reactions() == ["-1"]


def test_a_link_in_place_of_a_migration_is_not_followed(story: Story) -> None:
    """Git has links as files with another mode; the clone's work tree has none at all."""
    repository = story.hub.state.repository
    blob = repository.git("hash-object", "-w", "--stdin", data=b"/etc/passwd")
    tree = repository.git("ls-tree", "-r", story.head)
    lines = [*tree.splitlines(), f"120000 blob {blob}\tshop/migrations/0004_link.py"]
    made = _tree(story, lines)
    path = str(repository.folder)
    commit = run("git", "-C", path, "commit-tree", made, "-p", story.head, "-m", "A link").strip()
    repository.move("refs/heads/topic", commit)
    story.hub.state.refresh()
    result = story.order(f"/reset-migrations sha={commit[:12]}")
    assert result.decision == "pushed"
    assert "shop/migrations/0004_link.py" not in story.files(story.branch(OURS))
    assert not any("root:" in text for text in [*story.answers(), story.hub.state.issue(2).body])


def _tree(story: Story, lines: list[str]) -> str:
    repository = story.hub.state.repository
    environ = {"GIT_INDEX_FILE": str(story.folder / "an-index")}
    path = str(repository.folder)
    for line in lines:
        described, _, name = line.partition("\t")
        mode, _, blob = described.split()
        cache = f"{mode},{blob},{name}"
        run("git", "-C", path, "update-index", "--add", "--cacheinfo", cache, env=environ)
    return run("git", "-C", path, "write-tree", env=environ).strip()


def test_the_settings_of_a_pull_request_do_not_say_which_program_runs(story: Story) -> None:
    evil = '[tool.remigrate]\npython = "./evil"\n'
    story.hub.state.push("topic", {"pyproject.toml": evil}, "Evil", by="eve")
    seen: list[Options] = []

    def work(repository: Repository, wanted: Options, answer: Answer, say: Voice) -> Worked:
        seen.append(wanted)
        return unboxed(repository, wanted, answer, say)

    story.order(f"/reset-migrations sha={story.head[:12]}", work=work)
    assert seen[0].python is None


def test_settings_that_cannot_be_read_are_told_without_our_paths(story: Story) -> None:
    story.hub.state.push("topic", {"pyproject.toml": "[tool.remigrate]\nx = 1\n"}, "X", by="ada")
    with pytest.raises(Failure):
        story.order(f"/reset-migrations sha={story.head[:12]}", work=never)
    assert "pyproject.toml" in story.answers()[0]
    assert str(story.folder) not in story.answers()[0]


@pytest.mark.parametrize(
    ("method", "path", "after"),
    [("GET", "*/info/refs", 2), ("POST", "*/git-receive-pack", 0)],
    ids=["after we looked", "while we push"],
)
def test_nobody_is_overrun_by_a_push(story: Story, method: str, path: str, after: int) -> None:
    """Between looking at the branch and the end of the push, somebody else pushes there."""
    theirs: list[str] = []

    def push() -> None:
        files: dict[str, str | None] = {"note": "mine"}
        theirs.append(story.hub.state.push(OURS, files, "Mine", by="eve", onto="main"))

    story.hub.faults.when(push, method, path, after=after)
    with pytest.raises(Failure):
        story.order("/reset-migrations")
    assert [story.branch(OURS)] == theirs
    assert not story.proposals()


# What is said


def test_words_of_a_commenter_do_nothing_in_our_answer(story: Story) -> None:
    story.order("/reset-migrations @octo/everybody</details><!--#1 [x](javascript:1)|`x`")
    said = story.answers()[0]
    for evil in ("<!--#1", " @octo", "\n</details>", " [x](javascript"):
        assert evil not in said.partition("</details>")[0], said


# The plan of another job


def planned(story: Story, files: dict[str, bytes | None], **changes: Any) -> Path:
    """A plan that a job which was taken over hands to the one that writes."""
    happened, grant = story.granted("/reset-migrations")
    with story.tools() as tools:
        plan = chatops.plan(happened, grant, tools)
    assert plan is not None
    plan = plan._replace(files=(*plan.files, *handover.packed(files)))._replace(**changes)
    path = story.folder / "plan.json"
    path.write_text(handover.encoded(plan))
    return path


def applied(story: Story, path: Path) -> chatops.Result:
    return story.order(
        "/reset-migrations",
        work=never,
        plan=str(path),
    )


def test_two_jobs_do_what_one_does(story: Story) -> None:
    path = planned(story, {})
    assert story.answers() == []
    assert story.reactions() == []
    assert nothing_was_written(story)
    assert applied(story, path).decision == "pushed"
    two = story.branch(OURS)
    assert story.order("/reset-migrations").decision == "pushed"
    assert story.branch(OURS) == two


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_plan_gets_no_other_file_committed(story: Story, path: str) -> None:
    with pytest.raises(Failure, match="is not committed"):
        applied(story, planned(story, {path: b"evil\n"}))
    assert nothing_was_written(story)


@pytest.mark.parametrize("field", ["head", "base"])
def test_a_plan_for_other_commits_is_not_applied(story: Story, field: str) -> None:
    with pytest.raises(Failure, match="has moved"):
        applied(story, planned(story, {}, **{field: "0" * 40}))
    assert nothing_was_written(story)


def test_a_plan_for_another_order_is_not_applied(story: Story) -> None:
    path = planned(story, {})
    with pytest.raises(Failure, match="not what was asked for"):
        story.order(
            "/reset-migrations strategy=merge",
            work=never,
            plan=str(path),
        )
    assert nothing_was_written(story)


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"version": 1, "handover": [1] * 6})])
def test_what_is_no_plan_is_refused(story: Story, text: str) -> None:
    path = story.folder / "plan.json"
    path.write_text(text)
    with pytest.raises(Failure, match="the plan cannot be used"):
        applied(story, path)
    assert nothing_was_written(story)
    assert story.reactions() == ["-1"]


def test_who_writes_asks_for_the_right_again(story: Story) -> None:
    path = planned(story, {})
    story.hub.state.join("ada", "read")
    assert applied(story, path).reason == "no-permission"
    assert nothing_was_written(story)
