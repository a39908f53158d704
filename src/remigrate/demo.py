"""The whole story on a throwaway repository: two branches that collide, and the way out."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from remigrate import asking, check, clone, errors, git, rules
from remigrate.console import painted
from remigrate.memory import NoCache
from remigrate.report import picture, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.console import Console
    from remigrate.model import Report

_MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [{after}]

    operations = [
        migrations.AddField("order", "{field}", models.IntegerField(default=0)),
    ]
"""


def run(say: Console, environ: Mapping[str, str]) -> int:
    """Tell the story. Returns an exit code."""
    with tempfile.TemporaryDirectory(prefix="remigrate-demo-") as folder:
        story = _Story(folder, say, environ)
        try:
            story.tell()
        finally:
            story.scratch.close()
    return errors.OK


class _Story:
    def __init__(self, folder: str, say: Console, environ: Mapping[str, str]) -> None:
        self.scratch = clone.Scratch(folder, "main")
        self._folder, self._say = folder, say
        # Neither settings of the user nor the repository whose hook runs us belong to the story.
        kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
        self._environ = {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def tell(self) -> None:
        self._line(
            "A shop with two migrations. Two branches change its models at the same time.", "bold"
        )
        start = self.scratch.commit(_shop(), "A shop")
        discount = _migration("0003_discount", "0002_price", "discount")
        self.scratch.branch("discount", start)
        self.scratch.commit(discount, "Give discounts")
        self.scratch.checkout("main")
        self.scratch.commit(_migration("0003_stock", "0002_price", "stock"), "Count the stock")
        self._line("One of them is merged into main. Git sees no conflict in the other, and yet:")
        self._shell("remigrate check --base main --head discount")
        report = self._checked()
        self._line("The same as a picture, which GitHub draws where it finds it in Markdown:")
        self._shell("remigrate check --base main --head discount --format markdown")
        drawn = picture.mermaid(report.pictures[0])
        self._say.result(f"…\n```mermaid\n{drawn}```\n…\n\n")
        self._line("Do what the green line says, and give the file the next number:")
        self._shell("git mv shop/migrations/0003_discount.py shop/migrations/0004_discount.py")
        self.scratch.checkout("discount")
        moved = _migration("0004_discount", "0003_stock", "discount")
        self.scratch.commit(moved, "Discounts after the stock", removed=discount)
        self._shell("remigrate check --base main --head discount")
        self._checked()
        self._line("Now yours. In your project, type:", "bold")
        self._shell("remigrate check --base origin/main")

    def _checked(self) -> Report:
        repository = git.open_repository(self._folder, self._environ)
        answer = check.look(repository, check.Question("discount", base="main"), NoCache())
        report = check.report(answer, rules.ALL, (), asking.A_COMMIT)
        self._say.result(text.render(report, self._paint) + "\n")
        return report

    def _line(self, words: str, color: str = "") -> None:
        self._say.result(f"{self._paint(words, color) if color else words}\n\n")

    def _shell(self, words: str) -> None:
        self._say.result(f"  {self._paint('$', 'dim')} {self._paint(words, 'bold')}\n\n")

    def _paint(self, words: str, color: str) -> str:
        return painted(words, color, self._say.colored)


def _shop() -> dict[str, str]:
    empty = ("manage.py", "shop/__init__.py", "shop/migrations/__init__.py")
    return {
        **dict.fromkeys(empty, ""),
        **_migration("0001_initial", "", "number"),
        **_migration("0002_price", "0001_initial", "price"),
    }


def _migration(name: str, after: str, field: str) -> dict[str, str]:
    dependency = f'("shop", "{after}")' if after else ""
    return {f"shop/migrations/{name}.py": _MIGRATION.format(after=dependency, field=field)}
