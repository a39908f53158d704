"""The page about resets of real projects, made of what the benchmark found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Found = dict[str, Any]
_HEAD = """\
# Resets of real projects

Made by three commands; the first two take hours on a small machine, and can be run for one project
at a time (`--only`):

    python benchmarks/reset.py
    python benchmarks/peers.py
    python benchmarks/reset.py --table docs/real-resets.md

Each project is a published package, copied into a work tree of its own; its dependencies stay in
an environment beside it. `remigrate reset --all` has no other help. Then, without Remigrate, the
databases are held against each other: `manage.py migrate` from empty with the old files and with
the new ones, what `sqlite3 .dump` or `pg_dump` say of either (sorted; names made of a hash aside;
the number of rows in each table), `migrate` with the new files on the old database, and
`makemigrations --check`. *Wrong* counts what differs there.

*Cost* is the whole of `reset --all`, proof included, divided by one `manage.py migrate` of the old
history from empty in the same run; *faster* is that `migrate` divided by the one afterwards, each
the quicker of two. Both are seconds on the clock, of a machine that others use too; *in cpu* is the
second one in seconds of processor, without the server's. *Left* are apps that a reset would not
make shorter.
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
    peers = {path.stem: path for path in sorted((folder / "peers").glob("*.json"))}
    if peers:
        parts += ["\n", _PEERS]
    for path in sorted(folder.glob("*.json")):
        if path.stem in peers:
            theirs = json.loads(peers[path.stem].read_text())
            parts += ["\n", *_side_by_side(json.loads(path.read_text()), theirs)]
    for each in found:
        parts += ["\n", *_project(each)]
    for name, path in peers.items():
        parts += ["\n", *_peers(name, json.loads(path.read_text()))]
    return "".join(parts)


def good(found: Found) -> bool:
    """Whether every check of what a tool wrote was proved, or had nothing to look at."""
    checks = found.get("checks", {})
    return bool(checks) and all(check[0] in ("proved", "skipped") for check in checks.values())


def _side_by_side(ours: Found, theirs: list[Found]) -> Iterator[str]:
    """A row for each app that has several migrations, a column for each tool."""
    yield f"### {ours['project']}, {ours['engine']}: side by side\n\n"
    yield f"| app | Remigrate | {' | '.join(TOOLS)} |\n|---|---|---|---|---|\n"
    rows = {
        app: [_ours(ours, app), *(_theirs(theirs, tool, app) for tool in TOOLS)]
        for app in _several(ours)
    }
    for app, cells in rows.items():
        yield f"| {app} | {' | '.join(cells)} |\n"
    columns = zip(*rows.values(), strict=True)
    counts = [sum(cell.startswith("proved") for cell in column) for column in columns]
    yield f"| *proved, of {len(rows)}* | {' | '.join(map(str, counts))} |\n"


def _ours(found: Found, app: str) -> str:
    reset = found["reset"] or {"apps": [], "refused": []}
    if app in {each["app"] for each in reset["refused"]}:
        return "refused"
    written = {each["label"]: each["after"] for each in reset["apps"]}
    if app not in written:
        return "not shorter"
    shorter = f"{found['migrations'][app]} → {written[app]}"
    return f"proved, {shorter}" if app in _proved(found) else f"differs, {shorter}"


def _theirs(found: list[Found], tool: str, app: str) -> str:
    """What came of one app: alone, or else as a part of the project."""
    tried = [each for each in found if each["tool"] == tool and each["app"] in (app, "")]
    alone = [each for each in tried if each["app"]]
    if alone:
        return _came(alone[0])
    if not tried:
        return "not tried"
    whole = tried[0]
    # Where a part of it was not reached, nobody knows what it would have been for the app.
    if good(whole) or not set(whole.get("checks", {})) >= {*_PEER_CHECKS, "state", "drift"}:
        return _came(whole)
    return "differs" if app in whole["blamed"] else "no difference"


def _came(found: Found) -> str:
    """What came of a try, in a word or two."""
    checks = found.get("checks", {})
    wrong = [name for name, check in checks.items() if check[0] not in ("proved", "skipped")]
    if found.get("manual"):
        return "to be ported by hand"
    if "late" in found:
        return "not judged"
    if "failed" in found:
        return "gives up"
    if wrong in ([], ["state"]):
        return "proved" + " but for `state`" * len(wrong)
    if "graph" in wrong:
        return "does not load"
    failed = [name for name in wrong if checks[name][0] == "failed" and name == "fresh-schema"]
    return "does not migrate" if failed else f"differs: {', '.join(wrong)}"


def _peers(name: str, found: list[Found]) -> Iterator[str]:
    yield f"## Other tools on {name.replace('.', ', ')}\n\n"
    yield "| tool | app | schema | rows | upgrade | lagging | state, drift | |\n"
    yield "|---|---|---|---|---|---|---|---|\n"
    for each in found:
        checks = each.get("checks", {})
        words = [checks.get(name, ["not reached"])[0] for name in _PEER_CHECKS]
        why = each.get("late") or each.get("failed") or _first_wrong(checks)
        manual = "manual; " if each.get("manual") else ""
        state = ", ".join(checks.get(name, ["not reached"])[0] for name in ("state", "drift"))
        cells = [each["tool"], each["app"] or "all", *words, state]
        yield f"| {' | '.join(cells)} | {manual}{_plain(why)[:160]} |\n"


def _first_wrong(checks: Found) -> str:
    for result, said in checks.values():
        if result not in ("proved", "skipped"):
            return said if isinstance(said, str) else "; ".join(said)
    return ""


_PEERS = """\
## Other tools

What Django's `squashmigrations`, django-squash and django-remake-migrations wrote, as they wrote
it, judged by the same proof on databases that the old files made. `squashmigrations` goes through
one app at a time, and so does django-squash (`--only`) where it fails on the whole project;
django-remake-migrations knows only the whole project, and *no difference* then means that what
differs is not this app's. The first two leave the old files, so a database that is behind goes
through them, and has to come out right.

*To be ported by hand* is what the tool itself says; nobody did. *Gives up*: it ended with an error.
*Not judged*: the tool, or the proof of what it wrote, took longer than there was time for.
*Proved but for `state`*: the databases are the same, and what Django remembers of the models is
not; often that only spells a default out (`serialize`, `abstract`), which says nothing against a
tool, and it is counted with the others. `lagging` counts as proved when anything stops such a
database before a migration has run, also an error that tells nobody why. What each of them said
stands at the end of this page.
"""
TOOLS = ("squashmigrations", "django-squash", "django-remake-migrations")
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
    for each in found:
        if "note" in each:
            yield f"{each['project']} on {each['engine']}: {each['note']}\n\n"
    for engine in sorted({each["engine"] for each in found}):
        # Two projects in one work tree have the same apps once more.
        alone = [each for each in found if each["engine"] == engine and "+" not in each["project"]]
        many = sum(len(_several(each)) for each in alone)
        good = sum(len(_proved(each) & set(_several(each))) for each in alone)
        able = many - sum(_left(each) for each in alone)
        yield f"On {engine}, each app counted once: {good} of the {able} apps that can get shorter "
        yield f"({good / able:.0%}) were reset with every check proved; {many} have two or more "
        yield f"migrations ({good / many:.0%}).\n"


def _left(found: Found) -> int:
    """How many apps with two migrations or more would be no shorter, and are left alone."""
    reset = found["reset"] or {"apps": [], "refused": []}
    known = {each["label"] for each in reset["apps"]} | {each["app"] for each in reset["refused"]}
    return len(set(_several(found)) - known)


def _row(found: Found) -> str:
    reset = found["reset"] or {"apps": [], "refused": []}
    several, after = _several(found), found.get("after")
    # With files that an earlier squash has replaced already: `before` counts what Django sees.
    gone = sum(found["migrations"][app["label"]] - app["after"] for app in reset["apps"])
    total = sum(found["migrations"].values())
    cells = [
        found["project"],
        found["engine"],
        len(several),
        len(_proved(found) & set(several)),
        len(reset["refused"]),
        _left(found),
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
