"""The server: one `LocalGitHub` for the time of a `with`."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from remigrate.local_github import git_http, rest
from remigrate.local_github.faults import DONE, Faults
from remigrate.local_github.records import BOT
from remigrate.local_github.refusal import Refusal, not_found
from remigrate.local_github.shapes import Shapes
from remigrate.local_github.state import State
from remigrate.local_github.wire import Request, Sent, Server, encoded, failure, limited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from remigrate.local_github.faults import Fault
    from remigrate.local_github.records import Access, Token

API = "/api/v3"


class Exchange(NamedTuple):
    """A request to the API or to git, and what came back."""

    method: str
    path: str
    """Without the query; of the API without what all of its paths begin with."""
    template: str
    """The route, as GitHub's OpenAPI description names it; empty for git and for what is none."""
    query: dict[str, str]
    body: Any
    """JSON of the request; None without one, and for git."""
    user_agent: str
    status: int
    headers: Mapping[str, str]
    reply: Any
    """JSON of the answer as it was meant, whatever went wrong on the way; None without one."""
    fault: str = ""


class LocalGitHub:
    """A GitHub with one repository, on a port of loopback, until its `with` ends.

    `check` is called with every request and its answer; what it raises is raised where the `with`
    ends.
    """

    def __init__(
        self,
        repository: str = "octo/shop",
        *,
        folder: Path | None = None,
        check: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._own = Path(tempfile.mkdtemp(prefix="remigrate-github-")) if folder is None else None
        owner, _, name = repository.partition("/")
        self.state = State(folder or self._own or Path(), owner, name)
        self.faults = Faults()
        self.seen: list[Exchange] = []
        self.check = check
        self.failures: list[Exception] = []
        """What `check` and our own bugs raised in answering."""
        self._lock = threading.RLock()
        self._requests = itertools.count(1)
        self._server = Server(self.answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it is, as GITHUB_SERVER_URL says it."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def api_url(self) -> str:
        """As GITHUB_API_URL says it."""
        return f"{self.url}{API}"

    @property
    def clone_url(self) -> str:
        """Where git finds the repository."""
        return f"{self.url}/{self.state.repository.full_name}.git"

    @property
    def shapes(self) -> Shapes:
        """What the API tells of the records."""
        return Shapes(self.state, self.url, self.api_url)

    def token(self, permissions: Mapping[str, Access] | None = None, login: str = BOT) -> str:
        """A new token, with permissions as below ``permissions:`` of a workflow."""
        given = {name.replace("-", "_"): level for name, level in (permissions or {}).items()}
        return self.state.token(login, **given)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
        if self.failures and error is None:
            raise self.failures[0]

    # One request

    def answer(self, request: Request) -> tuple[Sent | None, str]:
        """What to send back, or None to hang up; and the kind of fault that befalls it."""
        with self._lock:
            fault = self.faults.strike(request.method, unquote(request.path).removeprefix(API))
        try:
            return self._answer(request, fault), fault.kind if fault else ""
        except Exception as error:  # noqa: BLE001 # told where the `with` ends
            self.failures.append(error)
            return failure(500, f"a bug of the local GitHub: {error!r}"), ""

    def _answer(self, request: Request, fault: Fault | None) -> Sent | None:
        if fault is not None and fault.kind not in DONE:
            return self._broken(request, fault)
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        is_api = request.path.startswith("/api/")
        sent = self._api(request, fault) if is_api else self._git(request, fault)
        if fault is not None and fault.kind == "late-502":
            return failure(502, "Server Error")
        return sent

    def _api(self, request: Request, fault: Fault | None) -> Sent:
        path, found = request.path.removeprefix(API), None
        if request.path.startswith(API):
            found = rest.route(request.method, path)
        body: Any = None
        with self._lock:
            try:
                body = _json(request.content)
                reply = self._reply(request, path, found, body)
            except Refusal as refusal:
                reply = rest.Reply(refusal.status, refusal.body, refusal.headers)
            sent = encoded(reply.status, reply.body, reply.headers, next(self._requests))
            template = found[0].template if found else ""
            self._keep(request, fault, template, body, sent, reply.body)
        return sent

    def _reply(
        self,
        request: Request,
        path: str,
        found: tuple[rest.Route, dict[str, str]] | None,
        body: Any,
    ) -> rest.Reply:
        token = self._known(request)
        if request.path == "/api/graphql" and request.method == "POST":
            return rest.graphql(body or {}, token.login)
        if found is None:
            raise not_found()
        route, named = found
        listed = body if isinstance(body, list) else None
        body = body if isinstance(body, dict) else {}
        call = rest.Call(
            self.state, self.shapes, token.login, path, named, _query(request), body, listed
        )
        return rest.answer(call, route, token)

    def _known(self, request: Request) -> Token:
        if not request.headers.get("user-agent"):
            said = "Request forbidden by administrative rules. Please make sure your request has a "
            raise Refusal(403, f"{said}User-Agent header")
        if not request.token:
            raise Refusal(401, "Requires authentication")
        token = self.state.tokens.get(request.token)
        if token is None:
            raise Refusal(401, "Bad credentials")
        return token

    def _git(self, request: Request, fault: Fault | None) -> Sent:
        found = git_http.find(self.state, unquote(request.path))
        if found is None:
            answer = git_http.Answer(404, (), b"Not Found\n")
        else:
            there, rest_of = found
            push = git_http.is_push(rest_of, request.query)
            token = self.state.tokens.get(request.token)
            answer = git_http.refused(self.state, token, there, push) or git_http.serve(
                there, rest_of, request.query, request.method, request.headers, request.content
            )
            if push:
                with self._lock:
                    self.state.refresh()
        sent = Sent(*answer)
        self._keep(request, fault, "", None, sent, None)
        return sent

    def _broken(self, request: Request, fault: Fault) -> Sent | None:
        """An answer to what was not done."""
        sent = None if fault.kind == "closed" else limited(fault)
        status = sent or Sent(0, (), b"")
        self._keep(request, fault, "", None, status, None)
        return sent

    def _keep(
        self,
        request: Request,
        fault: Fault | None,
        template: str,
        body: Any,
        sent: Sent,
        reply: Any,
    ) -> None:
        exchange = Exchange(
            request.method,
            unquote(request.path).removeprefix(API),
            template,
            _query(request),
            body,
            request.headers.get("user-agent", ""),
            sent.status,
            dict(sent.headers),
            reply,
            fault.kind if fault else "",
        )
        self.seen.append(exchange)
        if self.check is not None:
            try:
                self.check(exchange)
            except Exception as error:  # noqa: BLE001 # told where the `with` ends
                self.failures.append(error)


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _json(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None
