"""Our client of GitHub: what it reads, what it makes, and that it makes everything once.

PyGithub is the real one, and so is the HTTP; where GitHub's description is installed, each request
is held to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from remigrate import __version__
from remigrate.errors import NetworkFailure
from remigrate.github import A_PAGE, GitHub, Pace
from remigrate.local_github.faults import KINDS, Kind
from remigrate.local_github.server import LocalGitHub
from tests.bot.story import HASTE

MARK = "<!-- remigrate:report -->"
BOT = "github-actions[bot]"
SAY, REACT = "/repos/octo/shop/issues/1/comments", "/repos/octo/shop/issues/comments/*/reactions"
PULLS = "/repos/octo/shop/pulls"


def sent(hub: LocalGitHub, method: str) -> list[str]:
    """Paths of the requests with this method, without the repository's."""
    seen = [each for each in hub.seen if each.method == method]
    return [each.path.removeprefix("/repos/octo/shop") for each in seen]


# Reading


def test_a_pull_request_is_read(hub: LocalGitHub, github: GitHub) -> None:
    state = hub.state
    found = github.pull_request(1)
    assert (found.number, found.title, found.body, found.author) == (1, "A feature", "Why", "ada")
    assert (found.head, found.head_branch) == (state.repository.commit_id("feature"), "feature")
    assert (found.base, found.base_branch) == (state.repository.commit_id("main"), "main")
    assert found.head_repository == state.repository.id
    assert (found.is_open, found.is_merged) == (True, False)
    assert found.url == f"{hub.url}/octo/shop/pull/1"
    head = state.push("feature", {"d.py": "1\n"})
    assert github.pull_request(1).head == head
    state.merge(1, by="ada")
    found = github.pull_request(1)
    assert (found.is_open, found.is_merged) == (False, True)


def test_requests_say_who_asks(hub: LocalGitHub, github: GitHub) -> None:
    github.pull_request(1)
    assert hub.seen[-1].user_agent == f"remigrate/{__version__}"


def test_a_fork_has_another_repository_and_a_deleted_one_none(
    hub: LocalGitHub, github: GitHub
) -> None:
    state = hub.state
    fork = state.fork("mallory")
    state.push("feature", {"x.py": "1\n"}, to=fork, onto="main")
    number = state.open("feature", "main", "Take this", by="mallory", of=fork).number
    assert github.pull_request(number).head_repository == fork.id != state.repository.id
    state.delete_fork(fork)
    assert github.pull_request(number).head_repository is None


def test_pull_requests_of_a_branch_are_those_of_this_repository(
    hub: LocalGitHub, github: GitHub
) -> None:
    state = hub.state
    fork = state.fork("mallory")
    state.push("feature", {"x.py": "1\n"}, to=fork, onto="main")
    state.open("feature", "main", "Take this", by="mallory", of=fork)
    assert [each.number for each in github.pull_requests()] == [2, 1]
    assert [each.number for each in github.pull_requests("feature")] == [1]
    assert github.pull_requests("featur") == []
    state.close(1)
    assert github.pull_requests("feature") == []
    assert [each.number for each in github.pull_requests("feature", "all")] == [1]


def test_more_than_a_page_of_pull_requests_is_listed(hub: LocalGitHub, github: GitHub) -> None:
    state = hub.state
    for number in range(2, 104):
        branch = f"b{number}"
        state.repository.move(f"refs/heads/{branch}", state.repository.commit_id("feature"))
        state.open(branch, "main", branch, by="ada")
    assert [each.number for each in github.pull_requests()] == list(range(103, 0, -1))


def test_pull_requests_into_a_branch_are_one_page_of_the_last_changed(
    hub: LocalGitHub, github: GitHub
) -> None:
    state = hub.state
    state.push("next", {"n.py": "1\n"}, onto="main")
    state.push("other", {"o.py": "1\n"}, onto="main")
    for onto in ("main", "next"):
        state.open("other", onto, "Other", by="ada")
    assert [each.number for each in github.pull_requests_into("main")] == [2, 1]
    state.clock = lambda: time.time() + 60
    state.change(1, title="Changed")
    assert [each.number for each in github.pull_requests_into("main")] == [1, 2]
    assert [each.number for each in github.pull_requests_into("next")] == [3]
    assert github.pull_requests_into("nobody's") == []
    for number in range(A_PAGE):
        state.repository.move(f"refs/heads/b{number}", state.repository.commit_id("other"))
        state.open(f"b{number}", "main", "Other", by="ada")
    hub.seen.clear()
    assert len(github.pull_requests_into("main")) == A_PAGE
    assert len(hub.seen) == 1


def test_permissions_are_those_of_the_repository(hub: LocalGitHub, github: GitHub) -> None:
    hub.state.join("mia", "maintain")
    hub.state.join("tom", "triage")
    told = {login: github.permission(login) for login in ("octo", "mia", "ada", "tom", "nobody")}
    assert told == {
        "octo": "admin",
        "mia": "write",
        "ada": "write",
        "tom": "read",
        "nobody": "none",
    }


def test_a_login_cannot_lead_to_another_path(hub: LocalGitHub, github: GitHub) -> None:
    hub.check = None  # it is no route
    assert github.permission("../../octo/shop") == "none"
    assert hub.seen[-1].status == 404


# Comments


def test_all_250_comments_are_read(hub: LocalGitHub, github: GitHub) -> None:
    for number in range(250):
        hub.state.comment(1, f"comment {number}", by="ada")
    assert [each.body for each in github.comments(1)] == [f"comment {at}" for at in range(250)]


def test_our_comment_is_made_once_and_changed_in_its_place(
    hub: LocalGitHub, github: GitHub
) -> None:
    for number in range(120):
        hub.state.comment(1, f"comment {number}", by="ada")
    first = github.say(1, MARK, f"red {MARK}")
    assert first.author == BOT
    assert hub.state.said(first.id).created_at == first.created_at
    second = github.say(1, MARK, f"green {MARK}")
    assert (second.id, second.body) == (first.id, f"green {MARK}")
    assert hub.state.said(first.id).body == f"green {MARK}"
    assert len(hub.state.comments) == 121
    before = len(sent(hub, "PATCH"))
    github.say(1, MARK, f"green {MARK}")
    assert len(sent(hub, "PATCH")) == before  # there is nothing to change


def test_somebody_elses_copy_of_our_mark_is_not_ours(hub: LocalGitHub, github: GitHub) -> None:
    theirs = hub.state.comment(1, f"spoofed {MARK}", by="ada")
    assert github.own_comment(1, MARK) is None
    made = github.say(1, MARK, f"ours {MARK}")
    assert made.id != theirs.id
    assert hub.state.said(theirs.id).body == f"spoofed {MARK}"
    assert github.own_comment(1, MARK) == made


def test_a_comment_of_somebody_who_is_gone_is_a_ghosts(hub: LocalGitHub, github: GitHub) -> None:
    hub.state.comment(1, f"boo {MARK}", by="ada")
    del hub.state.users["ada"]
    assert github.comments(1)[0].author == "ghost"
    assert github.own_comment(1, MARK) is None


def test_a_comment_over_the_limit_is_told_as_such(hub: LocalGitHub, github: GitHub) -> None:
    with pytest.raises(NetworkFailure, match="body is too long") as failed:
        github.say(1, MARK, MARK + "x" * 65_536)
    assert "422" in str(failed.value)
    assert len(sent(hub, "POST")) == 1


def test_a_reaction_takes_the_place_of_ours_and_of_nobody_elses(
    hub: LocalGitHub, github: GitHub
) -> None:
    comment = hub.state.comment(1, "/reset-migrations", by="ada").id
    hub.state.react(comment, "eyes", by="ada")
    github.react(comment, "eyes")
    github.react(comment, "eyes")
    github.react(comment, "rocket", instead_of="eyes")
    left = {(each.author, each.content) for each in hub.state.reactions.values()}
    assert left == {("ada", "eyes"), (BOT, "rocket")}


# Proposing


@pytest.fixture
def branch(hub: LocalGitHub) -> str:
    hub.state.push("remigrate/pr-1", {"d.py": "1\n"}, onto="feature")
    return "remigrate/pr-1"


def test_a_pull_request_is_opened_once_and_kept_up_to_date(
    hub: LocalGitHub, github: GitHub, branch: str
) -> None:
    made, is_new = github.propose(branch, "feature", "Shorter", "Why")
    assert is_new
    assert (made.base_branch, made.head_branch, made.author) == ("feature", branch, BOT)
    again, is_new = github.propose(branch, "feature", "Shorter still", "Because")
    assert (again.number, is_new) == (made.number, False)
    assert hub.state.issue(made.number).title == again.title == "Shorter still"
    before = len(sent(hub, "PATCH"))
    github.propose(branch, "feature", "Shorter still", "Because")
    assert len(sent(hub, "PATCH")) == before
    assert len(hub.state.pulls()) == 2


def test_a_pull_request_from_the_branch_into_another_one_is_left_alone(
    hub: LocalGitHub, github: GitHub, branch: str
) -> None:
    hub.state.open(branch, "main", "Somebody's", by="ada")
    made, is_new = github.propose(branch, "feature", "Ours", "Why")
    assert (made.number, is_new) == (3, True)
    assert hub.state.issue(2).title == "Somebody's"


def test_one_that_was_closed_is_not_opened_again_but_made_anew(
    hub: LocalGitHub, github: GitHub, branch: str
) -> None:
    made, _ = github.propose(branch, "feature", "Ours", "Why")
    github.close(made.number)
    assert hub.state.issue(made.number).state == "closed"
    again, is_new = github.propose(branch, "feature", "Ours", "Why")
    assert (again.number, is_new) == (made.number + 1, True)


def test_one_that_somebody_opens_in_the_same_moment_is_taken(
    hub: LocalGitHub, github: GitHub, branch: str
) -> None:
    def somebody() -> None:
        hub.state.open(branch, "feature", "First", by="ada")

    hub.faults.when(somebody, "POST", PULLS)
    made, is_new = github.propose(branch, "feature", "Ours", "Why")
    assert (made.number, is_new) == (2, False)
    assert hub.state.issue(2).title == "Ours"


def test_nothing_to_propose_is_told(hub: LocalGitHub, github: GitHub) -> None:
    hub.state.repository.move("refs/heads/same", hub.state.repository.commit_id("feature"))
    with pytest.raises(NetworkFailure, match="No commits between feature and same"):
        github.propose("same", "feature", "Ours", "Why")


# What goes wrong on the way

WHATEVER = pytest.mark.parametrize("kind", KINDS)


@WHATEVER
def test_a_report_is_one_comment_whatever_befalls_it(
    hub: LocalGitHub, github: GitHub, kind: Kind
) -> None:
    hub.faults.add(kind, "POST", SAY, seconds=1)
    made = github.say(1, MARK, f"red {MARK}")
    assert [each.id for each in hub.state.comments.values()] == [made.id]


@WHATEVER
def test_a_pull_request_is_one_whatever_befalls_it(
    hub: LocalGitHub, github: GitHub, branch: str, kind: Kind
) -> None:
    hub.faults.add(kind, "POST", PULLS, seconds=1)
    made, is_new = github.propose(branch, "feature", "Ours", "Why")
    assert (made.number, is_new) == (2, True)
    assert len(hub.state.pulls()) == 2


@WHATEVER
def test_a_reaction_is_one_whatever_befalls_it(
    hub: LocalGitHub, github: GitHub, kind: Kind
) -> None:
    comment = hub.state.comment(1, "/reset-migrations", by="ada").id
    hub.faults.add(kind, "POST", REACT, seconds=1)
    github.react(comment, "eyes")
    assert [each.content for each in hub.state.reactions.values()] == ["eyes"]


@WHATEVER
def test_a_change_is_made_whatever_befalls_it(hub: LocalGitHub, github: GitHub, kind: Kind) -> None:
    made = github.say(1, MARK, f"red {MARK}")
    hub.faults.add(kind, "PATCH", seconds=1)
    github.say(1, MARK, f"green {MARK}")
    assert hub.state.said(made.id).body == f"green {MARK}"


@WHATEVER
def test_an_answer_is_read_whatever_befalls_it(
    hub: LocalGitHub, github: GitHub, kind: Kind
) -> None:
    hub.faults.add(kind, "GET", seconds=1)
    assert github.pull_request(1).number == 1


@WHATEVER
def test_a_reaction_is_taken_back_whatever_befalls_it(
    hub: LocalGitHub, github: GitHub, kind: Kind
) -> None:
    comment = hub.state.comment(1, "/reset-migrations", by="ada").id
    github.react(comment, "eyes")
    hub.faults.add(kind, "DELETE", seconds=1)
    github.react(comment, "rocket", instead_of="eyes")
    assert [each.content for each in hub.state.reactions.values()] == ["rocket"]


@WHATEVER
def test_a_name_is_asked_for_again_whatever_befalls_it(
    hub: LocalGitHub, github: GitHub, kind: Kind
) -> None:
    hub.faults.add(kind, "POST", "/api/graphql", seconds=1)
    assert github.login() == BOT


@pytest.mark.parametrize("seed", range(6))
def test_many_faults_leave_one_comment_and_one_pull_request(
    hub: LocalGitHub, github: GitHub, branch: str, seed: int
) -> None:
    hub.faults.at_random(0.4, seed)
    for text in "abcdef":
        with suppress(NetworkFailure):
            github.say(1, MARK, f"{text} {MARK}")
            github.propose(branch, "feature", "Ours", text)
    assert hub.faults.happened
    assert len(hub.state.comments) <= 1
    assert len(hub.state.pulls()) <= 2
    hub.faults.stop()
    github.say(1, MARK, f"green {MARK}")
    github.propose(branch, "feature", "Ours", "Because")
    assert [each.body for each in hub.state.comments.values()] == [f"green {MARK}"]
    assert hub.state.issue(2).body == "Because"


def test_we_wait_as_long_as_github_asks(hub: LocalGitHub, github: GitHub) -> None:
    hub.faults.add("429", "POST", SAY, seconds=1)
    before = time.monotonic()
    github.say(1, MARK, MARK)
    assert time.monotonic() - before >= 1
    assert len(hub.state.comments) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", ["429", "primary"])
def test_we_do_not_wait_for_an_hour(
    hub: LocalGitHub, github: GitHub, method: str, kind: Kind
) -> None:
    hub.faults.add(kind, method, SAY, seconds=3_600)
    before = time.monotonic()
    with pytest.raises(NetworkFailure) as failed:
        github.say(1, MARK, MARK)
    assert time.monotonic() - before < 5
    assert "run the job again in an hour" in failed.value.hint
    assert not hub.state.comments


def test_a_github_that_stays_away_is_told(hub: LocalGitHub, github: GitHub) -> None:
    hub.faults.add("503", times=50)
    with pytest.raises(NetworkFailure, match=r"#1 cannot be read: .*503") as failed:
        github.pull_request(1)
    assert "githubstatus.com" in failed.value.hint
    with pytest.raises(NetworkFailure, match="503") as failed:
        github.login()
    assert "githubstatus.com" in failed.value.hint


def test_a_reply_that_is_cut_off_is_told(hub: LocalGitHub, github: GitHub) -> None:
    hub.faults.add("truncated", times=50)
    with pytest.raises(NetworkFailure, match="lost or cut off") as failed:
        github.comments(1)
    assert "Run the job again" in failed.value.hint


def test_no_github_at_all_is_told(github: GitHub) -> None:
    nowhere = GitHub("http://127.0.0.1:9", "http://127.0.0.1:9/api/v3", "octo/shop", "t", HASTE)
    with pytest.raises(NetworkFailure, match="#1 cannot be read: ") as failed:
        nowhere.pull_request(1)
    assert failed.value.hint


# What may not be done


@pytest.mark.parametrize(
    ("act", "needed"),
    [
        (lambda github: github.pull_request(1), "pull-requests: read"),
        (lambda github: github.pull_requests(), "pull-requests: read"),
        (lambda github: github.pull_requests_into("main"), "pull-requests: read"),
        (lambda github: github.comments(1), "pull-requests: read"),
        (lambda github: github.close(1), "pull-requests: write"),
    ],
)
def test_a_missing_permission_is_named(
    hub: LocalGitHub,
    connect: Callable[..., GitHub],
    act: Callable[[GitHub], object],
    needed: str,
) -> None:
    github = connect({"contents": "write"})
    with pytest.raises(NetworkFailure, match="Resource not accessible by integration") as failed:
        act(github)
    assert f"`{needed}`" in failed.value.hint
    assert hub.state.issue(1).state == "open"


def test_the_right_to_read_is_not_the_right_to_write(
    hub: LocalGitHub, connect: Callable[..., GitHub], branch: str
) -> None:
    github = connect({"contents": "read", "pull-requests": "read"})
    comment = hub.state.comment(1, "/reset-migrations", by="ada").id
    for act in (
        lambda: github.say(1, MARK, MARK),
        lambda: github.react(comment, "eyes"),
        lambda: github.propose(branch, "feature", "Ours", "Why"),
        lambda: github.close(1),
    ):
        with pytest.raises(NetworkFailure) as failed:
            act()
        assert "`pull-requests: write`" in failed.value.hint
        assert failed.value.exit_code == 5
    assert len(hub.state.comments) == 1
    assert not hub.state.reactions


def test_a_reaction_that_cannot_be_taken_back_is_told(hub: LocalGitHub, github: GitHub) -> None:
    comment = hub.state.comment(1, "/reset-migrations", by="ada").id
    github.react(comment, "eyes")
    token = next(iter(hub.state.tokens.values()))

    def taken_away() -> None:
        hub.state.tokens[token.value] = token._replace(pull_requests="read")

    hub.faults.when(taken_away, "DELETE")
    with pytest.raises(NetworkFailure, match="Resource not accessible"):
        github.react(comment, "rocket", instead_of="eyes")


def test_workflows_that_may_not_propose_are_told_the_setting(
    hub: LocalGitHub, github: GitHub, branch: str
) -> None:
    hub.state.lets_workflows_propose = False
    with pytest.raises(NetworkFailure, match="not permitted to create") as failed:
        github.propose(branch, "feature", "Ours", "Why")
    assert '"Allow GitHub Actions to create and approve pull requests"' in failed.value.hint


def test_a_wrong_token_is_told_and_not_shown(hub: LocalGitHub) -> None:
    github = GitHub(hub.url, hub.api_url, "octo/shop", "ghs_secret", HASTE)
    with pytest.raises(NetworkFailure, match="Bad credentials") as failed:
        github.pull_request(1)
    assert "token" in failed.value.hint
    assert "ghs_secret" not in f"{failed.value} {failed.value.hint} {failed.value.__cause__!r}"


def test_writes_are_a_second_apart_unless_told_otherwise() -> None:
    assert Pace().between_writes == 1.0
