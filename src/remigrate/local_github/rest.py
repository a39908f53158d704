"""The routes of GitHub's REST API that a bot on pull requests needs, and the name of the viewer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlencode

from remigrate.local_github.refusal import Refusal, invalid, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from remigrate.local_github.records import Issue, Pull, Token
    from remigrate.local_github.repository import Changed
    from remigrate.local_github.shapes import Json, Shapes
    from remigrate.local_github.state import State

MOST_FILES = 3_000
"""Of a pull request."""
_COMPARED = 300


class Reply(NamedTuple):
    """What is sent back. A body of None is no body at all."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class Call(NamedTuple):
    """One request to a route, from somebody who may make it."""

    state: State
    shapes: Shapes
    login: str
    path: str
    """Below the API."""
    named: dict[str, str]
    """What the placeholders of the route stand for."""
    query: dict[str, str]
    body: dict[str, Any]
    listed: list[Any] | None = None
    """A body that is a list."""

    def number(self, name: str) -> int:
        return int(self.named[name])

    def text(self, name: str, resource: str) -> str:
        """A text that the body must have."""
        if not isinstance(self.body.get(name), str):
            raise invalid(resource, name, "missing_field")
        return str(self.body[name])

    def paged(self, found: Sequence[Any], shape: Callable[[Any], Json]) -> Reply:
        """One page of a list, with links to the others."""
        size = min(100, max(1, int(self.query.get("per_page", 30))))
        page = max(1, int(self.query.get("page", 1)))
        last = max(1, -(-len(found) // size))
        links = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
        there = {
            rel: at
            for rel, at in links.items()
            if 1 <= at <= last and at != page and (rel not in ("first", "prev") or page > 1)
        }
        header = ", ".join(f'<{self._page(at)}>; rel="{rel}"' for rel, at in there.items())
        shown = [shape(each) for each in found[(page - 1) * size : page * size]]
        return Reply(200, shown, {"Link": header} if header else {})

    def _page(self, page: int) -> str:
        query = urlencode({**self.query, "page": str(page)})
        return f"{self.shapes.api}{self.path}?{query}"


class Route(NamedTuple):
    """A path of the API."""

    method: str
    template: str
    """As GitHub's OpenAPI description has it."""
    needs: str
    """Permissions of which one is enough, as the header X-Accepted-GitHub-Permissions has them."""
    answer: Callable[[Call], Reply]


# The repository


def _repository(call: Call) -> Reply:
    return Reply(200, call.shapes.full_repository(call.state.repository))


def _permission(call: Call) -> Reply:
    user = call.state.users.get(call.named["username"])
    if user is None:
        raise not_found()
    return Reply(200, call.shapes.permission(user))


def _ref(call: Call) -> Reply:
    name = f"refs/{call.named['ref']}"
    sha = call.state.repository.refs().get(name)
    if sha is None:
        raise not_found()
    object = {"sha": sha, "type": "commit", "url": call.shapes.url("git/commits", sha)}
    url = call.shapes.url("git", name)
    return Reply(200, {"ref": name, "node_id": f"REF_{sha}", "url": url, "object": object})


def _delete_ref(call: Call) -> Reply:
    name = f"refs/{call.named['ref']}"
    if name not in call.state.repository.refs():
        raise Refusal(422, "Reference does not exist")
    call.state.repository.move(name, "")
    call.state.refresh()
    return Reply(204)


def _compare(call: Call) -> Reply:
    git, names = call.state.repository, call.named["basehead"].split("...")
    if len(names) != 2:
        raise not_found()
    base, head = (git.commit_id(name.rpartition(":")[2]) for name in names)
    if not base or not head:
        raise not_found()
    start = git.merge_base(base, head)
    ahead, behind = git.since(base, head), git.since(head, base)
    statuses = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    page = call.shapes.page("compare", "...".join(names))
    commits = [call.shapes.commit(each) for each in git.read((base, start, *ahead))]
    answer = {
        "url": call.shapes.url("compare", "...".join(names)),
        **{"html_url": page, "permalink_url": page},
        **{"diff_url": f"{page}.diff", "patch_url": f"{page}.patch"},
        "base_commit": commits[0],
        "merge_base_commit": commits[1],
        "status": statuses.get((bool(ahead), bool(behind)), "diverged"),
        **{"ahead_by": len(ahead), "behind_by": len(behind), "total_commits": len(ahead)},
        "commits": commits[2:252],
        "files": [_file(call, base, head, each) for each in git.changes(base, head)[:_COMPARED]],
    }
    return Reply(200, answer)


def _file(call: Call, base: str, head: str, file: Changed) -> Json:
    has_lines = file.additions or file.deletions
    patch = call.state.repository.patch(base, head, file.path) if has_lines else ""
    return call.shapes.file(file, head, patch)


# Pull requests


def _pulls(call: Call) -> Reply:
    query = call.query
    wanted, head, base = query.get("state", "open"), query.get("head", ""), query.get("base", "")
    if wanted not in ("open", "closed", "all"):
        raise invalid("PullRequest", "state")
    found = [
        (issue, pull)
        for issue, pull in call.state.pulls()
        if wanted in ("all", issue.state)
        and (":" not in head or head == pull.label)  # GitHub ignores a branch without its owner
        and base in ("", pull.base_branch)
    ]
    by_creation = query.get("sort", "created") == "created"
    down = query.get("direction", "desc" if by_creation else "asc") == "desc"
    found.sort(key=_created if by_creation else _updated, reverse=down)
    return call.paged(found, lambda each: call.shapes.pull(*each))


def _created(each: tuple[Issue, Pull]) -> tuple[str, int]:
    return each[0].created_at, each[0].number


def _updated(each: tuple[Issue, Pull]) -> tuple[str, int]:
    return each[0].updated_at, each[0].number


def _create_pull(call: Call) -> Reply:
    head, base = call.text("head", "PullRequest"), call.text("base", "PullRequest")
    owner, _, branch = head.rpartition(":")
    owner = owner or call.state.repository.owner
    source = next((each for each in call.state.repositories() if each.owner == owner), None)
    if source is None:
        raise invalid("PullRequest", "head")
    made = call.state.open(
        branch,
        base,
        call.text("title", "PullRequest"),
        call.body.get("body") or "",
        by=call.login,
        of=source,
        draft=bool(call.body.get("draft")),
    )
    return Reply(201, call.shapes.full_pull(*call.state.pull(made.number)))


def _pull(call: Call) -> Reply:
    return Reply(200, call.shapes.full_pull(*call.state.pull(call.number("pull_number"))))


def _change_pull(call: Call) -> Reply:
    known = ("title", "body", "state", "base")
    changes = {name: call.body[name] for name in known if name in call.body}
    call.state.change(call.number("pull_number"), **changes)
    return _pull(call)


def _files(call: Call) -> Reply:
    _, pull = call.state.pull(call.number("pull_number"))
    found = call.state.repository.changes(pull.base, pull.head)[:MOST_FILES]
    return call.paged(found, lambda each: _file(call, pull.base, pull.head, each))


def _reviews(call: Call) -> Reply:
    number = call.number("pull_number")
    call.state.pull(number)
    found = [each for each in call.state.reviews.values() if each.number == number]
    return call.paged(found, call.shapes.review)


def _create_review(call: Call) -> Reply:
    body, event = call.body.get("body") or "", str(call.body.get("event") or "")
    remarks = call.body.get("comments") or []
    if event in ("COMMENT", "REQUEST_CHANGES") and not body and not remarks:
        raise Refusal(422, "Unprocessable Entity", ["Body can't be blank"])
    made = call.state.review(
        call.number("pull_number"),
        body,
        event,
        remarks,
        by=call.login,
        commit=call.body.get("commit_id") or "",
    )
    return Reply(200, call.shapes.review(made))


def _remarks(call: Call) -> Reply:
    number = call.number("pull_number")
    return call.paged(call.state.remarked(number), lambda each: call.shapes.remark(*each))


def _create_remark(call: Call) -> Reply:
    resource, number = "PullRequestReviewComment", call.number("pull_number")
    commit, path = call.text("commit_id", resource), call.text("path", resource)
    _, pull = call.state.pull(number)
    if call.body.get("line") not in call.state.repository.lines_shown(pull.base, commit, path):
        field = "pull_request_review_thread.line"
        raise invalid(resource, field, "custom", f"{field} must be part of the diff")
    call.text("body", resource)
    made = call.state.review(number, "", "COMMENT", [call.body], by=call.login, commit=commit)
    return Reply(201, call.shapes.remark(made, made.remarks[0]))


def _delete_remark(call: Call) -> Reply:
    call.state.unremark(call.number("comment_id"))
    return Reply(204)


# Issues


def _comments(call: Call) -> Reply:
    number, since = call.number("issue_number"), call.query.get("since", "")
    call.state.issue(number)
    everything = call.state.comments.values()
    found = [each for each in everything if each.number == number and each.updated_at >= since]
    return call.paged(found, call.shapes.comment)


def _create_comment(call: Call) -> Reply:
    number, body = call.number("issue_number"), call.text("body", "IssueComment")
    made = call.state.comment(number, body, by=call.login)
    return Reply(201, call.shapes.comment(made))


def _comment(call: Call) -> Reply:
    return Reply(200, call.shapes.comment(call.state.said(call.number("comment_id"))))


def _change_comment(call: Call) -> Reply:
    id, body = call.number("comment_id"), call.text("body", "IssueComment")
    return Reply(200, call.shapes.comment(call.state.edit(id, body)))


def _delete_comment(call: Call) -> Reply:
    call.state.unsay(call.number("comment_id"))
    return Reply(204)


def _reactions(call: Call) -> Reply:
    comment, content = call.state.said(call.number("comment_id")), call.query.get("content", "")
    found = [
        each
        for each in call.state.reactions.values()
        if each.comment == comment.id and content in ("", each.content)
    ]
    return call.paged(found, call.shapes.reaction)


def _react(call: Call) -> Reply:
    content = call.text("content", "Reaction")
    made, is_new = call.state.react(call.number("comment_id"), content, by=call.login)
    return Reply(201 if is_new else 200, call.shapes.reaction(made))


def _unreact(call: Call) -> Reply:
    reaction = call.state.reactions.get(call.number("reaction_id"))
    if reaction is None or reaction.comment != call.number("comment_id"):
        raise not_found()
    if reaction.author != call.login:
        raise Refusal(403, "You do not have permission to delete this reaction.")
    del call.state.reactions[reaction.id]
    return Reply(204)


def _label(call: Call) -> Reply:
    names = call.body.get("labels") if call.listed is None else call.listed
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise invalid("Label", "name", "missing_field")
    issue = call.state.label(call.number("issue_number"), names)
    return Reply(200, [call.shapes.label(name) for name in issue.labels])


_TOP = "/repos/{owner}/{repo}"
_PULL, _PULLS = f"{_TOP}/pulls/{{pull_number}}", f"{_TOP}/pulls"
_COMMENT = f"{_TOP}/issues/comments/{{comment_id}}"
_OF_ISSUE = f"{_TOP}/issues/{{issue_number}}"
_READS, _TALKS = "issues=read; pull_requests=read", "issues=write; pull_requests=write"
_READS_PULL, _WRITES_PULL = "pull_requests=read", "pull_requests=write"

ROUTES = (
    Route("GET", _TOP, "metadata=read", _repository),
    Route("GET", f"{_TOP}/collaborators/{{username}}/permission", "metadata=read", _permission),
    Route("GET", f"{_TOP}/git/ref/{{ref}}", "contents=read", _ref),
    Route("DELETE", f"{_TOP}/git/refs/{{ref}}", "contents=write", _delete_ref),
    Route("GET", f"{_TOP}/compare/{{basehead}}", "contents=read", _compare),
    Route("GET", _PULLS, _READS_PULL, _pulls),
    Route("POST", _PULLS, _WRITES_PULL, _create_pull),
    Route("GET", _PULL, _READS_PULL, _pull),
    Route("PATCH", _PULL, _WRITES_PULL, _change_pull),
    Route("GET", f"{_PULL}/files", _READS_PULL, _files),
    Route("GET", f"{_PULL}/reviews", _READS_PULL, _reviews),
    Route("POST", f"{_PULL}/reviews", _WRITES_PULL, _create_review),
    Route("GET", f"{_PULL}/comments", _READS_PULL, _remarks),
    Route("POST", f"{_PULL}/comments", _WRITES_PULL, _create_remark),
    Route("DELETE", f"{_PULLS}/comments/{{comment_id}}", _WRITES_PULL, _delete_remark),
    Route("GET", f"{_OF_ISSUE}/comments", _READS, _comments),
    Route("POST", f"{_OF_ISSUE}/comments", _TALKS, _create_comment),
    Route("POST", f"{_OF_ISSUE}/labels", _TALKS, _label),
    Route("GET", _COMMENT, _READS, _comment),
    Route("PATCH", _COMMENT, _TALKS, _change_comment),
    Route("DELETE", _COMMENT, _TALKS, _delete_comment),
    Route("GET", f"{_COMMENT}/reactions", _READS, _reactions),
    Route("POST", f"{_COMMENT}/reactions", _TALKS, _react),
    Route("DELETE", f"{_COMMENT}/reactions/{{reaction_id}}", _TALKS, _unreact),
)
_KINDS = {"ref": ".+", "basehead": ".+"}


def _pattern(template: str) -> re.Pattern[str]:
    """The paths of a route: ids are numbers, and refs may have slashes."""

    def group(found: re.Match[str]) -> str:
        name = found[1]
        is_id = name.endswith(("_id", "_number"))
        return f"(?P<{name}>{_KINDS.get(name, '[0-9]+' if is_id else '[^/]+')})"

    return re.compile(re.sub(r"\{(\w+)\}", group, template))


_PATTERNS = [(_pattern(route.template), route) for route in ROUTES]


def route(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a path below the API, and what its placeholders stand for."""
    for pattern, each in _PATTERNS:
        found = pattern.fullmatch(path)
        if found and each.method == method:
            return each, {name: unquote(text) for name, text in found.groupdict().items()}
    return None


def answer(call: Call, route: Route, token: Token) -> Reply:
    """The reply to a request of a token's bearer. Raises `Refusal`."""
    name = f"{call.named['owner']}/{call.named['repo']}"
    if name.lower() != call.state.repository.full_name.lower():
        raise not_found()
    needs = route.needs.split("; ")
    may = any(token.has(need) for need in needs)
    is_public = not call.state.is_private and route.method == "GET"
    if not may and not is_public:
        headers = {"X-Accepted-GitHub-Permissions": route.needs}
        raise Refusal(403, "Resource not accessible by integration", headers=headers)
    call.state.refresh()
    return route.answer(call)


def graphql(body: dict[str, Any], login: str) -> Reply:
    """The answer to the one GraphQL query that we know."""
    if re.fullmatch(r"\s*(query\s*)?\{\s*viewer\s*\{\s*login\s*\}\s*\}\s*", str(body.get("query"))):
        return Reply(200, {"data": {"viewer": {"login": login}}})
    return Reply(200, {"errors": [{"message": "This GitHub knows the viewer's login only."}]})
