"""Repositories of our own: a clone of one on GitHub, to fetch, merge, look, commit and push.

A clone lies in a folder that nobody else can enter. What it holds is a pull request's, so nothing
of it is run or followed: no hooks, no filters, no links, no configuration but ours. The token is in
the environment of those git processes that talk to GitHub, and nowhere else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from remigrate import git, process, scratch
from remigrate.errors import NetworkFailure, RepositoryFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from git import Repo

NAME, ADDRESS = "Remigrate", "remigrate@localhost"
"""Who commits: nobody that GitHub knows."""
TRAILER = "Remigrate-Head"
"""Of our commits: the commit of the pull request that they were made from."""

_KEPT = (
    *("PATH", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY"),
)
_NEVER = "remigrate/never"
"""A branch that nobody makes."""
_DEPTHS = (50, 500, 5_000)
"""Commits to fetch at most before all are; most pull requests are cut from the last few."""
_PATIENCE = 600.0
"""Seconds for git to talk to GitHub; the first fetch of a large repository takes minutes."""
_PUSHING = 120.0
"""The same for a commit of a few files. When an answer is cut off, git itself may wait forever."""
_OURS = {
    **git.SAFE,
    "core.symlinks": "false",
    "submodule.recurse": "false",
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "protocol.http.allow": "always",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgSign": "false",
    "merge.renames": "true",
    "user.name": NAME,
    "user.email": ADDRESS,
}


class Conflict(RepositoryFailure):
    """Git cannot merge two commits by itself."""


class Moved(NetworkFailure):
    """Somebody else has pushed to the branch meanwhile; nothing was changed."""


class Rejected(NetworkFailure):
    """GitHub does not take a push; nothing was changed."""


class Tip(NamedTuple):
    """The last commit of a branch on GitHub."""

    sha: str
    made_from: str
    """The commit that we made it from; empty when somebody else made it."""


class Clone:
    """Our clone of one repository. Raises `NetworkFailure` where GitHub does not answer."""

    def __init__(self, folder: str, url: str, token: str, environ: Mapping[str, str]) -> None:
        """A new one in the new folder `folder`, with nothing fetched yet."""
        import git as gitpython  # a tenth of a second, and only the bot writes

        self._url, self._credentials = url, git.Credentials(url, token)
        os.mkdir(folder, 0o700)
        self._top = os.path.join(folder, "tree")
        os.mkdir(self._top, 0o700)
        kept = {name: environ[name] for name in _KEPT if name in environ}
        own = {
            **kept,
            "HOME": folder,
            "GIT_DIR": os.path.join(folder, "git"),
            "GIT_WORK_TREE": self._top,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }
        self._env = process.git_environment(git.with_config(own, _OURS))
        self._git("init", "--quiet", "--initial-branch=ours")
        self._repo: Repo = gitpython.Repo(own["GIT_DIR"])
        self._repo.git.update_environment(**self._env)

    def close(self) -> None:
        """End the processes that GitPython keeps."""
        self._repo.close()

    # From GitHub

    def fetch(self, base: str, *heads: str, whole: bool = True) -> None:
        """Get commits, with enough history to tell where each of `heads` parted from `base`; all
        history if need be, unless `whole` is false."""
        for depth in (*_DEPTHS, None):
            reach = [f"--depth={depth}"] if depth else ["--unshallow"]
            if depth is None and not (whole and self._is_shallow()):
                return
            flags = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
            self._remote("fetch", *flags, *reach, "--end-of-options", self._url, base, *heads)
            heads = tuple(each for each in heads if not self.start(base, each))
            if not heads:
                return

    def _is_shallow(self) -> bool:
        return os.path.exists(os.path.join(self._env["GIT_DIR"], "shallow"))

    def tip(self, branch: str) -> Tip | None:
        """The last commit of a branch as GitHub has it now; None where there is no such branch."""
        ref = f"refs/heads/{branch}"
        said = self._remote("ls-remote", "--end-of-options", self._url, ref)
        found = [line.split("\t")[0] for line in said.splitlines() if line.endswith(f"\t{ref}")]
        if not found:
            return None
        flags = ("--quiet", "--no-tags", "--no-recurse-submodules", "--depth=2")
        self._remote("fetch", *flags, "--end-of-options", self._url, found[0])
        return Tip(found[0], self._made_from(found[0]))

    def _made_from(self, sha: str) -> str:
        """What a commit of ours was made from: it says so, and its only parent says the same."""
        commit = self._repo.commit(sha)
        lines = str(commit.message).splitlines()
        said = [line for line in lines if line.startswith(f"{TRAILER}: ")]
        parents = [parent.hexsha for parent in commit.parents]
        ours = (commit.author.email, commit.committer.email) == (ADDRESS, ADDRESS)
        return (
            parents[0]
            if ours and len(parents) == 1 and said == [f"{TRAILER}: {parents[0]}"]
            else ""
        )

    # Here

    def start(self, base: str, head: str) -> str:
        """Where two commits parted; empty where nobody knows."""
        return self._ask("merge-base", base, head, ok=(0, 1))

    def opened(self, prefix: str = "") -> git.Repository:
        """The clone, to read its commits; `prefix` is a folder, with ``/`` at the end."""
        path = self._env["GIT_DIR"]
        return git.Repository(path, None, prefix, self._env, shallow=True, observed=git.Observed())

    def merged(self, base: str, head: str) -> str:
        """The commit that merges `head` into `base`, never pushed; `head` when it holds base.

        Raises `Conflict`, which names files.
        """
        if self.start(base, head) == base:
            return head
        args = ("merge-tree", "--write-tree", "--name-only", "--no-messages", base, head)
        output = self._run(args, self._env)
        tree, *paths = os.fsdecode(output.stdout).splitlines()
        if output.code == 1:
            raise Conflict(
                f"git cannot merge the pull request into its base: {', '.join(paths[:5])}",
                "Settle these conflicts first; those between migrations are not among them "
                "as long as their files have different names.",
            )
        if output.code:
            raise RepositoryFailure(f"git merge-tree failed: {self._words(output.stderr)}")
        return self._ask(
            "commit-tree", tree, "-p", base, "-p", head, "-m", "Merged to be looked at"
        )

    def look(self, sha: str) -> git.Repository:
        """The clone with the files of a commit in its work tree, but for links and submodules."""
        self._git("update-ref", "--no-deref", "HEAD", sha)
        self._git("read-tree", sha)
        opened = self.opened()
        os.rmdir(self._top)
        scratch.write(opened, sha, self._top, os.geteuid(), links=False)
        return opened._replace(path=self._top, top=self._top)

    def changed(self, one: str, other: str) -> list[str]:
        """Paths that differ between two commits."""
        found = self._ask("diff-tree", "-r", "-z", "--no-renames", "--name-only", one, other)
        return [path for path in found.split("\0") if path]

    def content(self, sha: str, path: str) -> tuple[int, bytes] | None:
        """Mode and content of a file of a commit; None where there is none."""
        try:
            blob = self._repo.commit(sha).tree / path
        except KeyError:
            return None
        if blob.type != "blob":
            return None
        data: bytes = blob.data_stream.read()
        return blob.mode, data

    def commit(self, parent: str, files: Mapping[str, bytes | None], message: str) -> str:
        """A commit on `parent` that holds `files` (None for one that goes), exactly as they are.

        The same files on the same parent give the same commit.
        """
        from io import BytesIO

        from git import Actor, Commit, IndexFile
        from git.index.typ import BaseIndexEntry, IndexEntry
        from gitdb.base import IStream

        before = self._repo.commit(parent)
        index = IndexFile.from_tree(self._repo, before)
        for path, content in files.items():
            if content is None:
                del index.entries[path, 0]
                continue
            stored = self._repo.odb.store(IStream("blob", len(content), BytesIO(content)))
            entry = BaseIndexEntry((0o100644, stored.binsha, 0, path))
            index.entries[path, 0] = IndexEntry.from_base(entry)
        us = Actor(NAME, ADDRESS)
        made = Commit.create_from_tree(
            self._repo,
            index.write_tree(),
            f"{message.rstrip()}\n\n{TRAILER}: {parent}\n",
            parent_commits=[before],
            author=us,
            committer=us,
            author_date=before.committed_datetime,
            commit_date=before.committed_datetime,
        )
        return made.hexsha

    def patch(self, sha: str) -> bytes:
        """What a commit changes, as ``git apply`` takes it, whatever attributes the files have."""
        flags = ("--text", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
        output = self._run(("diff", *flags, "--full-index", f"{sha}^", sha), self._env)
        if output.code:
            raise RepositoryFailure(f"git diff failed: {self._words(output.stderr)}")
        return output.stdout

    # To GitHub

    def may_push(self) -> bool:
        """Whether the token may write to the repository: GitHub is asked, and nothing is sent."""
        nothing = f":refs/heads/{_NEVER}"
        output = self._talk(("push", "--dry-run", "--no-verify", self._url, nothing))
        said = self._words(output.stderr)
        if output.code in (0, 1):  # 1: there is no such branch
            return True
        if "The requested URL returned error: 403" in said:
            return False
        raise NetworkFailure(f"what the token may do cannot be asked: {_reason(said)}")

    def push(self, sha: str, branch: str, old: str | None) -> None:
        """Let a branch on GitHub be `sha`, if it is still `old` (None: not there).

        Raises `Moved` and `Rejected`; then nothing was changed.
        """
        self._send(f"{sha}:refs/heads/{branch}", branch, old)

    def delete(self, branch: str, old: str) -> None:
        """Delete a branch on GitHub, if it is still `old`. Raises `Moved` and `Rejected`."""
        self._send(f":refs/heads/{branch}", branch, old)

    def _send(self, refspec: str, branch: str, old: str | None) -> None:
        lease = f"--force-with-lease=refs/heads/{branch}:{old or ''}"
        flags = ("--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no", lease)
        words = ("push", *flags, "--end-of-options", self._url, refspec)
        output = self._talk(words, _PUSHING)
        if output.code == 0:
            return
        said = self._words(output.stdout + b"\n" + output.stderr)
        if "stale info" in said:
            raise Moved(f"the branch {branch} has changed meanwhile", "Give the command again.")
        if "[rejected]" in said or "[remote rejected]" in said or "declined" in said:
            raise Rejected(
                f"GitHub does not take the branch {branch}: {_reason(said)}", _cure(said)
            )
        raise NetworkFailure(f"the branch {branch} cannot be pushed: {_reason(said)}", _cure(said))

    # Git

    def _git(self, *args: str) -> None:
        self._ask(*args)

    def _ask(self, *args: str, ok: tuple[int, ...] = (0,)) -> str:
        output = self._run(args, self._env)
        if output.code not in ok:
            raise RepositoryFailure(f"git {args[0]} failed: {self._words(output.stderr)}")
        return os.fsdecode(output.stdout).strip()

    def _remote(self, *args: str) -> str:
        output = self._talk(args)
        if output.code:
            raise NetworkFailure(
                f"git {args[0]}: {_reason(self._words(output.stderr))}",
                "The job's token needs `contents: read` (below `permissions:`).",
            )
        return os.fsdecode(output.stdout)

    def _talk(self, args: Sequence[str], patience: float = _PATIENCE) -> process.Output:
        return self._run(args, self._credentials.given(self._env), patience)

    def _run(
        self, args: Sequence[str], env: dict[str, str], patience: float = process.TIMEOUT
    ) -> process.Output:
        try:
            return process.run(["git", *args], env, timeout=patience)
        except process.TimedOut as error:
            raise NetworkFailure(f"git {args[0]} took more than {patience:g} seconds") from error

    def _words(self, said: bytes) -> str:
        return self._credentials.hidden(said.decode("utf-8", "replace").strip())


class Scratch:
    """A repository of our own making, with files of our own: for a demonstration."""

    def __init__(self, folder: str, branch: str) -> None:
        import git as gitpython  # a tenth of a second: only where something is written

        self._folder = folder
        self._author = gitpython.Actor("Remigrate", "remigrate@localhost")
        # Neither settings of the user nor the repository whose hook runs us have a say here.
        own = {
            "GIT_DIR": os.path.join(folder, ".git"),
            "GIT_WORK_TREE": folder,
            "GIT_INDEX_FILE": os.path.join(folder, ".git", "index"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        gitpython.Git(folder).init(initial_branch=branch, env=own)
        self._repository = gitpython.Repo(folder)
        self._repository.git.update_environment(**own)

    def commit(self, files: Mapping[str, str], message: str, removed: Iterable[str] = ()) -> str:
        """Commit `files` (text by path), without those `removed`, on the current branch.

        Returns the commit's id.
        """
        for path, text in files.items():
            place = os.path.join(self._folder, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as file:
                file.write(text)
        self._repository.index.add(list(files))
        if gone := list(removed):
            self._repository.index.remove(gone, working_tree=True)
        return self._repository.index.commit(
            message, author=self._author, committer=self._author, skip_hooks=True
        ).hexsha

    def branch(self, name: str, start: str) -> None:
        """Make the branch `name` at `start` and check it out."""
        self._repository.create_head(name, start).checkout()

    def checkout(self, name: str) -> None:
        """Check out a branch."""
        self._repository.heads[name].checkout()

    def close(self) -> None:
        """End the processes that GitPython keeps."""
        self._repository.close()


_THEIRS = "remote: error: "


def _reason(said: str) -> str:
    """The lines that tell why: GitHub's own, or else those of git."""
    lines = [line.replace("\t", " ").strip() for line in said.splitlines()]
    theirs = [line.removeprefix(_THEIRS) for line in lines if line.startswith(_THEIRS)]
    ours = [line for line in lines if line.startswith(("fatal:", "error:", "! "))]
    return "; ".join((theirs or ours)[:3] or lines[-1:] or ["no reason given"])[:500]


def _cure(said: str) -> str:
    if "refusing to allow" in said and "workflow" in said:
        return (
            "A token of a workflow may not push changes of workflows: this is a bug of remigrate."
        )
    if "protected branch" in said or "GH006" in said or "GH013" in said:
        return "Let the job push branches called remigrate/*: Settings, Rules, or Branches."
    if "403" in said or "denied" in said or "Authentication failed" in said:
        return "Give the job's token the permission `contents: write` (below `permissions:`)."
    return "Run the job again."
