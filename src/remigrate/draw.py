"""The flow of ``remigrate graph``: a tree's migration graph as a picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from remigrate import check, neighbourhood, process
from remigrate.errors import Failure, UsageFailure
from remigrate.options import meant
from remigrate.report import picture as pictures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.model import Picture
    from remigrate.options import Options

_LAYOUT_TIME = 120.0
"""Seconds; Graphviz needs about ten for a thousand migrations."""


def picture(repository: Repository, options: Options, cache: Cache) -> Picture:
    """The graph of the apps that were asked for. Raises `UsageFailure` for an unknown label."""
    question = check.Question(options.head, modules=options.migration_modules)
    facts = check.look(repository, question, cache).facts
    labels = {app.label for app in facts.graph.apps.values()}
    unknown = [label for label in options.app if label not in labels]
    if unknown:
        raise UsageFailure(
            f"there is no app called {unknown[0]}",
            meant(unknown[0], sorted(labels), "Found") if labels else "Found: no app.",
        )
    return neighbourhood.whole(facts, options.app)


def rendered(found: Picture, form: str, environ: Mapping[str, str]) -> str:
    """The picture in one of the formats of ``graph``."""
    if form == "dot":
        return pictures.dot(found)
    if form == "json":
        return pictures.json(found)
    if form == "svg":
        return _svg(pictures.dot(found), environ)
    return pictures.mermaid(found)


def _svg(dot: str, environ: Mapping[str, str]) -> str:
    try:
        output = process.run(["dot", "-Tsvg"], dict(environ), dot.encode(), _LAYOUT_TIME)
    except FileNotFoundError as error:
        raise Failure(
            "svg needs Graphviz, and its program dot is not on PATH",
            "Install it (apt install graphviz, brew install graphviz), or use --format mermaid "
            "or dot.",
        ) from error
    except process.TimedOut as error:
        raise Failure(
            "Graphviz did not finish in time", "Draw fewer apps: --app LABEL, or use --format dot."
        ) from error
    if output.code:
        said = os.fsdecode(output.stderr).strip().splitlines() or [f"exit status {output.code}"]
        raise Failure(
            f"Graphviz failed: {said[0]}", "See what it says to the output of --format dot."
        )
    return output.stdout.decode()
