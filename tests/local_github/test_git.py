"""Real git against the local GitHub: fetches and pushes with a token."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from remigrate.local_github.server import LocalGitHub
from tests.local_github.client import EVERYTHING


def git(folder: Path, *args: str, token: str = "", scheme: str = "basic") -> str:
    """What git says on both streams; its failure is in there too."""
    environment = dict(os.environ) | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if token:
        given = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraheader",
            "GIT_CONFIG_VALUE_0": f"AUTHORIZATION: {scheme} {given}",
        }
    done = subprocess.run(
        ["git", "-C", str(folder), *args],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return f"{done.returncode} {done.stdout}{done.stderr}".strip()


@pytest.fixture
def clone(hub: LocalGitHub, tmp_path: Path) -> Path:
    """A clone with one commit more on the branch `bot`."""
    token = hub.token({"contents": "read"})
    said = git(tmp_path, "clone", "--quiet", "-b", "feature", hub.clone_url, "clone", token=token)
    assert said == "0"
    folder = tmp_path / "clone"
    git(folder, "checkout", "--quiet", "-b", "bot")
    (folder / "d.py").write_text("1\n")
    git(folder, "add", "d.py")
    assert git(folder, "commit", "--quiet", "-m", "More") == "0"
    return folder


def test_a_push_with_the_right_to_write_is_a_branch(hub: LocalGitHub, clone: Path) -> None:
    said = git(clone, "push", "--quiet", "origin", "bot", token=hub.token({"contents": "write"}))
    assert said == "0"
    assert hub.state.repository.commit_id("bot") == git(clone, "rev-parse", "HEAD").split()[1]


@pytest.mark.parametrize("scheme", ["basic", "Basic", "BASIC"])
def test_the_scheme_is_read_without_its_case(hub: LocalGitHub, clone: Path, scheme: str) -> None:
    token = hub.token({"contents": "read"})
    assert git(clone, "fetch", "--quiet", "origin", token=token, scheme=scheme) == "0"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"contents": "read"}, "remote: Write access to repository not granted."),
        ({"pull-requests": "write"}, "remote: Write access to repository not granted."),
        (None, "could not read Username"),  # what git says to a 401
    ],
)
def test_a_push_without_the_right_to_write_is_refused(
    hub: LocalGitHub, clone: Path, given: dict[str, str] | None, said: str
) -> None:
    token = "wrong" if given is None else hub.token(given)  # type: ignore[arg-type]
    out = git(clone, "push", "origin", "bot", token=token)
    assert out.startswith("128 ")
    assert said in out
    assert not hub.state.repository.commit_id("bot")


def test_a_fetch_without_the_right_to_read_finds_no_repository(
    hub: LocalGitHub, clone: Path
) -> None:
    out = git(clone, "fetch", "origin", token=hub.token({"issues": "write"}))
    assert "remote: Repository not found." in out
    assert git(clone, "fetch", "origin").startswith("128 ")
    hub.state.is_private = False
    assert git(clone, "fetch", "--quiet", "origin") == "0"


def test_a_protected_branch_refuses_and_the_others_do_not(hub: LocalGitHub, clone: Path) -> None:
    hub.state.repository.protect("bot")
    token = hub.token(EVERYTHING)  # type: ignore[arg-type]
    out = git(clone, "push", "origin", "bot", "bot:other", token=token)
    assert "GH006: Protected branch update failed for refs/heads/bot." in out
    assert "[remote rejected]" in out
    assert not hub.state.repository.commit_id("bot")
    assert hub.state.repository.commit_id("other")


def test_a_lease_on_a_branch_that_has_moved_is_refused(hub: LocalGitHub, clone: Path) -> None:
    token = hub.token({"contents": "write"})
    lease = f"--force-with-lease=bot:{hub.state.repository.commit_id('feature')}"
    hub.state.push("bot", {"e.py": "1\n"}, onto="feature", by="ada")
    assert "stale info" in git(clone, "push", lease, "origin", "bot", token=token)


def test_a_push_moves_the_pull_request(hub: LocalGitHub, clone: Path) -> None:
    token = hub.token({"contents": "write"})
    assert git(clone, "push", "--quiet", "origin", "bot:feature", token=token) == "0"
    head = hub.state.repository.commit_id("feature")
    assert hub.state.pull(1)[1].head == head
    assert git(clone, "fetch", "--quiet", "origin", "refs/pull/1/merge", token=token) == "0"
    assert head in git(clone, "rev-parse", "FETCH_HEAD^2")


def test_a_commit_is_fetched_by_its_id_into_a_shallow_repository(
    hub: LocalGitHub, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet", "shallow")
    folder, token = tmp_path / "shallow", hub.token({"contents": "read"})
    head = hub.state.repository.commit_id("feature")
    wanted = ("fetch", "--quiet", "--depth=1", hub.clone_url, head)
    assert git(folder, *wanted, token=token) == "0"
    assert head in git(folder, "rev-parse", "FETCH_HEAD")


def test_a_push_that_is_sent_in_chunks_arrives(hub: LocalGitHub, clone: Path) -> None:
    (clone / "large.bin").write_bytes(os.urandom(3_000_000))
    git(clone, "add", "large.bin")
    git(clone, "commit", "--quiet", "-m", "Large")
    token = hub.token({"contents": "write"})
    assert git(clone, "push", "--quiet", "origin", "bot", token=token) == "0"
    assert hub.state.repository.git("cat-file", "-s", "bot:large.bin") == "3000000"


def test_an_answer_to_a_push_is_lost_after_the_branch_was_made(
    hub: LocalGitHub, clone: Path
) -> None:
    hub.faults.add("lost", "POST", "*/git-receive-pack")
    out = git(clone, "push", "origin", "bot", token=hub.token({"contents": "write"}))
    assert not out.startswith("0"), out
    assert hub.state.repository.commit_id("bot")


def test_a_branch_that_moves_while_somebody_pushes_wins(hub: LocalGitHub, clone: Path) -> None:
    def somebody() -> None:
        hub.state.push("bot", {"e.py": "1\n"}, onto="feature", by="ada")

    hub.faults.when(somebody, "POST", "*/git-receive-pack")
    out = git(clone, "push", "origin", "bot", token=hub.token({"contents": "write"}))
    assert "[remote rejected]" in out or "failed to update ref" in out or "cannot lock" in out
    [commit] = hub.state.repository.read([hub.state.repository.commit_id("bot")])
    assert commit.author.name == "ada"


def test_a_commit_that_is_not_there_is_told_as_git_tells_it(hub: LocalGitHub, clone: Path) -> None:
    token = hub.token({"contents": "read"})
    said = git(clone, "fetch", "--quiet", "origin", "1" * 40, token=token)
    assert "not our ref" in said
    assert not hub.failures
