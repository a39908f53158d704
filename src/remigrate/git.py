"""Git: one small process for each question; `clone` is for what is written.

Nothing here changes a repository. Where git has to write objects to answer (merging two trees),
they go to a folder of their own that is removed afterwards.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from remigrate import process
from remigrate.errors import NetworkFailure, RepositoryFailure, UsageFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


SAFE = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "safe.bareRepository": "explicit",
}
"""Settings without which a repository that somebody else has written can have git run something."""


class Credentials(NamedTuple):
    """What lets git into a repository on GitHub. Only processes that talk to it get them, in their
    environment."""

    url: str
    token: str

    @property
    def _basic(self) -> str:
        import base64

        return base64.b64encode(f"x-access-token:{self.token}".encode()).decode()

    def given(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment with them."""
        header = {f"http.{self.url}.extraheader": f"AUTHORIZATION: basic {self._basic}"}
        return with_config(env, header if self.token else {})

    def hidden(self, said: str) -> str:
        """What git has said, without them."""
        for secret in (self.token, self._basic) if self.token else ():
            said = said.replace(secret, "***")
        return said


class Observed:
    """What was asked of the state of a repository that can change, and the answers.

    Commits and blobs never change under their ids; branches, the index and the work tree do. While
    every one of these answers stays the same, so does all that was made of them (`verdict`).
    """

    def __init__(self) -> None:
        self.answers: list[tuple[list[str], bytes, bytes]] = []
        """(command, standard input, standard output)."""
        self.files: dict[str, bytes | None] = {}
        """Content of other files that counted; None for one that was looked for in vain."""
        self.witness = b""
        """What the project's own code read, if it ran (`witness.encoded`)."""
        self.repeatable = True
        """False once content was used that no answer holds, as that of a changed file."""


class Repository(NamedTuple):
    """An opened repository: where it is, and the environment that git runs in."""

    path: str
    """What the user named."""
    top: str | None
    """Absolute top of the work tree; None for a bare repository."""
    prefix: str
    """Folder within the work tree that was asked for: empty, or ending in ``/``."""
    env: dict[str, str]
    shallow: bool
    """Whether history was cut off when it was cloned."""
    observed: Observed

    def start(self, *args: str) -> process.Running:
        """Start a git command whose result is wanted a little later."""
        return process.Running(["git", "-C", self.path, *args], self.env)

    def run(self, *args: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        """Output of a git command. Raises `RepositoryFailure` when it ends otherwise than `ok`."""
        return finish(process.Running(["git", "-C", self.path, *args], self.env, stdin), args, ok)

    def observe(self, *args: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        """The same for a command whose answer can change from one run to the next."""
        return self.noted(args, self.run(*args, stdin=stdin, ok=ok), stdin)

    def noted(self, args: tuple[str, ...], answer: bytes, stdin: bytes = b"") -> bytes:
        """Note an answer that can change."""
        self.observed.answers.append((["git", "-C", self.path, *args], stdin, answer))
        return answer

    def with_env(self, env: Mapping[str, str]) -> Repository:
        return self._replace(env={**self.env, **env})


def finish(running: process.Running, args: tuple[str, ...], ok: tuple[int, ...] = (0,)) -> bytes:
    """Wait for a git command that was started with `args`."""
    try:
        output = running.result()
    except process.TimedOut as error:
        raise RepositoryFailure(f"git {args[0]} did not answer in time") from error
    if output.code not in ok:
        said = output.stderr.decode("utf-8", "replace").strip() or f"exit status {output.code}"
        raise RepositoryFailure(f"git {args[0]} failed: {_last_line(said)}")
    return output.stdout


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith(("fatal:", "error:"))]
    return (lines or text.splitlines())[0].removeprefix("fatal: ").removeprefix("error: ")


def open_repository(path: str, environ: Mapping[str, str]) -> Repository:
    """The repository that `path` (a work tree, a folder in one, a bare repository) belongs to."""
    if not os.path.isdir(path):
        what = "is a file" if os.path.exists(path) else "does not exist"
        raise RepositoryFailure(
            f"{path} {what}", "Name a folder of a Django project, or a bare repository."
        )
    env = process.git_environment(environ)
    facts = ("--is-bare-repository", "--is-shallow-repository", "--show-prefix", "--show-toplevel")
    ask = ("rev-parse", *facts)
    try:
        output = process.run(["git", "-C", path, *ask], env)
    except FileNotFoundError as error:
        raise RepositoryFailure(
            "git is not installed, or not on PATH", "Install git: https://git-scm.com/downloads"
        ) from error
    except process.TimedOut as error:
        raise RepositoryFailure(f"git did not answer in {path}") from error
    lines = os.fsdecode(output.stdout).split("\n", 3)
    if output.code == 0:
        top, prefix = lines[3].removesuffix("\n"), lines[2]
    elif lines[0] == "true" or b"must be run in a work tree" in output.stderr:
        top, prefix = None, ""
    else:
        raise _not_opened(path, output.stderr.decode("utf-8", "replace").strip())
    found = Repository(path, top, prefix, env, lines[1] == "true", Observed())
    found.observed.repeatable = not found.shallow  # fetching more changes where commits meet
    found.noted(ask, output.stdout)
    return found


def _not_opened(path: str, said: str) -> RepositoryFailure:
    if "dubious ownership" in said:
        return RepositoryFailure(
            f"git refuses to read {path}: it belongs to another user",
            f"If you trust it: git config --global --add safe.directory {os.path.abspath(path)}",
        )
    if "not a git repository" in said:
        return RepositoryFailure(
            f"{os.path.abspath(path)} is not in a git repository",
            "Run remigrate inside one, name one as PATH, or start one with: git init",
        )
    return RepositoryFailure(f"git cannot read {path}: {_last_line(said or 'no reason given')}")


class Commit(NamedTuple):
    """A commit, and the parents it was written with (also those that a shallow clone lacks)."""

    sha: str
    parents: tuple[str, ...]


def commits(repository: Repository, revisions: list[str]) -> list[Commit]:
    """The commits that `revisions` name. Raises `RepositoryFailure` for the first unknown one."""
    for revision in revisions:
        if not revision or any(character in revision for character in "\n\0"):
            raise UsageFailure(
                f"{revision!r} is not a revision", "Name a branch, a tag or a commit."
            )
    questions = "".join(f"{revision}^{{commit}}\n" for revision in revisions)
    answer = repository.observe("cat-file", "--batch", stdin=os.fsencode(questions))
    found: list[Commit] = []
    for revision in revisions:
        header, _, answer = answer.partition(b"\n")
        fields = header.split(b" ")
        if len(fields) != 3 or fields[1] != b"commit":
            raise _unknown(repository, revision)
        size = int(fields[2])
        lines = answer[:size].partition(b"\n\n")[0].split(b"\n")
        parents = [line[7:].decode() for line in lines if line.startswith(b"parent ")]
        found.append(Commit(fields[0].decode(), tuple(parents)))
        answer = answer[size + 1 :]
    return found


def _unknown(repository: Repository, revision: str) -> RepositoryFailure:
    if repository.shallow:
        hint = f"This clone is shallow. Fetch it first: git fetch --depth=1 origin {revision}"
    else:
        there = default_branch(repository)
        hint = f"{there} is one. " if there != revision and _is_there(repository, there) else ""
        hint += "git branch --all and git log --oneline show what there is."
    return RepositoryFailure(f"unknown revision: {revision}", hint)


def head_commit(repository: Repository) -> str | None:
    """Commit id of HEAD; None before the first commit."""
    output = repository.observe("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1, 128))
    return output.decode().strip() or None


_BASES = ("origin/main", "origin/master", "main", "master")


def default_branch(repository: Repository) -> str:
    """The remote's own default branch, or whatever is there of what most people call theirs."""
    said = repository.run("rev-parse", "--abbrev-ref", "origin/HEAD", ok=(0, 128))
    told = os.fsdecode(said).strip()
    if told and told != "origin/HEAD":  # git repeats a name that it does not know
        return told
    for name in _BASES:
        if _is_there(repository, name):
            return name
    return _BASES[0]


def _is_there(repository: Repository, revision: str) -> bool:
    return bool(repository.run("rev-parse", "--verify", "--quiet", revision, ok=(0, 1)))


def merge_bases(repository: Repository, one: str, other: str) -> list[str]:
    """The best common ancestors of two commits; empty when they share no (known) history."""
    return repository.run("merge-base", "--all", one, other, ok=(0, 1)).decode().split()


def blobs(repository: Repository, oids: Iterable[str], limit: int) -> Iterator[tuple[str, bytes]]:
    """(id, content) of blobs, with one process for all. Content beyond `limit` bytes is cut off."""
    wanted = list(dict.fromkeys(oids))
    for start in range(0, len(wanted), 2000):
        part = wanted[start : start + 2000]
        answer = repository.run(
            "cat-file", "--batch", stdin="".join(f"{o}\n" for o in part).encode()
        )
        at = 0
        for oid in part:
            end = answer.index(b"\n", at)
            fields = answer[at:end].split(b" ")
            if len(fields) != 3:
                raise RepositoryFailure(
                    f"the object {oid} is missing from the repository",
                    "The clone is partial or damaged: git fsck tells which.",
                )
            size = int(fields[2])
            yield oid, answer[end + 1 : end + 1 + min(size, limit)]
            at = end + size + 2


def fetched(
    repository: Repository, url: str, name: str, token: str, folder: str
) -> tuple[Repository, str]:
    """The repository with one more commit (an id or a ref of the remote), and that commit's id.

    The commit is kept in `folder`: nothing is written to the repository's own.

    `token` reaches git in the environment of the one process that fetches. Raises `NetworkFailure`.
    """
    store = os.path.join(folder, "fetched.git")
    clean = {name: value for name, value in repository.env.items() if name in ("PATH", "HOME")}
    apart = process.git_environment(
        {**clean, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    )
    credentials = Credentials(url, token)
    _fetch(["git", "init", "--quiet", "--bare", store], apart, credentials)
    flags = ("--quiet", "--no-tags", "--depth=1", "--no-recurse-submodules")
    _fetch(
        ["git", "-C", store, "fetch", *flags, "--end-of-options", url, name],
        credentials.given(apart),
        credentials,
    )
    own = repository.env.get("GIT_ALTERNATE_OBJECT_DIRECTORIES")
    more = os.pathsep.join(filter(None, (os.path.join(store, "objects"), own)))
    sha = process.run(["git", "-C", store, "rev-parse", "FETCH_HEAD"], apart).stdout
    return repository.with_env({"GIT_ALTERNATE_OBJECT_DIRECTORIES": more}), sha.decode().strip()


def _fetch(argv: list[str], env: dict[str, str], credentials: Credentials) -> None:
    try:
        output = process.run(argv, env)
    except process.TimedOut as error:
        raise NetworkFailure("the remote did not answer in time") from error
    if output.code:
        said = output.stderr.decode("utf-8", "replace").strip() or f"exit status {output.code}"
        raise NetworkFailure(_last_line(credentials.hidden(said)))


def with_config(env: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment in which git has these settings, besides those of `env`."""
    count = int(env.get("GIT_CONFIG_COUNT", "0") or "0")
    added = dict(env)
    for at, (name, value) in enumerate(settings.items(), count):
        added |= {f"GIT_CONFIG_KEY_{at}": name, f"GIT_CONFIG_VALUE_{at}": value}
    return added | {"GIT_CONFIG_COUNT": str(count + len(settings))}


def has_commit(repository: Repository, sha: str) -> bool:
    """Whether the repository holds the commit `sha` (a full id)."""
    answer = repository.run("cat-file", "--batch-check", stdin=f"{sha}\n".encode())
    return answer.split()[1:2] == [b"commit"]
