"""A stand-in for GitHub's runner and its git server, as close as they can be.

What the runner does is read off `ContainerActionHandler.cs` of actions/runner, and what a workspace
looks like off the log of actions/checkout: root in the container, a workspace that belongs to
uid 1001, one commit deep, the test merge of the pull request checked out without a branch.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNER_UID = 1001
REPOSITORY = "octo/shop"
TOKEN = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
COMMANDS = ("add_path_1", "save_state_1", "set_env_1", "set_output_1", "step_summary_1")

# Defaults of action.yml; tests/test_house.py holds the two equal.
EMPTY = (
    *("base", "select", "ignore", "fail-on", "sarif-file", "config"),
    *("plan", "reports", "label", "settings", "manage", "env", "python-version", "install"),
    "apt-packages",
)
INPUTS = {"path": ".", "comment": "auto", "mode": "all", "drift": "auto"} | dict.fromkeys(EMPTY, "")

MODEL = 'migrations.CreateModel("{name}", [("id", models.AutoField(primary_key=True))])'
MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [{dependencies}]
    operations = [{operations}]
"""


def migration(model: str, *after: str) -> str:
    """Text of a migration of the app `shop` that makes `model`."""
    dependencies = ", ".join(f'("shop", "{name}")' for name in after)
    return MIGRATION.format(dependencies=dependencies, operations=MODEL.format(name=model))


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *args], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


class PullRequest(NamedTuple):
    """Commit ids of a pull request, as GitHub has them."""

    base: str
    head: str
    merge: str


class Origin(NamedTuple):
    """A repository on a server that answers to `TOKEN` alone."""

    folder: Path
    server: Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{REPOSITORY}"

    @property
    def requests(self) -> list[str]:
        return self.server.requests

    def pull_request(self, files: Mapping[str, str | None]) -> PullRequest:
        """A pull request cut before main's last commit. None deletes a file."""
        base = git(self.folder, "rev-parse", "main")
        head = self.commit(f"{base}^", files, [f"{base}^"])
        merge = self.commit(base, files, [base, head])
        git(self.folder, "update-ref", "refs/pull/7/head", head)
        git(self.folder, "update-ref", "refs/pull/7/merge", merge)
        return PullRequest(base, head, merge)

    def commit(self, tree: str, files: Mapping[str, str | None], parents: list[str]) -> str:
        work = self.folder.parent / "work"
        git(self.folder, "worktree", "add", "--force", "--detach", str(work), tree)
        for name, text in files.items():
            path = work / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(work, "add", "--all")
        tree = git(work, "write-tree")
        git(self.folder, "worktree", "remove", "--force", str(work))
        options = [word for parent in parents for word in ("-p", parent)]
        return git(self.folder, "commit-tree", tree, *options, "-m", "A commit")


class Run(NamedTuple):
    """What one run of the action left behind."""

    code: int
    log: str
    """Both streams, as the runner reads them."""
    outputs: dict[str, str]
    summary: str
    runner: Runner

    def artifact(self, output: str) -> Any:
        """The JSON file that an output names, from the top of the workspace."""
        return json.loads((self.runner.workspace / self.outputs[output]).read_text())

    @property
    def annotations(self) -> list[str]:
        return [line for line in self.log.splitlines() if line.startswith(("::error", "::warning"))]


class Runner(NamedTuple):
    """One job: its folders, and the image it runs."""

    folder: Path
    image: str
    origin: Origin
    words: tuple[str, ...] = ()
    """More for ``docker run``."""
    argv: tuple[str, ...] = ()
    """For the container, behind its entry point."""

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def mounts(self) -> dict[str, Path]:
        return {
            "/github/runner_temp": self.folder / "temp",
            "/github/home": self.folder / "temp/_github_home",
            "/github/workflow": self.folder / "temp/_github_workflow",
            "/github/file_commands": self.folder / "temp/_runner_file_commands",
            "/github/workspace": self.workspace,
        }

    def checkout(self, commit: str) -> None:
        """What actions/checkout leaves: one commit, no branch, files of another user."""
        for folder in self.mounts().values():
            folder.mkdir(parents=True, exist_ok=True)
        git(self.workspace, "init", "--quiet", "--initial-branch=main")
        git(self.workspace, "remote", "add", "origin", self.origin.url)
        source = self.origin.folder.as_uri()
        git(self.workspace, "fetch", "--quiet", "--no-tags", "--depth=1", source, commit)
        git(self.workspace, "checkout", "--quiet", "--detach", commit)
        if os.geteuid() == 0:
            for path in [self.workspace, *self.workspace.rglob("*")]:
                os.lchown(path, RUNNER_UID, RUNNER_UID)

    def run(
        self,
        event: dict[str, Any],
        *,
        sha: str,
        name: str = "pull_request",
        inputs: dict[str, str] | None = None,
        network: str = "host",
        more: Mapping[str, str] | None = None,
        volumes: Mapping[str, Path] | None = None,
    ) -> Run:
        """Run the action. Inputs that are not given have the defaults of action.yml.

        `more` are variables and `volumes` mounts, by their place in the container.
        """
        event_file = self.folder / "temp/_github_workflow/event.json"
        event_file.write_text(json.dumps(event))
        commands = self.folder / "temp/_runner_file_commands"
        for command in (
            "set_output_1",
            "step_summary_1",
            "add_path_1",
            "set_env_1",
            "save_state_1",
        ):
            (commands / command).write_text("")
        environment = self._environment(name, sha) | _inputs(inputs or {}) | dict(more or {})
        words = ["docker", "run", "--rm", "--workdir=/github/workspace", f"--network={network}"]
        words += ["--env=HOME=/github/home", *(f"--env={key}" for key in environment)]
        mounts = self.mounts() | dict(volumes or {})
        words += [f"--volume={out}:{inside}" for inside, out in mounts.items()]
        done = subprocess.run(
            [*words, *self.words, self.image, *self.argv],
            env=os.environ | environment | {"HOME": os.environ["HOME"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        outputs = _key_values((commands / "set_output_1").read_text())
        summary = (commands / "step_summary_1").read_text()
        return Run(done.returncode, done.stdout, outputs, summary, self)

    def _environment(self, event: str, sha: str) -> dict[str, str]:
        server = urlsplit(self.origin.url)
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION": "__octo_remigrate",
            "GITHUB_ACTOR": "ada",
            "GITHUB_API_URL": f"{server.scheme}://{server.netloc}/api/v3",
            "GITHUB_BASE_REF": "main" if event == "pull_request" else "",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "GITHUB_JOB": "migrations",
            "GITHUB_OUTPUT": "/github/file_commands/set_output_1",
            "GITHUB_PATH": "/github/file_commands/add_path_1",
            "GITHUB_ENV": "/github/file_commands/set_env_1",
            "GITHUB_STATE": "/github/file_commands/save_state_1",
            "GITHUB_REF": "refs/pull/7/merge" if event == "pull_request" else "refs/heads/main",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "1",
            "GITHUB_SERVER_URL": f"{server.scheme}://{server.netloc}",
            "GITHUB_SHA": sha,
            "GITHUB_STEP_SUMMARY": "/github/file_commands/step_summary_1",
            "GITHUB_TRIGGERING_ACTOR": "ada",
            "GITHUB_WORKFLOW": "Migrations",
            "GITHUB_WORKSPACE": "/github/workspace",
            "RUNNER_ARCH": "X64",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": "/github/runner_temp",
        }


def _inputs(given: dict[str, str]) -> dict[str, str]:
    inputs = INPUTS | {"token": TOKEN} | given
    return {f"INPUT_{key.upper()}": value for key, value in inputs.items()}


def _key_values(text: str) -> dict[str, str]:
    """The file of the command set-output: ``key=value``, or ``key<<END``, lines, ``END``."""
    values: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        key, several, end = line.partition("<<")
        if several and "=" not in key:
            values[key] = "\n".join(iter(lambda: next(lines), end))
        else:
            key, _, values_text = line.partition("=")
            values[key] = values_text
    return values


class Server(ThreadingHTTPServer):
    """Serves the repositories in a folder over HTTP, and keeps what it was asked for."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), GitOverHttp)
        self.folder = folder
        self.requests: list[str] = []
        """Paths that were asked for with the token."""
        self.refused: list[str] = []
        """Paths that were asked for without it."""


class GitOverHttp(BaseHTTPRequestHandler):
    """`git http-backend` behind the door that GitHub has: Basic, with the token as the password."""

    server: Server

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        expected = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if (kind.lower(), given) != ("basic", expected):
            self.server.refused.append(self.path)
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="GitHub"')
            self.end_headers()
            return
        self.server.requests.append(self.path)
        head, _, content = self._backend(body).partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _backend(self, body: bytes) -> bytes:
        path, _, query = self.path.partition("?")
        environment = os.environ | {
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "PATH_INFO": path if ".git/" in path else path.replace(REPOSITORY, f"{REPOSITORY}.git"),
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "x-access-token",
            "REQUEST_METHOD": self.command,
        }
        return subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=True
        ).stdout

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr: the requests are kept in lists."""
