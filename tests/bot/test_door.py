"""The action's own door to the bot: inputs and an event in, outputs and an answer out.

Where there is no container there is no sandbox either, so here no reset is worked out: what a job
may do without one is what these tests are about. `tests/container/test_bot.py` has the rest.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import pytest

from remigrate import action, marks, untrusted
from remigrate import demo_shop as project
from remigrate.github import Pace
from remigrate.handover import Handover, encoded, packed
from remigrate.local_github import events
from remigrate.local_github.records import BOT
from remigrate.outcome import AppReset, Reset
from tests.bot.story import BOT_MAY, HASTE, Story, run

READS = {"contents": "read", "pull-requests": "read"}


class Done(NamedTuple):
    """What a step left behind."""

    code: int
    log: str
    outputs: str


@pytest.fixture(autouse=True)
def hastily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remigrate.github.Pace", lambda: Pace(*HASTE))


@pytest.fixture
def capture(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    return capsys


def step(
    story: Story,
    capture: pytest.CaptureFixture[str],
    name: str,
    payload: dict[str, Any],
    permissions: Any = BOT_MAY,
    **inputs: str,
) -> Done:
    workspace = story.folder / "workspace"
    if not workspace.exists():
        _, pull = story.hub.state.pull(1)
        run("git", "clone", "--quiet", str(story.hub.state.repository.folder), str(workspace))
        run("git", "fetch", "--quiet", "origin", "refs/pull/1/merge", cwd=workspace)
        run("git", "checkout", "--quiet", "--detach", pull.test_merge or pull.head, cwd=workspace)
    event, outputs = story.folder / "event.json", story.folder / "outputs"
    event.write_text(json.dumps(payload))
    outputs.write_text("")
    given = {"token": story.hub.token(permissions), "drift": "false", **inputs}
    environ = {
        "PATH": os.environ["PATH"],
        "GITHUB_API_URL": story.hub.api_url,
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_REPOSITORY": "octo/shop",
        "GITHUB_RUN_ID": "77",
        "GITHUB_SERVER_URL": story.hub.url,
        "GITHUB_WORKSPACE": str(workspace),
        **{f"INPUT_{key.upper()}": value for key, value in given.items()},
    }
    capture.readouterr()
    code = action.main(environ)
    return Done(code, capture.readouterr().out, outputs.read_text())


def commented(story: Story, body: str = "/reset-migrations") -> dict[str, Any]:
    said = story.hub.state.comment(1, body, by="ada")
    return events.issue_comment(story.hub.shapes, said.id)


def changed(story: Story, action_: str = "synchronize") -> dict[str, Any]:
    return events.pull_request(story.hub.shapes, 1, action_, "ada")


def reports(story: Story) -> list[str]:
    said = story.hub.state.comments.values()
    return [each.body for each in said if each.author == BOT and marks.REPORT in each.body]


# The comment about the check


def test_the_check_keeps_one_comment_true(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    first = step(story, capture, "pull_request", changed(story))
    assert first.code == 1
    [report] = reports(story)
    assert "RM101" in report
    assert "comment `/reset-migrations`" in report
    assert marks.reported(report).head == story.head
    assert step(story, capture, "pull_request", changed(story)).code == 1
    assert reports(story) == [report]


def test_a_run_that_is_late_does_not_tell_about_an_old_commit(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    payload = changed(story)
    before = reports(story)
    story.hub.state.push("topic", {"README": "more"}, "More", by="ada")
    step(story, capture, "pull_request", payload)
    assert reports(story) == before


@pytest.mark.parametrize("permissions", [READS, {}])
def test_a_token_that_may_not_write_is_no_failure(
    story: Story, capture: pytest.CaptureFixture[str], permissions: Any
) -> None:
    before = reports(story)
    done = step(story, capture, "pull_request", changed(story), permissions)
    assert done.code == 1
    assert "::notice title=Remigrate::The pull request was not told" in done.log
    assert "Give the job's token the permission `pull-requests: " in done.log
    assert reports(story) == before


def test_a_check_that_finds_nothing_says_nothing(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    fine = {
        "shop/migrations/0003_discount.py": None,
        "shop/models.py": project.START["shop/models.py"],
    }
    story.hub.state.comments.clear()
    story.hub.state.push("topic", fine, "Nothing", by="ada")
    assert step(story, capture, "pull_request", changed(story)).code == 0
    assert not reports(story)


def test_a_comment_can_be_switched_off(story: Story, capture: pytest.CaptureFixture[str]) -> None:
    before = reports(story)
    step(story, capture, "pull_request", changed(story), comment="false")
    assert reports(story) == before


# Orders


def test_a_comment_that_is_no_order_is_nothing(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    done = step(story, capture, "issue_comment", commented(story, "Nice!"))
    assert (done.code, done.log) == (0, "Nothing to do: no-command.\n")
    assert not story.answers()


def test_help_is_answered(story: Story, capture: pytest.CaptureFixture[str]) -> None:
    done = step(story, capture, "issue_comment", commented(story, "/reset-migrations help"))
    assert (done.code, "help" in done.outputs) == (0, True)
    assert len(story.answers()) == 1


def test_without_a_sandbox_the_projects_code_is_not_run(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    trace = story.folder / "ran"
    evil = {"settings.py": f"open({str(trace)!r}, 'w')\n"}
    story.hub.state.push("topic", evil, "Evil", by="eve")
    body = f"/reset-migrations sha={story.head[:12]}"
    done = step(story, capture, "issue_comment", commented(story, body))
    assert done.code == 4
    assert "the sandbox for the project's code cannot be set up" in story.answers()[0]
    assert "/actions/runs/77" in story.answers()[0]
    assert story.reactions() == ["-1"]
    assert not trace.exists()


def test_a_plan_that_failed_is_told_by_the_job_that_writes(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    payload = commented(story)
    done = step(story, capture, "issue_comment", payload, READS, mode="plan", plan="plan.json")
    assert done.code == 0, done.log
    assert not story.answers()
    done = step(story, capture, "issue_comment", payload, mode="apply", plan="plan.json")
    assert done.code == 3
    assert "the sandbox for the project's code cannot be set up" in story.answers()[0]


def test_a_plan_is_carried_out_without_any_of_the_projects_code(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    name = "shop/migrations/0004_discount.py"
    text = project.migration("0003_stock", project.added("order", "discount"))
    base = story.branch("main")
    made = Reset("rebase", base, (AppReset("shop", 4, 4, "faithful"),))
    plan = Handover(story.head, base, made, packed({name: text.encode()}))
    payload = commented(story)
    step(story, capture, "issue_comment", commented(story, "Nice!"))  # makes the workspace
    (story.folder / "workspace/plan.json").write_text(encoded(plan))
    done = step(story, capture, "issue_comment", payload, mode="apply", plan="plan.json")
    assert done.code == 0, done.log
    assert story.files(story.branch("remigrate/pr-1")) == {name}
    assert "/pull/2" in done.outputs


def test_the_order_for_nothing_needs_no_plan(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    payload = commented(story, "/reset-migrations nonsense=1")
    done = step(story, capture, "issue_comment", payload, READS, mode="plan", plan="plan.json")
    assert done.code == 0
    assert not (story.folder / "workspace/plan.json").exists()
    step(story, capture, "issue_comment", payload, mode="apply", plan="plan.json")
    assert story.answers()[0].startswith("😕")


def test_a_mode_that_does_not_exist_is_refused(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    done = step(story, capture, "issue_comment", commented(story), mode="al")
    assert done.code == 2
    assert "Choose from: all, plan, apply." in done.log


def test_an_order_without_a_token_is_refused(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    done = step(story, capture, "issue_comment", commented(story), token="")
    assert done.code == 2
    assert "there is no token to write with" in done.log


# When the pull request is closed


def ours(story: Story, body: str = "") -> None:
    """A branch and a pull request of the bot's own."""
    story.order("/reset-migrations")
    assert story.proposals() == [2], body


def test_ours_goes_with_the_pull_request_that_it_is_for(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    ours(story)
    story.hub.state.close(1)
    done = step(story, capture, "pull_request", changed(story, "closed"))
    assert done.code == 0, done.log
    assert not story.proposals()
    assert not story.branch("remigrate/pr-1")
    assert "#1 needs this no more" in story.answers(2)[0]
    step(story, capture, "pull_request", changed(story, "closed"))
    assert len(story.answers(2)) == 1


def test_somebody_elses_commits_stay_when_ours_is_closed(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    ours(story)
    theirs = story.hub.state.push("remigrate/pr-1", {"note": "mine"}, "Mine", by="ada")
    story.hub.state.close(1)
    step(story, capture, "pull_request", changed(story, "closed"))
    assert not story.proposals()
    assert story.branch("remigrate/pr-1") == theirs
    assert "so the branch stays" in story.answers(2)[0]


def forked(story: Story) -> None:
    """Pull request #2 comes from a fork."""
    fork = story.hub.state.fork("mallory")
    story.hub.state.push("evil", project.DISCOUNT, "Evil", by="mallory", onto="topic~", to=fork)
    story.hub.state.open("evil", "main", "Evil", by="mallory", of=fork)


def test_the_code_of_a_fork_is_asked_for_by_the_job_that_plans_alone(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    """Where there is a sandbox, it would run; here its lack tells that it was to be run."""
    forked(story)
    sandbox = "the sandbox for the project's code cannot be set up"
    body = f"/reset-migrations sha={story.hub.state.pull(2)[1].head[:12]}"
    said = story.hub.state.comment(2, body, by="ada")
    payload = events.issue_comment(story.hub.shapes, said.id)
    done = step(story, capture, "issue_comment", payload)
    assert (done.code, "fork" in done.outputs) == (0, True)
    assert sandbox not in story.answers(2)[0]
    step(story, capture, "issue_comment", payload, READS, mode="plan", plan="plan.json")
    assert sandbox in (story.folder / "workspace/plan.json").read_text()
    step(story, capture, "issue_comment", payload, mode="apply", plan="plan.json")
    assert sandbox in story.answers(2)[0]
    step(story, capture, "issue_comment", payload, mode="plan", plan="plan.json")
    assert "a token that may write" in (story.folder / "workspace/plan.json").read_text()


def test_the_end_of_a_forks_pull_request_is_nothing(
    story: Story, capture: pytest.CaptureFixture[str]
) -> None:
    forked(story)
    payload = events.pull_request(story.hub.shapes, 2, "closed", "mallory")
    done = step(story, capture, "pull_request", payload)
    assert (done.code, done.log) == (0, "Nothing to do: forked.\n")
    assert untrusted.ON_HOST not in os.environ
