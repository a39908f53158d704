"""Does Remigrate see the conflicts that Django sees in the merges that people really made?

    python benchmarks/real_merges.py REPOSITORY [--count N] [--one-sided N] [--since DATE]

REPOSITORY is a clone, bare or not; nothing is written into it. Each merge commit is taken apart
again: ``remigrate check --base <first parent> --head <second parent>`` on one side, on the other
the tree that git's automatic merge of the two gives, judged by Django's own loader. Merges where
both sides touched migrations, and merges where one did, are counted apart. Ends with 1 when the
two disagree anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests import judge  # noqa: E402 - the tests are beside us, and not installed

MIGRATIONS = ":(glob)**/migrations/*.py"
CODES = {"missing": "RM102", "no migrations": "RM102", "circle": "RM103"}
"""What Remigrate calls Django's errors."""


class Merge(NamedTuple):
    """A merge commit, and how many of its sides touched migrations."""

    commit: str
    base: str
    head: str
    sides: int


class Opinion(NamedTuple):
    """What somebody says about a merge; of packages and paths, so that labels cannot hide it."""

    conflicts: frozenset[str]
    """Migration packages with more than one leaf."""
    broken: frozenset[str]
    """Migration files that Python cannot read."""
    errors: frozenset[str]
    """Codes of what else keeps Django from loading the graph."""


class RemigrateFailed(Exception):
    """The command line gave no answer."""


class NotInClone(Exception):
    """The clone is partial, and git needs what it lacks."""


class Clone:
    """A repository to read; what git has to write goes to a folder of our own."""

    def __init__(self, path: str, scratch: str) -> None:
        self.path = path
        objects = self.git("rev-parse", "--path-format=absolute", "--git-path", "objects")
        own = os.path.join(scratch, "objects")
        os.makedirs(own)
        self._env = {
            **os.environ,
            "GIT_OBJECT_DIRECTORY": own,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects.decode().strip(),
        }
        self._declared: dict[str, judge.Declared] = {}
        self._labels: dict[str, str] = {}

    _env: dict[str, str] | None = None

    def git(self, *args: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        done = subprocess.run(
            ["git", "-C", self.path, *args], input=stdin, capture_output=True, env=self._env
        )
        if done.returncode not in ok:
            why = done.stderr.decode().strip()
            missing = "unable to read" in why
            raise (NotInClone if missing else RuntimeError)(f"git {args[0]}: {why}")
        return done.stdout

    def merges(self, since: str | None) -> Iterator[Merge]:
        """Merges of two branches with migrations, the newest first."""
        limit = [f"--since={since}"] if since else []
        two = ("--min-parents=2", "--max-parents=2")
        log = self.git("log", "--all", *two, "--format=%H %P", *limit).decode()
        for line in log.splitlines():
            commit, base, head = line.split()
            origins = self.git("merge-base", base, head, ok=(0, 1)).decode().split()
            sides = sum(self._touched(origins[0], side) for side in (base, head)) if origins else 0
            if sides:
                yield Merge(commit, base, head, sides)

    def _touched(self, before: str, after: str) -> bool:
        diff = ("diff", "--quiet", before, after, "--", MIGRATIONS)
        return before != after and self._answers(*diff)

    def _answers(self, *args: str) -> bool:
        return subprocess.run(["git", "-C", self.path, *args], env=self._env).returncode == 1

    def merged_files(self, merge: Merge) -> dict[str, str]:
        """Path to blob of what git's automatic merge gives, conflict markers and all."""
        args = ("merge-tree", "--write-tree", "--no-messages", merge.base, merge.head)
        tree = self.git(*args, ok=(0, 1)).split(b"\n", 1)[0].decode()
        files = {}
        for line in self.git("ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0")[:-1]:
            mode, _, rest = line.partition(b" ")
            path = os.fsdecode(rest.partition(b"\t")[2])
            if mode.startswith(b"100") and path.endswith(".py"):
                files[path] = rest.split(b" ", 1)[1][:40].decode()
        return files

    def apps(self, files: dict[str, str]) -> list[judge.App]:
        """The apps of a tree; every content is run once, whatever tree it comes up in."""
        packages = judge.packages(files)
        modules = [path for found in packages.values() for path in found]
        configs = [path for path in map(judge.apps_file, packages) if path in files]
        fresh = {files[path] for path in modules} - self._declared.keys()
        self._declared.update(judge.declared(self._contents(fresh)))
        fresh = {files[path] for path in configs} - self._labels.keys()
        self._labels.update(judge.labels(self._contents(fresh)))
        declared = {path: self._declared[files[path]] for path in modules}
        return judge.apps(files, declared, {path: self._labels[files[path]] for path in configs})

    def _contents(self, blobs: Iterable[str]) -> dict[str, bytes]:
        asked = sorted(blobs)
        answer = self.git("cat-file", "--batch", stdin="".join(f"{b}\n" for b in asked).encode())
        found = {}
        for blob in asked:
            header, _, answer = answer.partition(b"\n")
            size = int(header.split()[2])
            found[blob], answer = answer[:size], answer[size + 1 :]
        return found


def django(apps: list[judge.App]) -> Opinion:
    """What Django makes of the merged tree."""
    verdicts = judge.judge_apps(apps)
    return Opinion(
        frozenset(
            app.package for app in apps if len(verdicts[app.package].leaves.get(app.label, ())) > 1
        ),
        frozenset(
            f"{app.package}/{name}.py"
            for app in apps
            for name, found in app.migrations.items()
            if found.error.startswith("syntax")
        ),
        frozenset(CODES[verdict.error] for verdict in verdicts.values() if verdict.error),
    )


def remigrate(clone: Clone, merge: Merge, cache: str) -> Opinion:
    """What the command line says about the two parents."""
    command = [sys.executable, "-m", "remigrate", "check", clone.path, "--format", "json"]
    env = {**os.environ, "XDG_CACHE_HOME": cache}
    done = subprocess.run(
        [*command, "--base", merge.base, "--head", merge.head], capture_output=True, env=env
    )
    if done.returncode not in (0, 1) or not done.stdout:
        lines = done.stderr.decode().strip().splitlines()
        raise RemigrateFailed(f"exit code {done.returncode}: {lines[-1] if lines else 'no reason'}")
    findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    paths: dict[str, set[str]] = {}
    for one in findings:
        if "class Migration" not in one["message"]:  # RM106 is also for files without one
            paths.setdefault(one["code"], set()).add(one["path"])
    return Opinion(
        frozenset(path.rpartition("/")[0] for path in paths.get("RM101", ())),
        frozenset(paths.get("RM106", ())),
        frozenset(paths.keys() & set(CODES.values())),
    )


def compare(merge: Merge, apps: list[judge.App], theirs: Opinion, ours: Opinion) -> list[str]:
    """Where the two differ, in words. Apps that Django cannot load are not asked for leaves."""
    said = []
    unloadable = {
        app.package for app in apps if any(found.error for found in app.migrations.values())
    }
    for package in sorted((theirs.conflicts ^ ours.conflicts) - unloadable):
        who = "Django" if package in theirs.conflicts else "Remigrate"
        said.append(f"{package}: only {who} sees a conflict")
    for path in sorted(theirs.broken ^ ours.broken):
        who = "Django" if path in theirs.broken else "Remigrate"
        said.append(f"{path}: only {who} cannot read it")
    for code in sorted(theirs.errors ^ ours.errors):
        who = "Django" if code in theirs.errors else "Remigrate"
        said.append(f"{code}: only {who} finds one")
    return [f"{merge.commit[:12]} {line}" for line in said]


def examine(path: str, wanted: dict[int, int], since: str | None) -> int:
    """Print the table for one repository; how many disagreements there are."""
    counts: dict[int, Counter[str]] = {2: Counter(), 1: Counter()}
    disagreements: list[str] = []
    with tempfile.TemporaryDirectory(prefix="real-merges-") as scratch:
        clone = Clone(path, scratch)
        for merge in clone.merges(since):
            count = counts[merge.sides]
            if count["merges examined"] >= wanted[merge.sides]:
                if all(counts[sides]["merges examined"] >= wanted[sides] for sides in counts):
                    break
                continue
            try:
                apps = clone.apps(clone.merged_files(merge))
            except NotInClone:
                count["left out: not all there"] += 1
                continue
            theirs = django(apps)
            try:
                found = compare(merge, apps, theirs, remigrate(clone, merge, scratch))
            except RemigrateFailed as error:
                found = [f"{merge.commit[:12]} {error}"]
            count["merges examined"] += 1
            count["agreeing"] += not found
            count["with an app in conflict"] += bool(theirs.conflicts)
            count["with unreadable files"] += bool(theirs.broken)
            count["with other errors"] += bool(theirs.errors)
            count["apps compared"] += len(apps)
            disagreements += found
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    show(counts, disagreements)
    return len(disagreements)


def show(counts: dict[int, Counter[str]], disagreements: list[str]) -> None:
    print(f"{'migrations touched by':26}{'both sides':>12}{'one side':>12}")
    rows = ("merges examined", "agreeing", "with an app in conflict", "with unreadable files")
    for row in (*rows, "with other errors", "apps compared", "left out: not all there"):
        print(f"{row:26}{counts[2][row]:12}{counts[1][row]:12}")
    print("disagreements:", *(disagreements or ["none"]), sep="\n  ")


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("repository")
    parser.add_argument("--count", type=int, default=100, help="merges that both sides touched")
    parser.add_argument("--one-sided", type=int, default=0, help="merges that one side touched")
    parser.add_argument("--since", help="as git log understands it")
    given = parser.parse_args()
    wanted = {2: given.count, 1: given.one_sided}
    return 1 if examine(given.repository, wanted, given.since) else 0


if __name__ == "__main__":
    sys.exit(main())
