"""How fast is `remigrate check`? Prints one table of ratios, with what was promised beside them.

    python benchmarks/run.py [--only NAME]... [--rounds N]

Ends with 0 when every promise holds, with 1 when one does not, with 2 when something could not be
measured. What it needs is installed and kept in a folder of its own: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import environments, growth, projects, repositories, table  # noqa: E402
from benchmarks.measure import Command, Failed, costs, environment, say  # noqa: E402
from benchmarks.table import Bound, Row  # noqa: E402

GROWTH = "growth"
OFTEN = 4
"""Runs in each round of what takes milliseconds, for one of what takes seconds."""

PYTHON = "python -c pass"
MAKEMIGRATIONS = "makemigrations --check --dry-run"
COLD, EMPTY, CHANGED = "check --no-cache", "check, empty cache", "check, one file changed"
WARM = "check, warm"
BASE = "check --base --no-cache"
GROWING = (COLD, EMPTY, CHANGED, BASE)
"""What has to look at every migration; from the warm path git alone remains, and little of it."""
SIZES = (100, 1_000, 10_000)

WANTED = {
    ("django-oscar", COLD): Bound(least=15),
    ("django-oscar", EMPTY): Bound(least=15),
    **{
        (project, what): Bound(least=least)
        for project in ("pretix", "label-studio")
        for what, least in ((COLD, 40.0), (EMPTY, 40.0), (WARM, 50.0))
    },
}
"""By project and way to ask: how many times faster than Django."""
START = Bound(most=3.5)
MEMORY = Bound(most=150, unit="MiB")
FLAT = Bound(most=1.25)


class Bench(NamedTuple):
    """What all measurements share."""

    remigrate: str
    python: str
    scratch: Path
    rounds: int

    def check(self, tree: Path, *args: str, empty: bool = False) -> Command:
        """One check of `tree`; with `empty`, next to a cache that has never been used."""
        home = self.scratch / tree.parent.name
        command = Command((self.remigrate, "check", *args), tree, environment(home), (0, 1))
        if not empty:
            return command
        cache = home / "empty"
        return command._replace(
            env={**command.env, "XDG_CACHE_HOME": str(cache)},
            before=lambda: shutil.rmtree(cache, ignore_errors=True),
        )

    def variants(self, tree: Path) -> dict[str, Command]:
        """The ways to ask that are measured everywhere, by what they are called in the table."""
        base = ("--base", repositories.BASE)
        return {
            PYTHON: Command((self.python, "-c", "pass"), tree, environment(self.scratch)),
            COLD: self.check(tree, "--no-cache"),
            EMPTY: self.check(tree, empty=True),
            CHANGED: self.check(repositories.changed(tree)),
            WARM: self.check(tree),
            "check --index, warm": self.check(tree, "--index"),
            BASE: self.check(tree, *base, "--no-cache"),
            "check --base, empty cache": self.check(tree, *base, empty=True),
            "check --base, warm": self.check(tree, *base),
        }


def real(project: projects.Project, bench: Bench) -> list[Row]:
    """One published project against its own ``makemigrations``."""
    ready = projects.prepared(project, bench.remigrate)
    commands = {MAKEMIGRATIONS: ready.makemigrations, **bench.variants(ready.tree)}
    often = {what: OFTEN for what in commands if what != MAKEMIGRATIONS}
    found = costs(commands, often, bench.rounds)
    title = f"{project.name} {project.requirements[0].partition('==')[2]}"
    rows = [Row(title, what, found[what]) for what in (PYTHON, MAKEMIGRATIONS)]
    for what in commands.keys() - {PYTHON, MAKEMIGRATIONS}:
        bound = WANTED.get((project.name, what), Bound())
        rows.append(table.faster(title, what, found[what], found[MAKEMIGRATIONS], bound))
    rows.sort(key=lambda row: list(commands).index(row.what))
    return [*rows, table.slower(title, WARM, found[WARM], found[PYTHON], START)]


def grown(bench: Bench) -> list[Row]:
    """Generated projects of three sizes against each other."""
    trees = {size: growth.tree(size, bench.remigrate) for size in SIZES}
    commands = {
        (what, size): command
        for size, tree in trees.items()
        for what, command in bench.variants(tree).items()
        if what in GROWING or what == WARM
    }
    often = {key: OFTEN for key in commands if key[1] < SIZES[-1]}
    found = costs(commands, often, bench.rounds)
    title, rows = "generated", []
    for what in (*GROWING, WARM):
        mine = {size: found[what, size] for size in SIZES}
        rows += [table.each(title, f"{what}, {size:,}", mine[size], size) for size in SIZES]
        if what in GROWING:
            rows.append(table.flat(title, what, mine, FLAT))
        rows.append(table.memory(title, what, mine[SIZES[-1]], MEMORY))
    return rows


def main() -> int:
    """Exit code."""
    names = [project.name for project in projects.ALL]
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--only", action="append", choices=[*names, GROWTH], help="leave out others"
    )
    parser.add_argument("--rounds", type=int, default=7, help="more of them on a noisy machine")
    given = parser.parse_args()
    try:
        rows = measured(given.only or [*names, GROWTH], given.rounds)
    except Failed as failure:
        say(f"cannot measure: {failure}")
        return 2
    print(table.rendered(rows))
    missed = [row for row in rows if not row.holds]
    return 1 if missed else 0


def measured(wanted: list[str], rounds: int) -> list[Row]:
    """The rows of what is `wanted`."""
    env = environments.own_environment()
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="remigrate-benchmarks-") as scratch:
        bins = env / "bin"
        bench = Bench(str(bins / "remigrate"), str(bins / "python"), Path(scratch), rounds)
        for project in projects.ALL:
            if project.name in wanted:
                found += real(project, bench)
        if GROWTH in wanted:
            found += grown(bench)
    return found


if __name__ == "__main__":
    sys.exit(main())
