"""The real container at work on a pull request, from the conflict to the green check."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from remigrate import demo_shop as project
from remigrate import marks
from remigrate.local_github import events
from remigrate.local_github.records import BOT, Token
from tests.bot.story import Story
from tests.container import hostile
from tests.container.job import Job

pytestmark = pytest.mark.needs("container")
READS = {"contents": "read", "pull-requests": "read"}


def reports(story: Story) -> list[str]:
    said = story.hub.state.comments.values()
    return [each.body for each in said if each.author == BOT and marks.REPORT in each.body]


def test_a_conflict_is_found_settled_and_gone(job: Job) -> None:
    story = job.story
    found = job.check()
    assert found.code == 1, found.log
    assert "RM101" in reports(story)[0]
    assert marks.reported(reports(story)[0]).head == story.head

    settled = job.order("/reset-migrations")
    assert settled.code == 0, settled.log
    assert settled.outputs["decision"] == "pushed"
    assert story.reactions() == ["rocket"]
    assert "s  Building the project's environment" in settled.log
    for step in ("Building the project's environment", "Pushing the branch", "**All**"):
        assert f"| {step} | " in settled.summary
    [ours] = story.proposals()
    assert settled.outputs["reset-pull-request"].endswith(f"/pull/{ours}")
    assert story.files(story.branch("remigrate/pr-1")) == {
        "shop/migrations/0003_discount.py",
        "shop/migrations/0003_stock.py",
        "shop/migrations/0004_discount.py",
    }

    story.hub.state.merge(ours, by="ada")
    green = job.check()
    assert green.code == 0, green.log
    assert len(reports(story)) == 1
    assert "✅" in reports(story)[0]


def test_two_jobs_and_the_one_that_runs_code_cannot_write(job: Job) -> None:
    job.story.reported()
    planned = job.order("/reset-migrations", READS, mode="plan", plan="plan.json")
    assert planned.code == 0, planned.log
    assert planned.outputs["plan"] == "plan.json"
    assert not job.story.answers()
    said = max(job.story.hub.state.comments)
    payload = events.issue_comment(job.story.hub.shapes, said)
    applied = job.run("issue_comment", payload, mode="apply", plan="plan.json")
    assert applied.outputs["decision"] == "pushed", applied.log
    assert job.story.proposals() == [2]


def test_a_push_to_base_is_told_to_the_pull_requests_that_wait_for_it(job: Job) -> None:
    run = job.push({"README": "More about the shop."}, drift="false")
    assert run.code == 0, run.log
    [told] = reports(job.story)
    assert "RM101" in told
    assert "| #1 |" in run.summary


def test_a_fork_gets_a_patch_and_its_code_runs_where_nothing_may_be_written(job: Job) -> None:
    state = job.story.hub.state
    fork = state.fork("mallory")
    head = state.push("gift", project.DISCOUNT, "Gift", by="mallory", onto="topic~", to=fork)
    state.open("gift", "main", "Gift", by="mallory", of=fork)
    line = f"/reset-migrations sha={head[:12]}"
    planned = job.order_below(2, line, READS, mode="plan", plan="plan.json")
    assert planned.code == 0, planned.log
    payload = events.issue_comment(job.story.hub.shapes, max(state.comments))
    applied = job.run("issue_comment", payload, mode="apply", plan="plan.json")
    assert applied.outputs["reason"] == "patch", applied.log
    [answer] = job.story.answers(2)
    assert "+++ b/shop/migrations/0004_discount.py" in answer
    assert not job.story.proposals()


TAKES_ALL = """\
import json
import hostile

hostile.main()
raise RuntimeError("got " + json.dumps(hostile.got))
"""


def test_a_hostile_project_gets_no_token_and_nothing_tells_one(job: Job) -> None:
    story = job.story
    files = {"settings.py": TAKES_ALL, "hostile.py": Path(hostile.__file__).read_text()}
    story.hub.state.push("topic", files, "Evil", by="eve")
    token = f"{hostile.PLANTED}-token"
    story.hub.state.tokens[token] = Token(token, BOT, contents="write", pull_requests="write")
    job.token = token
    run = job.order(f"/reset-migrations sha={story.head[:12]}")

    assert run.outputs["decision"] == "failed", run.log
    assert "got []" in story.answers()[0]
    assert story.reactions() == ["-1"]
    assert not story.branch("remigrate/pr-1")
    objects = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered"],
        cwd=story.hub.state.repository.folder,
        capture_output=True,
        check=True,
    ).stdout
    said = (story.hub.state.issues, story.hub.state.comments)
    told = repr((run.log, run.outputs, run.summary, *said, objects))
    assert token not in told
    left = [path for path in run.runner.folder.rglob("*") if path.is_file()]
    assert not any(token.encode() in path.read_bytes() for path in left)


def test_our_pull_request_goes_with_the_one_that_it_is_for(job: Job) -> None:
    job.story.reported()
    job.order("/reset-migrations")
    job.story.hub.state.close(1)
    payload = events.pull_request(job.story.hub.shapes, 1, "closed", "ada")
    gone = job.run("pull_request", payload)
    assert gone.outputs["decision"] == "cleaned-up", gone.log
    assert not job.story.proposals()
    assert not job.story.branch("remigrate/pr-1")
