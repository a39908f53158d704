"""What goes wrong, seen by a client without any retries."""

from __future__ import annotations

import http.client
import json
import time

import pytest

from remigrate.local_github.faults import DONE, KINDS, Kind
from remigrate.local_github.server import LocalGitHub
from tests.local_github.client import Client, client

BODY = {"body": "hello"}


@pytest.fixture
def ask(hub: LocalGitHub) -> Client:
    return client(hub)


def outcome(ask: Client, method: str = "POST", path: str = "/issues/1/comments") -> str:
    """The status, or how the answer failed."""
    try:
        return str(ask(method, path, BODY if method == "POST" else None).status)
    except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
        return type(error).__name__


SEEN: dict[Kind, str] = {
    "500": "500",
    "502": "502",
    "503": "503",
    "429": "429",
    "closed": "RemoteDisconnected",
    "cut": "IncompleteRead",
    "late-502": "502",
    "lost": "RemoteDisconnected",
    "primary": "403",
    "secondary": "403",
    "slow": "201",
    "truncated": "JSONDecodeError",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_looks_like_itself_and_only_some_let_the_deed_be_done(
    hub: LocalGitHub, ask: Client, kind: Kind
) -> None:
    hub.faults.add(kind)
    assert outcome(ask) == SEEN[kind]
    assert len(hub.state.comments) == (kind in DONE)
    assert outcome(ask) == "201"
    assert hub.faults.happened == [("POST", "/repos/octo/shop/issues/1/comments", kind)]


def test_limits_say_how_long_to_wait(hub: LocalGitHub, ask: Client) -> None:
    hub.faults.add("429", seconds=7)
    assert ask("GET").headers["retry-after"] == "7"
    hub.faults.add("primary", seconds=30)
    answer = ask("GET")
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert 25 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= 30
    assert answer.json["message"].startswith("API rate limit exceeded")
    hub.faults.add("secondary")
    assert "secondary rate limit" in ask("GET").json["message"]


def test_slow_is_slow(hub: LocalGitHub, ask: Client) -> None:
    hub.faults.add("slow", seconds=0.3)
    before = time.monotonic()
    ask("GET")
    assert time.monotonic() - before >= 0.3


def test_a_fault_waits_for_its_method_its_path_and_its_turn(hub: LocalGitHub, ask: Client) -> None:
    hub.faults.add("503", "POST", "/repos/*/comments", times=2, after=1)
    got = [outcome(ask, "GET") for _ in range(2)] + [outcome(ask) for _ in range(5)]
    assert got == ["200", "200", "201", "503", "503", "201", "201"]


def test_faults_at_random_are_those_of_their_seed(hub: LocalGitHub, ask: Client) -> None:
    def some(seed: int) -> list[str]:
        hub.faults.at_random(0.5, seed, ("500", "lost"))
        return [outcome(ask, "GET") for _ in range(12)]

    first = some(1)
    assert set(first) == {"200", "500", "RemoteDisconnected"}
    assert some(1) == first != some(2)
    hub.faults.stop()
    assert {outcome(ask, "GET") for _ in range(5)} == {"200"}


def test_something_happens_in_the_middle(hub: LocalGitHub, ask: Client) -> None:
    hub.faults.when(lambda: hub.state.close(1), "GET", "/repos/octo/shop/pulls/1", after=1)
    assert [ask("GET", "/pulls/1").json["state"] for _ in range(3)] == ["open", "closed", "closed"]
