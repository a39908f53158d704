"""A bare git repository as GitHub keeps one: branches, and two refs for each pull request."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ZERO = "0" * 40

_HOOK = """\
#!/bin/sh
# What GitHub says to a push to a protected branch.
if grep -Fxq -- "$1" "$GIT_DIR/protected" 2>/dev/null; then
    echo "error: GH006: Protected branch update failed for $1." >&2
    exit 1
fi
"""
_TIMEOUT = 120


def environment(**more: str) -> dict[str, str]:
    """For git: no settings of this machine or of its user."""
    nobody = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return kept | nobody | more


class Person(NamedTuple):
    """Who made a commit."""

    name: str
    email: str
    when: int
    """Seconds since 1970."""


class Commit(NamedTuple):
    """A commit, as the API tells it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


Status = Literal["added", "modified", "removed", "renamed"]
_STATUSES: dict[str, Status] = {"A": "added", "D": "removed", "M": "modified", "T": "modified"}


class Changed(NamedTuple):
    """A file that differs between two commits."""

    path: str
    status: Status
    sha: str
    """Of what is there now; of what was there, for a removed file."""
    previous: str
    """Its old path, if it was renamed."""
    additions: int
    deletions: int


class Repository(NamedTuple):
    """One repository on disk, and who it belongs to."""

    id: int
    owner: str
    name: str
    folder: Path
    is_fork: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def git(self, *args: str, data: bytes = b"", identity: Mapping[str, str] | None = None) -> str:
        """What git prints. Raises `subprocess.CalledProcessError`."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *args],
            input=data,
            env=environment(**(identity or {})),
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        )
        return done.stdout.decode(errors="surrogateescape").strip()

    def _answers(self, *args: str) -> str:
        """What git prints, or nothing when it says no."""
        try:
            return self.git(*args)
        except subprocess.CalledProcessError as error:
            if error.returncode == 1 or (error.returncode == 128 and "rev-parse" in args):
                return ""
            raise

    # Refs

    def refs(self) -> dict[str, str]:
        """All refs with their objects."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(tuple(line.split(" ", 1)) for line in lines)  # type: ignore[misc]

    def commit_id(self, name: str) -> str:
        """Id of the commit that a branch or an id names; empty if there is none."""
        for ref in (f"refs/heads/{name}", name):
            found = self._answers("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
            if found:
                return found
        return ""

    def move(self, ref: str, commit: str) -> None:
        """Let a ref name a commit; no commit deletes it."""
        self.git(*(("update-ref", ref, commit) if commit else ("update-ref", "-d", ref)))

    def take(self, other: Repository, commit: str, ref: str) -> None:
        """Have a commit of another repository here, under a ref."""
        self.git("fetch", "--quiet", "--no-tags", str(other.folder), f"+{commit}:{ref}")

    def protect(self, branch: str) -> None:
        """Refuse pushes to a branch."""
        with (self.folder / "protected").open("a") as file:
            file.write(f"refs/heads/{branch}\n")

    # Commits

    def commit(
        self,
        branch: str,
        files: Mapping[str, str | None],
        message: str,
        by: Person,
        onto: str = "",
    ) -> str:
        """A new commit on a branch, which `onto` starts if it is new. None deletes a file."""
        before = self.commit_id(f"refs/heads/{branch}") or (onto and self.commit_id(onto))
        who = f"{by.name} <{by.email}> {by.when} +0000"
        lines = [f"commit refs/heads/{branch}", f"author {who}", f"committer {who}", _data(message)]
        lines += [f"from {before}"] if before else []
        for path, text in files.items():
            lines.append(f"D {path}" if text is None else f"M 100644 inline {path}\n{_data(text)}")
        stream = "\n".join([*lines, "", "done", ""]).encode(errors="surrogateescape")
        self.git("fast-import", "--quiet", "--done", data=stream)
        return self.commit_id(f"refs/heads/{branch}")

    def merged(self, base: str, head: str, message: str, by: Person) -> str:
        """A merge of `head` into `base`, on no branch; empty if they conflict, or share nothing."""
        if not self.merge_base(base, head):
            return ""
        tree = self._answers("merge-tree", "--write-tree", "--no-messages", base, head)
        if not tree or "\n" in tree:
            return ""
        who = {"NAME": by.name, "EMAIL": by.email, "DATE": f"@{by.when} +0000"}
        words = ("commit-tree", tree, "-p", base, "-p", head, "-m", message)
        roles = ("GIT_AUTHOR", "GIT_COMMITTER")
        identity = {f"{role}_{key}": value for role in roles for key, value in who.items()}
        return self.git(*words, identity=identity)

    def merge_base(self, one: str, other: str) -> str:
        return self._answers("merge-base", one, other)

    def is_ancestor(self, commit: str, of: str) -> bool:
        return self.merge_base(commit, of) == commit

    def since(self, base: str, head: str) -> list[str]:
        """Commits of `head` that `base` does not have, oldest first."""
        return self.git("rev-list", "--reverse", "--topo-order", head, f"^{base}").splitlines()

    def read(self, commits: Iterable[str]) -> list[Commit]:
        """The commits with these ids."""
        wanted = list(commits)
        if not wanted:
            return []
        form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x01"
        text = self.git("log", "--no-walk=unsorted", f"--format={form}", *wanted)
        return [_commit(part.strip("\n")) for part in text.split("\x01") if part.strip()]

    # Files

    def changes(self, base: str, head: str) -> list[Changed]:
        """What `head` has changed since it left `base`."""
        start = self.merge_base(base, head) or base
        options = ("-r", "-z", "--no-abbrev", "--find-renames", start, head)
        raw = self.git("diff-tree", "--raw", *options).split("\0")
        counts = _counts(self.git("diff-tree", "--numstat", *options).split("\0"))
        fields = iter(raw)
        found = []
        for field in fields:
            if field.startswith(":"):
                _, _, old, new, kind = field.split(" ")
                previous = next(fields) if kind[0] in "RC" else ""
                path = next(fields)
                status = _STATUSES.get(kind[0], "renamed")
                sha = old if status == "removed" else new
                found.append(Changed(path, status, sha, previous, *counts.get(path, (0, 0))))
        return found

    def patch(self, base: str, head: str, path: str) -> str:
        """The hunks of one file."""
        start = self.merge_base(base, head) or base
        text = self.git("diff", "--no-color", "--no-ext-diff", start, head, "--", path)
        return text[text.index("@@") :] if "@@" in text else ""

    def line_now(self, before: str, now: str, path: str, line: int) -> int | None:
        """Where a line of a file is in a later commit; None where it is not as it was."""
        text = self.git("diff", "--no-color", "--no-ext-diff", "-U0", before, now, "--", path)
        moved = line
        for found in re.finditer(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@", text, re.MULTILINE):
            start, gone, come = (int(each or 1) for each in found.groups())
            if start <= line < start + gone:
                return None
            moved += come - gone if start < line else 0
        return moved

    def lines_shown(self, base: str, head: str, path: str) -> set[int]:
        """Numbers of the new lines that the diff of a file shows: where a review can say
        something."""
        shown: set[int] = set()
        line = 0
        for text in self.patch(base, head, path).split("\n"):
            hunk = re.match(r"@@ -\S+ \+(\d+)", text)
            if hunk:
                line = int(hunk[1])
            elif text[:1] in ("+", " "):
                shown.add(line)
                line += 1
        return shown


def create(
    folder: Path, id: int, owner: str, name: str, like: Repository | None = None
) -> Repository:
    """A new repository below `folder`: empty, or a fork."""
    made = Repository(id, owner, name, folder / owner / f"{name}.git", like is not None)
    made.folder.mkdir(parents=True)
    made.git("init", "--quiet", "--bare", "--initial-branch=main")
    if like is not None:
        made.git("fetch", "--quiet", str(like.folder), "+refs/heads/*:refs/heads/*")
    # As GitHub allows it: any commit that some ref can reach may be asked for by its id.
    for key in ("allowReachableSHA1InWant", "allowFilter"):
        made.git("config", f"uploadpack.{key}", "true")
    made.git("config", "http.receivepack", "true")
    hook = made.folder / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_HOOK)
    hook.chmod(0o755)
    return made


def _data(text: str) -> str:
    return f"data {len(text.encode(errors='surrogateescape'))}\n{text}"


def _commit(text: str) -> Commit:
    sha, tree, parents, *people, message = text.split("\0")
    author, committer = (
        Person(name, email, int(when)) for name, email, when in (people[:3], people[3:])
    )
    return Commit(sha, tree, tuple(parents.split()), author, committer, message.strip("\n"))


def _counts(fields: list[str]) -> dict[str, tuple[int, int]]:
    """Added and removed lines by path, out of what ``--numstat -z`` prints."""
    found = {}
    rest = iter(fields)
    for field in rest:
        if not field:
            continue
        added, removed, path = field.split("\t")
        if not path:  # a rename: the old and the new path follow
            next(rest)
            path = next(rest)
        found[path] = (int(added) if added != "-" else 0, int(removed) if removed != "-" else 0)
    return found
