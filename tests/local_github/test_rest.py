"""The API, request by request; each of them and its answer are held to GitHub's description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remigrate.local_github.rest import ROUTES
from remigrate.local_github.server import Exchange, LocalGitHub
from tests.local_github.client import Client, client
from tests.octokit.description import description


def errors(answer: Any) -> list[str]:
    return [each["message"] if isinstance(each, dict) else each for each in answer.json["errors"]]


@pytest.mark.needs("octokit")
def test_every_answer_of_every_route_is_as_github_describes_it(hub: LocalGitHub) -> None:
    description()
    ask = client(hub)
    hub.state.push("bot", {"d.py": "1\n"}, onto="feature")
    remark = {"path": "a.py", "line": 3, "side": "RIGHT", "body": "hm"}
    [made, comment] = [ask("POST", "/issues/1/comments", {"body": text}).json for text in "ab"]
    reaction = f"/issues/comments/{made['id']}/reactions"
    new = {"head": "bot", "base": "feature", "title": "T", "body": "B"}
    steps: list[tuple[int, str, str, Any]] = [
        (200, "GET", "", None),
        (200, "GET", "/collaborators/ada/permission", None),
        (200, "GET", "/git/ref/heads/feature", None),
        (200, "GET", "/compare/main...feature", None),
        (200, "GET", "/pulls", None),
        (201, "POST", "/pulls", new),
        (200, "GET", "/pulls/2", None),
        (200, "PATCH", "/pulls/2", {"state": "closed", "title": "U"}),
        (200, "GET", "/pulls/1/files", None),
        (200, "POST", "/pulls/1/reviews", {"body": "", "event": "COMMENT", "comments": [remark]}),
        (200, "GET", "/pulls/1/reviews", None),
        (201, "POST", "/pulls/1/comments", {**remark, "commit_id": hub.state.pull(1)[1].head}),
        (200, "GET", "/pulls/1/comments", None),
        (200, "GET", "/issues/1/comments", None),
        (200, "POST", "/issues/1/labels", {"labels": ["migrations"]}),
        (200, "GET", f"/issues/comments/{made['id']}", None),
        (200, "PATCH", f"/issues/comments/{made['id']}", {"body": "c"}),
        (201, "POST", reaction, {"content": "eyes"}),
        (200, "POST", reaction, {"content": "eyes"}),
        (200, "GET", reaction, None),
        (204, "DELETE", f"/issues/comments/{comment['id']}", None),
        (204, "DELETE", "/git/refs/heads/bot", None),
    ]
    for status, method, path, body in steps:
        answer = ask(method, path, body)
        assert answer.status == status, (method, path, answer.json)
    said = ask("GET", "/pulls/1/comments").json
    assert [ask("DELETE", f"/pulls/comments/{each['id']}").status for each in said] == [204, 204]
    mine = ask("GET", reaction).json[0]
    assert ask("DELETE", f"{reaction}/{mine['id']}").status == 204
    assert {route.template for route in ROUTES} == {each.template for each in hub.seen}


@pytest.mark.needs("octokit")
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda seen: seen._replace(query={"hed": "octo:feature"}), "no parameter hed"),
        (lambda seen: seen._replace(query={"state": "merged"}), "'merged' is not one of"),
        (lambda seen: seen._replace(query={"page": "two"}), "invalid literal"),
        (lambda seen: seen._replace(reply=[{"number": 1}]), "is a required property"),
        (lambda seen: seen._replace(reply=[seen.reply[0] | {"title": None}]), "None is not of"),
        (lambda seen: seen._replace(status=302), "no such status"),
        (lambda seen: seen._replace(template=""), "no such route"),
        (lambda seen: seen._replace(method="POST", body={"hed": "x"}), "'hed' was unexpected"),
        (lambda seen: seen._replace(method="POST", body={"base": "x"}), "'head' is a required"),
    ],
)
def test_the_description_takes_nothing_that_github_does_not_know(
    hub: LocalGitHub, wrong: Callable[[Exchange], Exchange], told: str
) -> None:
    found = description()
    client(hub)("GET", "/pulls")
    found.check(hub.seen[-1])
    with pytest.raises((AssertionError, ValueError), match=told):
        found.check(wrong(hub.seen[-1]))


def test_what_the_check_says_is_raised_where_the_server_ends() -> None:
    def check(exchange: Exchange) -> None:
        raise AssertionError(exchange.path)

    with (
        pytest.raises(AssertionError, match=r"^/repos/octo/shop$"),
        LocalGitHub(check=check) as hub,
    ):
        assert client(hub)("GET").status == 200


# Who may do what


def test_a_wrong_token_and_none_are_told_apart(hub: LocalGitHub) -> None:
    answer = Client(hub, "ghs_wrong")("GET")
    assert (answer.status, answer.json["message"]) == (401, "Bad credentials")
    answer = Client(hub, "")("GET")
    assert (answer.status, answer.json["message"]) == (401, "Requires authentication")


@pytest.mark.parametrize(
    ("given", "method", "path", "body", "needed"),
    [
        ({"contents": "write"}, "GET", "/pulls/1", None, "pull_requests=read"),
        ({"pull_requests": "read"}, "POST", "/pulls", {}, "pull_requests=write"),
        ({"contents": "write"}, "GET", "/issues/1/comments", None, "issues=read; pull_requests="),
        (
            {"issues": "read", "pull_requests": "read"},
            "POST",
            "/issues/1/comments",
            {"body": "x"},
            "issues=write; pull_requests=write",
        ),
        ({"issues": "write"}, "GET", "/git/ref/heads/main", None, "contents=read"),
    ],
)
def test_a_permission_that_is_missing_is_named(
    hub: LocalGitHub, given: dict[str, Any], method: str, path: str, body: Any, needed: str
) -> None:
    answer = client(hub, **given)(method, path, body)
    assert (answer.status, answer.json["message"]) == (
        403,
        "Resource not accessible by integration",
    )
    assert answer.headers["x-accepted-github-permissions"].startswith(needed)
    assert not hub.state.comments


def test_comments_need_one_of_two_permissions(hub: LocalGitHub) -> None:
    for name in ("issues", "pull_requests"):
        ask = client(hub, **{name: "write"})
        assert ask("POST", "/issues/1/comments", {"body": name}).status == 201


def test_a_public_repository_is_read_without_permissions_and_not_written(hub: LocalGitHub) -> None:
    hub.state.is_private = False
    ask = client(hub, issues="none")
    assert ask("GET", "/pulls/1").status == 200
    assert ask("POST", "/issues/1/comments", {"body": "x"}).status == 403


def test_roles_are_told_in_the_old_words_and_in_the_new(hub: LocalGitHub) -> None:
    ask = client(hub)
    hub.state.join("mia", "maintain")
    hub.state.join("tom", "triage")
    told = {
        login: ask("GET", f"/collaborators/{login}/permission").json
        for login in ("octo", "mia", "ada", "tom", "eve")
    }
    assert {login: (each["permission"], each["role_name"]) for login, each in told.items()} == {
        "octo": ("admin", "admin"),
        "mia": ("write", "maintain"),
        "ada": ("write", "write"),
        "tom": ("read", "triage"),
        "eve": ("read", "read"),
    }
    assert ask("GET", "/collaborators/nobody/permission").status == 404


def test_the_viewer_is_whom_the_token_stands_for(hub: LocalGitHub) -> None:
    query = {"query": "query { viewer { login } }", "variables": {}}
    answer = client(hub)("POST", top="/api/graphql", body=query)
    assert answer.json == {"data": {"viewer": {"login": "github-actions[bot]"}}}
    mine = Client(hub, hub.token({}, login="ada"))
    assert mine("POST", top="/api/graphql", body=query).json["data"]["viewer"]["login"] == "ada"


def test_the_name_of_the_repository_is_read_without_its_case(hub: LocalGitHub) -> None:
    for path, status in (("/Octo/SHOP", 200), ("/octo/other", 404), ("/eve/shop", 404)):
        assert client(hub)("GET", path, top="/api/v3/repos").status == status


# Pull requests


def test_a_second_pull_request_for_the_same_branches_is_refused(hub: LocalGitHub) -> None:
    answer = client(hub)("POST", "/pulls", {"head": "feature", "base": "main", "title": "Again"})
    assert answer.status == 422
    assert errors(answer) == ["A pull request already exists for octo:feature."]


def test_a_pull_request_without_commits_is_refused(hub: LocalGitHub) -> None:
    hub.state.repository.move("refs/heads/same", hub.state.repository.commit_id("main"))
    answer = client(hub)("POST", "/pulls", {"head": "same", "base": "main", "title": "None"})
    assert (answer.status, errors(answer)) == (422, ["No commits between main and same"])


def test_workflows_propose_nothing_where_the_settings_forbid_it(hub: LocalGitHub) -> None:
    hub.state.lets_workflows_propose = False
    hub.state.push("bot", {"d.py": "1\n"}, onto="feature")
    new = {"head": "bot", "base": "feature", "title": "T"}
    answer = client(hub)("POST", "/pulls", new)
    assert answer.status == 403
    assert answer.json["message"] == (
        "GitHub Actions is not permitted to create or approve pull requests."
    )
    people = Client(hub, hub.token({"pull-requests": "write"}, "ada"))
    assert people("POST", "/pulls", new).status == 201


def test_pull_requests_are_found_by_branch_base_and_state(hub: LocalGitHub) -> None:
    state, ask = hub.state, client(hub)
    state.push("bot", {"d.py": "1\n"}, onto="feature")
    state.open("bot", "feature", "Second", by="ada")
    fork = state.fork("mallory")
    state.push("bot", {"e.py": "1\n"}, to=fork, onto="main")
    state.open("bot", "main", "Third", by="mallory", of=fork)

    def numbers(**query: str) -> list[int]:
        return [each["number"] for each in ask("GET", "/pulls", **query).json]

    assert numbers() == [3, 2, 1]
    assert numbers(direction="asc") == [1, 2, 3]
    assert numbers(head="octo:bot") == [2]
    assert numbers(head="mallory:bot") == [3]
    assert numbers(head="octo:bo") == []
    assert numbers(head="bot") == [3, 2, 1]  # GitHub does not look at a branch without its owner
    assert numbers(base="feature") == [2]
    state.close(2)
    assert numbers() == [3, 1]
    assert numbers(state="closed") == [2]
    assert numbers(state="all", head="octo:bot") == [2]


def test_files_tell_old_names_and_the_lines(hub: LocalGitHub) -> None:
    files = client(hub)("GET", "/pulls/1/files").json
    told = [(each["filename"], each["status"], each.get("previous_filename")) for each in files]
    assert told == [("a.py", "modified", None), ("c.py", "renamed", "b.py")]
    assert files[0]["patch"] == "@@ -1,3 +1,3 @@\n 1\n 2\n-3\n+4"


def test_a_remark_on_a_line_that_the_diff_does_not_show_is_refused(hub: LocalGitHub) -> None:
    ask = client(hub)

    def remark(**more: Any) -> Any:
        body = {"body": "", "event": "COMMENT", "comments": [{"body": "hm", **more}]}
        answer = ask("POST", "/pulls/1/reviews", body)
        return answer.json["errors"] if answer.status == 422 else answer.status

    assert remark(path="a.py", line=3) == 200
    assert remark(path="a.py", line=2, start_line=1) == 200
    assert remark(path="a.py", line=9) == ["Line could not be resolved"]
    assert remark(path="no.py", line=1) == ["Path could not be resolved"]
    assert len(hub.state.reviews) == 2


def test_a_review_comment_moves_with_its_line_until_that_is_changed(hub: LocalGitHub) -> None:
    state, ask = hub.state, client(hub)
    new = {"path": "a.py", "side": "RIGHT", "body": "hm", "commit_id": state.pull(1)[1].head}
    answer = ask("POST", "/pulls/1/comments", {**new, "line": 9})
    assert (answer.status, errors(answer)[0][-24:]) == (422, "must be part of the diff")
    assert ask("POST", "/pulls/1/comments", {**new, "line": 3}).status == 201

    def line() -> Any:
        [told] = ask("GET", "/pulls/1/comments").json
        return told["line"]

    state.push("feature", {"a.py": "0\n0\n1\n2\n4\n"}, "Above")
    assert line() == 5
    state.push("feature", {"a.py": "1\n2\n4\n5\n"}, "Below")
    assert line() == 3
    state.push("feature", {"a.py": "1\n2\nfour\n5\n"}, "It")
    assert line() is None
    state.push("feature", {"a.py": None}, "Gone")
    assert line() is None


def test_the_last_review_comment_takes_an_empty_review_with_it(hub: LocalGitHub) -> None:
    ask = client(hub)
    remark = {"path": "a.py", "line": 3, "side": "RIGHT", "body": "hm"}
    for body in ("", "Why?"):
        ask("POST", "/pulls/1/reviews", {"body": body, "event": "COMMENT", "comments": [remark]})
    for each in ask("GET", "/pulls/1/comments").json:
        assert ask("DELETE", f"/pulls/comments/{each['id']}").status == 204
        assert ask("DELETE", f"/pulls/comments/{each['id']}").status == 404
    assert [each["body"] for each in ask("GET", "/pulls/1/reviews").json] == ["Why?"]


def test_branches_with_slashes_are_compared(hub: LocalGitHub) -> None:
    hub.state.push("fix/deep/one", {"x.py": "1\n"}, onto="main")
    told = client(hub)("GET", "/compare/feature...fix/deep/one").json
    assert (told["status"], told["ahead_by"], told["behind_by"]) == ("diverged", 1, 1)
    assert [each["filename"] for each in told["files"]] == ["x.py"]
    found = client(hub)("GET", "/git/ref/heads/fix/deep/one").json
    assert found["object"]["sha"] == told["commits"][0]["sha"]
    assert client(hub)("GET", "/git/ref/heads/fix").status == 404


# Comments


def test_comments_come_in_pages_with_links(hub: LocalGitHub) -> None:
    for number in range(250):
        hub.state.comment(1, f"comment {number}", by="ada")
    ask, found, page = client(hub), [], 1
    while True:
        answer = ask("GET", "/issues/1/comments", per_page=100, page=page)
        found += [each["body"] for each in answer.json]
        links = answer.headers["link"]
        assert ('rel="first"' in links) == (page > 1)
        if 'rel="next"' not in links:
            break
        page += 1
        assert f'page={page}>; rel="next"' in links
    assert found == [f"comment {number}" for number in range(250)]
    assert len(ask("GET", "/issues/1/comments", per_page=500).json) == 100  # the most there is


def test_a_comment_that_is_too_long_is_refused(hub: LocalGitHub) -> None:
    ask = client(hub)
    made = ask("POST", "/issues/1/comments", {"body": "x" * 65_536})
    assert made.status == 201
    answer = ask("POST", "/issues/1/comments", {"body": "x" * 65_537})
    assert (answer.status, errors(answer)) == (
        422,
        ["body is too long (maximum is 65536 characters)"],
    )
    path = f"/issues/comments/{made.json['id']}"
    assert ask("PATCH", path, {"body": "é" * 65_537}).status == 422
    assert ask("GET", path).json["body"] == "x" * 65_536


def test_somebody_has_each_reaction_once(hub: LocalGitHub) -> None:
    comment = hub.state.comment(1, "hello", by="ada")
    path = f"/issues/comments/{comment.id}/reactions"
    [first, second] = [client(hub)("POST", path, {"content": "eyes"}) for _ in range(2)]
    assert (first.status, second.status) == (201, 200)
    assert first.json["id"] == second.json["id"]
    hub.state.react(comment.id, "eyes", by="ada")
    assert len(client(hub)("GET", path).json) == 2
    told = client(hub)("GET", f"/issues/comments/{comment.id}").json["reactions"]
    assert (told["eyes"], told["total_count"]) == (2, 2)


def test_an_edited_comment_says_when(hub: LocalGitHub) -> None:
    now = [1_800_000_000.0]
    hub.state.clock = lambda: now[0]
    comment = hub.state.comment(1, "hello", by="ada")
    now[0] += 60
    told = client(hub)("PATCH", f"/issues/comments/{comment.id}", {"body": "bye"}).json
    assert (told["created_at"], told["updated_at"]) == (
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:01:00Z",
    )


@pytest.mark.parametrize("path", ["/pulls/9", "/issues/9/comments", "/issues/comments/9", "/none"])
def test_what_is_not_there_is_not_found(hub: LocalGitHub, path: str) -> None:
    hub.check = None  # one of them is no route at all
    assert client(hub)("GET", path).status == 404
