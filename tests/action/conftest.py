"""A repository with a pull request that collides with main, and a step that runs the action."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from remigrate import action
from tests.rules.verbs import app, migration

FIRST, SECOND = migration(), migration("0001_initial")
START = app(_1_initial=FIRST)


def run_git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def commit(folder: Path, files: Mapping[str, str | bytes], message: str) -> str:
    for path, source in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(str(source))
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "--message", message)
    return run_git(folder, "rev-parse", "HEAD")


SAFE = "false /dev/null explicit"
"""What `settings_seen` writes of a git that runs nothing which the repository names."""


def settings_seen(folder: Path) -> tuple[str, Path]:
    """A PATH with a git that writes down which settings each of its processes has, and where."""
    seen, wrapper = folder / "settings", folder / "seeing" / "git"
    wrapper.parent.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True).stdout.strip()
    names = ("core.fsmonitor", "core.hooksPath", "safe.bareRepository")
    asked = " ".join(f"$({real} -C / config --get {name})" for name in names)
    wrapper.write_text(f'#!/bin/sh\necho "{asked} | $*" >> {seen}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    return f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}", seen


class Shop(NamedTuple):
    """A repository on a server, with a pull request that collides with main."""

    server: Path
    start: str
    base: str
    head: str
    merge: str

    @property
    def origin(self) -> Path:
        return self.server / "octo" / "shop"

    def pull_request(self) -> dict[str, Any]:
        return {"pull_request": {"base": {"sha": self.base}, "head": {"sha": self.head}}}

    def checkout(self, folder: Path, sha: str, depth: int = 1) -> None:
        run_git(self.server, "init", "--quiet", str(folder))
        source = f"file://{self.origin}"
        flags = [f"--depth={depth}"] if depth else []
        run_git(folder, "fetch", "--quiet", "--no-tags", *flags, source, sha)
        run_git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    origin = tmp_path / "srv" / "octo" / "shop"
    origin.mkdir(parents=True)
    run_git(origin, "init", "--quiet", "--initial-branch=main")
    run_git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    start = commit(origin, START, "start")
    run_git(origin, "checkout", "--quiet", "-b", "topic")
    head = commit(origin, app(_2_discount=SECOND), "discount")
    run_git(origin, "checkout", "--quiet", "main")
    base = commit(origin, app(_2_stock=SECOND), "stock")
    run_git(origin, "checkout", "--quiet", "--detach", base)
    run_git(origin, "merge", "--quiet", "--no-ff", "--message=merge", head)
    merge = run_git(origin, "rev-parse", "HEAD")
    run_git(origin, "update-ref", "refs/pull/1/merge", merge)
    run_git(origin, "checkout", "--quiet", "main")
    return Shop(tmp_path / "srv", start, base, head, merge)


class Outcome(NamedTuple):
    """What a step leaves behind."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str
    report: dict[str, Any]


Step = Callable[..., Outcome]


@pytest.fixture
def step(tmp_path: Path, shop: Shop, capsys: pytest.CaptureFixture[str]) -> Step:
    """Runs the action in the workspace for an event, with inputs."""

    def run(workspace: Path, name: str, event: Mapping[str, Any], **more: str) -> Outcome:
        event_file = tmp_path / "event.json"
        event_file.write_text(json.dumps(event))
        output, summary = tmp_path / "output", tmp_path / "summary"
        output.write_text("")
        summary.write_text("")
        environ = {
            "PATH": os.environ["PATH"],
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(event_file),
            "GITHUB_SHA": shop.merge,
            "GITHUB_SERVER_URL": f"file://{shop.server}",
            "GITHUB_REPOSITORY": "octo/shop",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "INPUT_TOKEN": "ghs_secret",
            **more,
        }
        code = action.main(environ)
        found = re.findall(r"^([\w-]+)<<(\S+)\n(.*?)\n\2\n", output.read_text(), re.M | re.S)
        outputs = {key: value for key, _, value in found}
        path = workspace / outputs["report"] if "report" in outputs else None
        report = json.loads(path.read_text()) if path else {}
        return Outcome(code, capsys.readouterr().out, outputs, summary.read_text(), report)

    return run
