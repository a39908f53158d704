"""The HTTP of the local GitHub: requests in, answers out, and answers that get lost."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.local_github.git_http import password
from remigrate.local_github.refusal import DOCUMENTATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from remigrate.local_github.faults import Fault


class Request(NamedTuple):
    """A request, read to its end."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes

    @property
    def token(self) -> str:
        """The token in the header, in any of the ways that GitHub takes it."""
        given = self.headers.get("authorization", "")
        scheme, _, value = given.partition(" ")
        return value.strip() if scheme.lower() in ("bearer", "token") else password(given)


class Sent(NamedTuple):
    """An answer, as bytes."""

    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes


def encoded(status: int, body: Any, more: Mapping[str, str], number: int) -> Sent:
    """An answer of the API. A body of None is no body at all."""
    content = b"" if body is None else json.dumps(body).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-GitHub-Request-Id": f"{number:04X}",
        **_rates(5_000 - number, time.time() + 3_600),
        **more,
    }
    return Sent(status, tuple(headers.items()), content)


def _rates(remaining: int, reset: float) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": str(max(0, remaining)),
        "X-RateLimit-Reset": str(int(reset)),
    }


def failure(status: int, message: str, **headers: str) -> Sent:
    """An answer with an error. The names of headers have _ for -."""
    body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    named = {"Content-Type": "application/json; charset=utf-8"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent(status, tuple(named.items()), json.dumps(body).encode())


def limited(fault: Fault) -> Sent:
    """The answer of a GitHub that does nothing."""
    seconds = str(int(fault.seconds))
    if fault.kind == "429":
        return failure(429, "Too many requests", Retry_After=seconds)
    if fault.kind == "secondary":
        said = "You have exceeded a secondary rate limit. Please wait a few minutes before you try"
        return failure(403, f"{said} again.")
    if fault.kind == "primary":
        limits = _rates(0, time.time() + fault.seconds)
        named = {name.replace("-", "_"): value for name, value in limits.items()}
        return failure(403, "API rate limit exceeded for installation ID 1.", **named)
    return failure(int(fault.kind), "Server Error")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Request], tuple[Sent | None, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        """Gives what to send, or None to hang up; and the kind of fault that befalls it."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "GitHub.com"
    sys_version = ""
    disable_nagle_algorithm = True

    def _one(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, query, headers, self._content())
        self._send(*self.server.answer(request))

    def __getattr__(self, name: str) -> Callable[[], None]:
        """`do_GET` and the like: every method is answered alike."""
        if name.startswith("do_"):
            return self._one
        raise AttributeError(name)

    def _content(self) -> bytes:
        """The body; git sends what is long in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, sent: Sent | None, kind: str) -> None:
        if sent is None or kind == "lost":
            self._hang_up()
            return
        content = sent.content[: len(sent.content) // 2] if kind == "truncated" else sent.content
        self.send_response(sent.status)
        for name, value in sent.headers:
            self.send_header(name, value)
        if sent.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if kind == "cut":
            self.wfile.write(content[: len(content) // 2])
            self._hang_up()
        elif self.command != "HEAD":
            self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr: what was asked is in `seen`."""
