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
are seconds on the clock, of a machine that others use too; *in cpu* is the second one in seconds of
processor, without the server's. *Left* are apps that a reset would not make shorter, which it does
not name.

The rows were not all measured with the same state of Remigrate, which was changed between the runs
and in some cases during one. They are provisional until all are measured again in one go.
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
    for path in sorted((folder / "peers").glob("*.json")):
        parts += ["\n", *_peers(path.stem, json.loads(path.read_text()))]
    return "".join(parts)


def _peers(name: str, found: list[Found]) -> Iterator[str]:
    yield f"## Other tools on {name.replace('.', ', ')}\n\n"
    yield _PEERS
    yield "| tool | app | works | schema | rows | upgrade | lagging | state, drift | |\n"
    yield "|---|---|---|---|---|---|---|---|---|\n"
    for each in found:
        checks = each.get("checks", {})
        words = [checks.get(name, ["not reached"])[0] for name in _PEER_CHECKS]
        good = bool(checks) and all(check[0] == "proved" for check in checks.values())
        why = each.get("failed") or next(
            (str(check[1]) for check in checks.values() if check[0] != "proved"), ""
        )
        manual = "manual; " if each.get("manual") else ""
        state = ", ".join(checks.get(name, ["not reached"])[0] for name in ("state", "drift"))
        cells = [each["tool"], each["app"] or "all", "yes" if good else "no", *words, state]
        yield f"| {' | '.join(cells)} | {manual}{_plain(why)[:160]} |\n"


_PEERS = """\
Made by `python benchmarks/peers.py`: what each tool wrote, as it wrote it, judged by the same
proof, `squashmigrations` for one app at a time. It leaves the old files, so a database that is
behind goes through them. *Manual* is what the tool itself says that somebody has to port by hand;
nobody did. Of `state`, differences that only spell a default out (`serialize`, `abstract`) count
too, and say nothing against a tool. `lagging` counts as proved when anything stops such a database
before a migration has run, also an error that tells nobody why.

"""
_PEER_CHECKS = ("fresh-schema", "fresh-data", "upgrade", "lagging")


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
    yield "| project | engine | apps | proved | refused | left | wrong | migrations | rounds "
    yield "| cost | faster | in cpu |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
    for each in found:
        yield _row(each)
    yield "\n"
    for engine in sorted({each["engine"] for each in found}):
        # Two projects in one work tree have the same apps once more.
        alone = [each for each in found if each["engine"] == engine and "+" not in each["project"]]
        many = sum(len(_several(each)) for each in alone)
        good = sum(len(_proved(each) & set(_several(each))) for each in alone)
        yield f"On {engine}, each app counted once: {good} of {many} apps with two or more "
        yield f"migrations ({good / many:.0%}) were reset with every check proved.\n"


def _row(found: Found) -> str:
    reset = found["reset"] or {"apps": [], "refused": []}
    several, after = _several(found), found.get("after")
    known = {each["label"] for each in reset["apps"]} | {each["app"] for each in reset["refused"]}
    # With files that an earlier squash has replaced already: `before` counts what Django sees.
    gone = sum(found["migrations"][app["label"]] - app["after"] for app in reset["apps"])
    total = sum(found["migrations"].values())
    cells = [
        found["project"],
        found["engine"],
        len(several),
        len(_proved(found) & set(several)),
        len(reset["refused"]),
        len(set(several) - known),
        len(found.get("wrong", [])) + bool(found.get("drift")),
        f"{total} → {total - gone}",
        found["rounds"],
        _ratio(found["seconds"], found["before"]["seconds"]),
        _faster(found["before"], after, "seconds"),
        _faster(found["before"], after, "cpu"),
    ]
    return "| " + " | ".join(map(str, cells)) + " |\n"


def _ratio(reset: float, old: float) -> str:
    return f"{reset:.0f} ÷ {old:.0f} s = {reset / old:.1f} ×"


def _faster(before: Found, after: Found | None, what: str) -> str:
    if not after or what not in before or what not in after:
        return "not measured"
    return f"{before[what]:.1f} ÷ {after[what]:.1f} s = {before[what] / after[what]:.1f} ×"


def _project(found: Found) -> Iterator[str]:
    yield f"## {found['project']}, {found['engine']}\n\n"
    reset = found["reset"]
    if "note" in found:
        yield f"{found['note']}\n\n"
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
