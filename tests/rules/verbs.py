"""Two verbs for the tests of rules: what a change `finds`, and that another one is `clean`.

A tree is a mapping from paths to sources. Each test names what base holds and what head holds; the
merge is head over base, path by path, as git makes it when nobody touched the same file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from remigrate import check, rules
from remigrate.memory import NoCache
from remigrate.model import Broken, Finding
from remigrate.trees import Entry, blob_id

Files = Mapping[str, str | bytes]


class MemoryTree:
    """A tree that is not in git."""

    def __init__(self, files: Files) -> None:
        self._content = {
            path: text.encode() if isinstance(text, str) else text for path, text in files.items()
        }
        self.entries = tuple(Entry(path, blob_id(data)) for path, data in self._content.items())

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes | Broken]]:
        for entry in entries:
            yield entry, self._content[entry.path]


def migration(
    *after: str,
    app: str = "shop",
    replaces: Iterable[str] = (),
    run_before: Iterable[str] = (),
    body: str = "[]",
) -> str:
    """Source of a migration. Names without a dot are of the app itself."""
    lists = {"dependencies": after, "replaces": tuple(replaces), "run_before": tuple(run_before)}
    lines = [
        "from django.db import migrations, models",
        "",
        "",
        "class Migration(migrations.Migration):",
    ]
    for attribute, names in lists.items():
        if names or attribute == "dependencies":
            pairs = [tuple(n.split(".")) if "." in n else (app, n) for n in names]
            lines += [f"    {attribute} = [", *[f"        {pair}," for pair in pairs], "    ]"]
    return "\n".join([*lines, f"    operations = {body}", ""])


def app(name: str = "shop", /, **migrations: str | bytes) -> dict[str, str | bytes]:
    """The files of an app with these migrations (``_1_first`` stands for ``0001_first``)."""
    files: dict[str, str | bytes] = {f"{name}/apps.py": "", f"{name}/migrations/__init__.py": ""}
    for key, source in migrations.items():
        number, _, words = key.removeprefix("_").partition("_")
        files[f"{name}/migrations/{int(number):04}_{words}.py"] = source
    return files


def check_change(rule: rules.Rule, head: Files, base: Files | None = None) -> list[Finding]:
    """What `rule` says about head, merged into base when there is one."""
    tree = MemoryTree(head)
    landed = MemoryTree(base) if base is not None else None
    facts, _ = check.weighed(tree, tree, landed, NoCache(), {})
    return list(rule.check(facts))


def clean(rule: rules.Rule, head: Files, base: Files | None = None) -> None:
    """The rule has nothing to say."""
    assert check_change(rule, head, base) == []


def finds(rule: rules.Rule, head: Files, base: Files | None = None) -> Finding:
    """The rule has one thing to say, stands on a line that is there, and tells what to type."""
    (finding,) = check_change(rule, head, base)
    assert (finding.code, finding.rule) == (rule.CODE, rule.NAME)
    assert finding.hint
    assert finding.message.endswith(".")
    places = [(finding.path, finding.line), *[(r.path, r.line) for r in finding.related]]
    for path, line in places:
        source = head[path] if path in head else (base or {})[path]
        assert 1 <= line <= max(1, len(source.splitlines()))
    return finding


def line_in(source: str | bytes, text: str) -> int:
    """1-based line of `source` that holds `text`."""
    assert isinstance(source, str)
    (line,) = [at for at, row in enumerate(source.splitlines(), 1) if text in row]
    return line
