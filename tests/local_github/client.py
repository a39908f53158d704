"""A GitHub with something in it, and the plainest client: what is sent is what a test says."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from remigrate.local_github.server import LocalGitHub
from tests.octokit.description import published

EVERYTHING = {"contents": "write", "pull-requests": "write", "issues": "write"}


@contextmanager
def opened(folder: Path) -> Iterator[LocalGitHub]:
    """A GitHub with `main`, Ada who may write, and her pull request #1 from `feature`.

    Where GitHub's description is installed, every request and every answer is held to it.
    """
    description = published()
    check = None if description is None else description.check
    with LocalGitHub("octo/shop", folder=folder, check=check) as hub:
        state = hub.state
        state.join("ada", "write")
        state.join("eve", "read")
        state.push("main", {"a.py": "1\n2\n3\n", "b.py": "same\n" * 30}, "First")
        changes: dict[str, str | None] = {"a.py": "1\n2\n4\n", "b.py": None, "c.py": "same\n" * 30}
        state.push("feature", changes, "Change it", by="ada", onto="main")
        state.open("feature", "main", "A feature", "Why", by="ada")
        yield hub


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    json: Any


class Client(NamedTuple):
    """Requests below the repository, with one token."""

    hub: LocalGitHub
    token: str

    def __call__(
        self, method: str, path: str = "", body: Any = None, top: str | None = None, **query: object
    ) -> Answer:
        server = urlsplit(self.hub.api_url)
        connection = http.client.HTTPConnection(server.netloc, timeout=20)
        base = f"{server.path}/repos/octo/shop" if top is None else top
        headers = {"User-Agent": "a test", "Authorization": f"Bearer {self.token}"}
        content = None if body is None else json.dumps(body)
        url = f"{base}{path}{'?' + urlencode(query) if query else ''}"
        try:
            connection.request(method, url, content, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, json.loads(text) if text else None)


def client(hub: LocalGitHub, **permissions: Any) -> Client:
    """With a token of these permissions; with every one that there is if none are named."""
    given = {name.replace("_", "-"): level for name, level in permissions.items()}
    return Client(hub, hub.token(given or EVERYTHING))  # type: ignore[arg-type]
