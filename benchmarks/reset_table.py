"""The page about resets of real projects, made of what the benchmark found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Found = dict[str, Any]
_HEAD = """\
# Resets of real projects

Made by two commands; the first one takes an hour on a small machine, and can be run for one project
at a time (`--only`):

    python benchmarks/reset.py
    python benchmarks/reset.py --table docs/real-resets.md

Each project is a published package, copied into a work tree of its own; its dependencies stay in
an environment beside it. `remigrate reset --all` has no other help. Then, without Remigrate, the
databases are held against each other: `manage.py migrate` from empty with the old files and with
the new ones, what `sqlite3 .dump` or `pg_dump` say of either (sorted; names made of a hash aside;
the number of rows in each table), `migrate` with the new files on the old database, and
`makemigrations --check`. *Wrong* counts what differs there.

*Cost* is the whole of `reset --all`, proof included, divided by one `manage.py migrate` of the old
history from empty in the same run; *faster* is that `migrate` divided by the one afterwards. Both
are seconds on the clock, of a machine that others use too.
"""


def line(found: Found) -> str:
    """One project on one engine, for whoever waits."""
    reset = found["reset"] or {"apps": [], "refused": []}
    return (
        f"{found['project']} on {found['engine']}: exit {found['exit']}, "
        f"{len(reset['apps'])} apps reset, {len(reset['refused'])} refused, "
        f"{found['rounds']} rounds, {found['seconds']:.0f} s; "
        f"migrate {found['before']['seconds']:.1f} s, "
        f"afterwards {found.get('after', {}).get('seconds', 0):.1f} s; "
        f"wrong: {found.get('wrong', [])[:4]} {found.get('drift', '')[:300]}"
    )


def page(folder: Path) -> str:
    """Markdown."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    parts = [_HEAD, "\n## In one line each\n\n", *_summary(found)]
    for each in found:
        parts += ["\n", *_project(each)]
    return "".join(parts)


def _several(found: Found) -> dict[str, int]:
    """Migrations of the apps that have two or more."""
    return {label: count for label, count in found["migrations"].items() if count > 1}


def _proved(found: Found) -> set[str]:
    """Apps that were reset, when every check was proved and nothing else disagrees."""
    reset = found["reset"]
    if not reset or found.get("wrong") or found.get("drift"):
        return set()
    if any(check["result"] != "proved" for check in reset["proof"]):
        return set()
    return {app["label"] for app in reset["apps"]}


def _summary(found: list[Found]) -> Iterator[str]:
    yield "| project | engine | apps | proved | refused | wrong | migrations | rounds | cost "
    yield "| faster |\n|---|---|---|---|---|---|---|---|---|---|\n"
    many = proved = 0
    for each in found:
        several = _several(each)
        good = len(_proved(each) & set(several))
        many, proved = many + len(several), proved + good
        yield _row(each, len(several), good)
    yield f"\n{proved} of {many} apps with two or more migrations ({proved / many:.0%}) "
    yield "were reset with every check proved.\n"


def _row(found: Found, several: int, proved: int) -> str:
    reset = found["reset"]
    old = found["before"]["seconds"]
    wrong = len(found.get("wrong", [])) + bool(found.get("drift"))
    if not reset or not reset["apps"]:
        return (
            f"| {found['project']} | {found['engine']} | {several} | 0 | {several} | 0 | "
            f"{sum(found['migrations'].values())} | {found['rounds']} | "
            f"{found['seconds'] / old:.1f} × | |\n"
        )
    gone = sum(app["before"] - app["after"] for app in reset["apps"])
    total = sum(found["migrations"].values())
    return (
        f"| {found['project']} | {found['engine']} | {several} | {proved} | "
        f"{len(reset['refused'])} | {wrong} | {total} → {total - gone} | {found['rounds']} | "
        f"{found['seconds']:.0f} s = {found['seconds'] / old:.1f} × | "
        f"{old:.1f} → {found['after']['seconds']:.1f} s = "
        f"{old / found['after']['seconds']:.1f} × |\n"
    )


def _project(found: Found) -> Iterator[str]:
    yield f"## {found['project']}, {found['engine']}\n\n"
    reset = found["reset"]
    if not reset:
        yield f"`reset` ended with {found['exit']}: {found['said'].strip().splitlines()[0]}\n"
        return
    yield "| app | migrations | how | seconds of its migrations, before → after |\n"
    yield "|---|---|---|---|\n"
    for app in reset["apps"]:
        label = app["label"]
        old = found["before"]["apps"].get(label, 0)
        new = found.get("after", {"apps": {}})["apps"].get(label, 0)
        yield f"| {label} | {found['migrations'].get(label, app['before'])} → {app['after']} "
        yield f"| {app['how']} | {old:.2f} → {new:.2f} |\n"
    for refused in reset["refused"]:
        yield f"| {refused['app']} | {found['migrations'].get(refused['app'], '')} | refused: "
        yield f"{_plain(refused['why'])} | |\n"
    yield "\n"
    for check in reset["proof"]:
        where = f" on {check['database']}" if check["database"] else ""
        yield f"- `{check['check']}`{where}: {check['result']}\n"
    for each in (*found.get("wrong", [])[:20], found.get("drift", "")):
        yield f"- **wrong**: `{each}`\n" if each else ""


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
