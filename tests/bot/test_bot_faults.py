"""GitHub on a bad day: whatever goes wrong on the way, what is there in the end is whole.

Requests fail at random, before or after GitHub did what it was asked. The reset itself is worked
out once: here it is about what is written.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remigrate import clone, event
from remigrate.check import Answer
from remigrate.errors import Failure
from remigrate.git import Repository
from remigrate.local_github import events
from remigrate.local_github.server import LocalGitHub
from remigrate.options import Options
from remigrate.rehearsal import Voice
from remigrate.reset.flow import Worked
from tests.bot.story import Story, unboxed
from tests.octokit.description import published

OURS = "remigrate/pr-1"
RUNS = 200 if os.environ.get("REMIGRATE_THOROUGH") else 15
CHANCE = 0.15
_worked: list[Worked] = []


def once(repository: Repository, wanted: Options, answer: Answer, say: Voice) -> Worked:
    """The project and both branches are the same in every run."""
    if not _worked:
        _worked.append(unboxed(repository, wanted, answer, say))
    return _worked[0]


@pytest.mark.parametrize("seed", range(RUNS))
def test_the_end_is_done_or_an_answer_that_says_what_to_do(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # git waits for ever where an answer to a push is cut off; a run in sixty meets that.
    monkeypatch.setattr(clone, "_PUSHING", 5.0)
    description = published()
    check = None if description is None else description.check
    with LocalGitHub("octo/shop", folder=tmp_path / "github", check=check) as hub:
        story = Story.begun(hub, tmp_path)
        story.reported()
        said, happened = story.says("/reset-migrations")
        hub.faults.at_random(CHANCE, seed, seconds=0.02)
        decision = attempted(story, happened)
        hub.faults.stop()
        is_whole(story)

        if decision is None and "eyes" in story.reactions():
            # GitHub was away to the end; whoever runs the job again finds no trace of that.
            payload = events.issue_comment(hub.shapes, said.id)
            decision = attempted(story, event.read("issue_comment", payload))
            is_whole(story)
        assert "eyes" not in story.reactions()
        if decision is None:
            assert story.answers()[0].startswith("👎")
            assert story.reactions() == ["-1"]
        else:
            assert story.proposals() == [2]
            assert story.answers()[0].startswith("🚀")
            assert story.reactions() == ["rocket"]


def attempted(story: Story, happened: event.Event) -> str | None:
    """What became of it; None where GitHub was too bad."""
    try:
        return story.carried_out(happened, once).decision
    except Failure:
        return None


def is_whole(story: Story) -> None:
    """Never two answers, two pull requests, a half-pushed branch or a lost commit."""
    assert len(story.answers()) <= 1
    assert len(story.proposals()) <= 1
    repository = story.hub.state.repository
    tip = story.branch(OURS)
    if tip:
        assert repository.since(story.head, tip) == [tip]
        repository.git("fsck", "--connectivity-only", "--no-dangling", tip)
    assert repository.commit_id("topic") == story.head
