"""What happens to pull requests when branches move, and what git finds then."""

from __future__ import annotations

import pytest

from remigrate.local_github.refusal import Refusal
from remigrate.local_github.server import LocalGitHub
from remigrate.local_github.state import State


@pytest.fixture
def state(hub: LocalGitHub) -> State:
    return hub.state


def refs(state: State, number: int = 1) -> tuple[str, str]:
    """What ``refs/pull/N/head`` and ``refs/pull/N/merge`` name."""
    found = state.repository.refs()
    return found[f"refs/pull/{number}/head"], found.get(f"refs/pull/{number}/merge", "")


def parents(state: State, commit: str) -> tuple[str, ...]:
    [found] = state.repository.read([commit])
    return found.parents


def test_the_refs_of_a_pull_request_follow_both_branches(state: State) -> None:
    _, pull = state.pull(1)
    assert refs(state) == (pull.head, pull.test_merge)
    assert parents(state, pull.test_merge) == (pull.base, pull.head)

    head = state.push("feature", {"d.py": "1\n"})
    base = state.push("main", {"e.py": "1\n"})
    assert refs(state)[0] == head
    assert parents(state, refs(state)[1]) == (base, head)


def test_after_a_conflict_the_test_merge_is_the_old_one(state: State) -> None:
    before = refs(state)[1]
    state.push("main", {"a.py": "1\n2\n5\n"})
    assert state.pull(1)[1].test_merge == ""
    assert refs(state)[1] == before
    with pytest.raises(Refusal, match="not mergeable"):
        state.merge(1, by="octo")


def test_histories_with_nothing_in_common_are_a_conflict(state: State) -> None:
    there = state.repository
    tree = there.git("rev-parse", "feature^{tree}")
    who = {
        f"GIT_{role}_{key}": "m" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    there.move("refs/heads/feature", there.git("commit-tree", tree, "-m", "Alone", identity=who))
    state.refresh()
    assert state.pull(1)[1].test_merge == ""


def test_a_merge_is_a_commit_with_two_parents_on_the_base(state: State) -> None:
    _, before = state.pull(1)
    made = state.merge(1, by="ada")
    assert state.repository.commit_id("main") == made
    assert parents(state, made) == (before.base, before.head)
    [commit] = state.repository.read([made])
    assert commit.message == "Merge pull request #1 from octo/feature\n\nA feature"
    issue, pull = state.pull(1)
    assert (issue.state, pull.merged_by, pull.merge_commit) == ("closed", "ada", made)


def test_a_merge_into_the_head_of_another_pull_request_moves_that_one(state: State) -> None:
    state.push("remigrate/pr-1", {"d.py": "1\n"}, onto="feature")
    state.open("remigrate/pr-1", "feature", "Shorter", by="ada")
    made = state.merge(2, by="ada")
    assert state.pull(1)[1].head == made
    assert refs(state)[0] == made
    assert state.issue(1).state == "open"


def test_a_push_that_brings_all_of_it_to_the_base_merges_it(state: State) -> None:
    _, pull = state.pull(1)
    state.repository.move("refs/heads/main", pull.head)
    state.refresh()
    issue, pull = state.pull(1)
    assert (issue.state, bool(pull.merged_at)) == ("closed", True)


def test_a_pull_request_closes_with_its_branch_and_keeps_its_head(state: State) -> None:
    head = refs(state)[0]
    state.delete_branch("feature")
    issue, pull = state.pull(1)
    assert (issue.state, pull.merged_at) == ("closed", "")
    assert refs(state)[0] == head
    with pytest.raises(Refusal) as refused:
        state.change(1, state="open")
    assert refused.value.status == 422


def test_a_closed_pull_request_is_opened_again_where_the_branch_is_now(state: State) -> None:
    state.close(1)
    head = state.push("feature", {"d.py": "1\n"})
    assert state.pull(1)[1].head != head  # nobody follows a closed one
    state.change(1, state="open")
    assert state.issue(1).closed_at == ""
    assert refs(state)[0] == state.pull(1)[1].head == head


def test_a_fork_has_its_head_in_the_repository_and_leaves_it_when_it_goes(state: State) -> None:
    fork = state.fork("mallory")
    head = state.push("evil", {"x.py": "1\n"}, to=fork, onto="main")
    issue = state.open("evil", "main", "Take this", by="mallory", of=fork)
    assert refs(state, issue.number)[0] == head
    assert "refs/heads/evil" not in state.repository.refs()
    head = state.push("evil", {"x.py": "2\n"}, to=fork)
    assert refs(state, issue.number)[0] == head

    state.delete_fork(fork)
    issue, pull = state.pull(issue.number)
    assert (issue.state, pull.head_repository, pull.label) == ("open", None, "mallory:evil")
    assert refs(state, issue.number)[0] == head


def test_labels_are_made_once(state: State) -> None:
    state.label(1, ["migrations", "bot"])
    state.label(1, ["bot"])
    assert state.issue(1).labels == ("migrations", "bot")
    assert list(state.labels) == ["migrations", "bot"]


def test_a_comment_that_is_deleted_takes_its_reactions_along(state: State) -> None:
    [one, other] = [state.comment(1, text, by="ada").id for text in ("one", "other")]
    state.react(one, "eyes", by="octo")
    state.react(other, "eyes", by="octo")
    state.unsay(one)
    assert [each.comment for each in state.reactions.values()] == [other]
    with pytest.raises(Refusal, match="Not Found"):
        state.edit(one, "again")


def test_nothing_is_left_of_a_github_that_ended() -> None:
    with LocalGitHub() as hub:
        folder = hub.state.repository.folder
        assert folder.is_dir()
    assert not folder.exists()
