"""The page about resets of real projects, made of what `reset` found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Found = dict[str, Any]


def line(found: Found) -> str:
    """One project on one engine, for whoever waits."""
    reset = found["reset"] or {"apps": [], "refused": [], "proof": []}
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
    return "".join(line(each) + "\n" for each in found)
