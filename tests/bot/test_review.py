"""What no engine and no other job may get committed, whatever it says it has made."""

from __future__ import annotations

import pytest

from remigrate import review
from remigrate.review import Before

FOLDERS = {"shop/migrations", "cart/migrations", ".github/migrations"}
GOOD = b"class Migration:\n    dependencies = []\n    operations = []\n"
THERE = {
    "shop/migrations/0001_initial.py": Before(0o100644, GOOD),
    "shop/migrations/__init__.py": Before(0o100644, b""),
    "shop/migrations/0002_link.py": Before(0o120000, b"/etc/passwd"),
}


def test_a_squash_and_the_files_that_it_stands_for_are_committed() -> None:
    files = {"shop/migrations/0001_squashed_0009.py": GOOD, "shop/migrations/0001_initial.py": None}
    review.demand_harmless(files, THERE, FOLDERS)


def test_a_package_that_base_has_and_the_branch_lacks_is_committed() -> None:
    files = {"cart/migrations/__init__.py": b"", "cart/migrations/0001_initial.py": GOOD}
    review.demand_harmless(files, THERE, FOLDERS)


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("shop/models.py", GOOD, "no migrations folder"),
        (".github/workflows/ci.yml", b"on: push\n", "no migrations folder"),
        (".github/migrations/0001_initial.py", GOOD, "no app of Django's"),
        ("shop/migrations/deep/0001_initial.py", GOOD, "no migrations folder"),
        ("shop/migrations/../../setup.py", GOOD, "no migrations folder"),
        ("../shop/migrations/0001_initial.py", GOOD, "no migrations folder"),
        ("/shop/migrations/0001_initial.py", GOOD, "no migrations folder"),
        ("shop/migrations/0003_a.yml", GOOD, "no file of that name"),
        ("shop/migrations/0003.a.py", GOOD, "no file of that name"),
        ("shop/migrations/.py", GOOD, "no app of Django's"),
        ("shop/migrations/0003_\u202egnp.py", GOOD, "cannot be read"),
        ("shop/migrations/0003_a\n.py", GOOD, "cannot be read"),
        ("shop/migrations/0003_a.py", b"def broken(:\n", "cannot be read"),
        ("shop/migrations/0003_a.py", GOOD + b"#" * (1 << 20), "larger than any migration"),
        ("shop/migrations/0002_link.py", GOOD, "no regular file"),
        ("shop/migrations/0002_link.py", None, "no regular file"),
        ("shop/migrations/__init__.py", b"import os\n", "no migration"),
        ("cart/migrations/__init__.py", b"import os\n", "no migration"),
        ("shop/migrations/__init__.py", None, "cannot be deleted"),
        ("shop/migrations/0004_never.py", None, "cannot be deleted"),
    ],
)
def test_anything_else_is_refused(path: str, content: bytes | None, why: str) -> None:
    with pytest.raises(review.Refused, match=why):
        review.demand_harmless({path: content}, THERE, FOLDERS)


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(review.Refused, match="nothing to commit"):
        review.demand_harmless({}, THERE, FOLDERS)


def test_too_many_files_are_refused() -> None:
    files: dict[str, bytes | None] = {
        f"shop/migrations/{number:04}_many.py": GOOD for number in range(review.MOST_FILES + 1)
    }
    with pytest.raises(review.Refused, match="more than a reset may write"):
        review.demand_harmless(files, THERE, FOLDERS)


def test_files_that_are_too_large_together_are_refused() -> None:
    large = GOOD + b"#" * (review.LARGEST - len(GOOD))
    files: dict[str, bytes | None] = {
        f"shop/migrations/{number:04}_large.py": large for number in range(17)
    }
    with pytest.raises(review.Refused, match="more than a reset may write"):
        review.demand_harmless(files, THERE, FOLDERS)
