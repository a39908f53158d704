"""The hooks as pre-commit runs them: installed from this tree, on real commits."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml

from tests.cli.project import BIN, Project, Ran, run
from tests.drift.store import ADD_PRICE, ADDED, Store
from tests.reset import THOROUGH

HOOKS = ("migration-graph", "migration-files", "migration-drift")
"""Those that can stop a commit."""
WITHOUT_CODE = HOOKS[:2]
"""Those that a project of empty files is enough for."""


# Kinds of commits


def staged_conflict(store: Store) -> None:
    store.migration("0002_one", "0001_initial")
    store.migration("0002_two", "0001_initial")
    store.git("add", "--all")


def model_change(store: Store) -> None:
    store.price()
    store.git("add", "--all")


def untracked(store: Store) -> None:
    model_change(store)
    store.write(ADDED, ADD_PRICE)


def ignored(store: Store) -> None:
    store.price()
    store.write(".gitignore", "0002*\n")
    store.git("add", "--all")
    store.write(ADDED, ADD_PRICE)


def parent_left_behind(store: Store) -> None:
    untracked(store)
    store.git("add", store.migration("0003_later", "0002_price"))


def clean(store: Store) -> None:
    store.price()
    store.write(ADDED, ADD_PRICE)
    store.git("add", "--all")


KINDS = [
    pytest.param(staged_conflict, "graph drift", "error RM101 multiple-leaves", 1,
                 id="a staged conflict"),
    pytest.param(model_change, "drift", "error RM301 drift", 1, id="a model change alone"),
    pytest.param(untracked, "files drift", f"is on disk: `git add {ADDED}`", 0,
                 id="an untracked migration"),
    pytest.param(ignored, "files drift", f"is on disk: `git add -f {ADDED}`", 0,
                 id="an ignored migration"),
    pytest.param(parent_left_behind, "graph files drift", "shop.0002_price", 0,
                 id="a migration without its parent"),
    pytest.param(clean, "", "", 0, id="a clean commit"),
]  # fmt: skip
"""Commits, the hooks that fail, what is said, and what ``makemigrations --check`` ends with."""


@pytest.mark.parametrize(("change", "failing", "says", "django"), KINDS)
def test_each_kind_of_commit(
    store: Store,
    published: Path,
    home: dict[str, str],
    tmp_path: Path,
    change: Callable[[Store], None],
    failing: str,
    says: str,
    django: int,
) -> None:
    config = tmp_path / "hooks.yaml"
    config.write_text(configuration(published, HOOKS))
    held(store, change, failing, says, django, ("run", "--config", str(config)), home)


@pytest.mark.parametrize(
    ("change", "failing", "says", "django"),
    KINDS if THOROUGH else [KINDS[0], KINDS[-1]],
)
def test_try_repo(
    store: Store,
    published: Path,
    offline: dict[str, str],
    change: Callable[[Store], None],
    failing: str,
    says: str,
    django: int,
) -> None:
    held(store, change, failing, says, django, ("try-repo", str(published)), offline)


def held(
    store: Store,
    change: Callable[[Store], None],
    failing: str,
    says: str,
    django: int,
    words: tuple[str, ...],
    env: dict[str, str],
) -> None:
    change(store)
    assert store.makemigrations().code == django, "what Django says of the files on disk"
    ran = run(BIN / "pre-commit", *words, cwd=store.path, env=env)
    names = [name.removeprefix("migration-") for name in HOOKS]
    assert outcome(ran) == {
        f"migration {name}": "Failed" if name in failing.split() else "Passed" for name in names
    }
    assert says in " ".join(ran.out.split())
    assert ran.code == bool(failing)


def outcome(ran: Ran) -> dict[str, str]:
    """What became of each hook."""
    rows = [line.split("...") for line in (ran.out + ran.err).splitlines() if "..." in line]
    return {row[0]: row[-1].lstrip(".") for row in rows if row[0].startswith("migration")}


# Installed


@pytest.fixture(scope="session")
def home(
    published: Path, offline: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Where pre-commit keeps the one environment that the tests share."""
    return {**offline, "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("pre-commit"))}


@pytest.fixture
def hooked(shop: Project, published: Path, home: dict[str, str]) -> Project:
    """A project whose commits and merges are checked."""
    configure(shop, published)
    shop.commit("Check migrations")
    kinds = [f"--hook-type={kind}" for kind in ("pre-commit", "pre-merge-commit", "pre-push")]
    ran = run(BIN / "pre-commit", "install", "--install-hooks", *kinds, cwd=shop.path, env=home)
    assert ran.code == 0, ran
    return shop


def configure(shop: Project, published: Path, **more: object) -> None:
    shop.write(".pre-commit-config.yaml", configuration(published, WITHOUT_CODE, **more))


def configuration(published: Path, names: Iterable[str], **more: object) -> str:
    """Of pre-commit, with these hooks of ours."""
    revision = Project(published).git("rev-parse", "HEAD").strip()
    hooks = [{"id": name, **more} for name in names]
    repo = {"repo": str(published), "rev": revision, "hooks": hooks}
    text: str = yaml.safe_dump({"repos": [repo]})
    return text


def git(project: Project, home: dict[str, str], *words: str) -> Ran:
    return run("git", *words, cwd=project.path, env=home)


def test_what_init_writes_is_what_git_runs(
    store: Store, published: Path, home: dict[str, str]
) -> None:
    assert store.remigrate("init", "--yes").code == 0
    path = store.path / ".pre-commit-config.yaml"
    config = yaml.safe_load(path.read_text())
    revision = Project(published).git("rev-parse", "HEAD").strip()
    config["repos"][0] |= {"repo": str(published), "rev": revision}
    path.write_text(yaml.safe_dump(config))
    store.commit("Look after migrations")
    assert run(BIN / "pre-commit", "install", cwd=store.path, env=home).code == 0
    store.price()
    store.git("add", "--all")
    ran = git(store, home, "commit", "-m", "A price, and no migration")
    expected = {f"migration {name.removeprefix('migration-')}": "Passed" for name in HOOKS}
    assert outcome(ran) == expected | {"migration drift": "Failed"}
    store.write(ADDED, ADD_PRICE)
    store.git("add", "--all")
    assert outcome(git(store, home, "commit", "-m", "A price")) == expected


def test_a_commit_that_only_deletes_is_checked(hooked: Project, home: dict[str, str]) -> None:
    hooked.migration("0003_stock", "0002_price")
    hooked.commit()
    hooked.git("rm", "--quiet", "shop/migrations/0002_price.py")
    ran = git(hooked, home, "commit", "-m", "Away with the price")
    assert ran.code == 1
    assert "RM102 dangling-dependency" in ran.err
    assert outcome(ran) == {"migration graph": "Failed", "migration files": "Passed"}


def test_what_is_not_part_of_the_commit_is_looked_for_in_every_commit(
    hooked: Project, home: dict[str, str]
) -> None:
    hooked.write("README", "words")
    hooked.git("add", "README")
    hooked.migration("0003_stock", "0002_price")
    ran = git(hooked, home, "commit", "-m", "Words")
    assert ran.code == 1
    assert "git add shop/migrations/0003_stock.py" in ran.err
    hooked.git("add", "--all")
    assert git(hooked, home, "commit", "-m", "Words and stock").code == 0


def test_an_announced_migration_is_not_part_of_the_commit(
    hooked: Project, home: dict[str, str]
) -> None:
    hooked.migration("0003_stock", "0002_price")
    hooked.git("add", "--intent-to-add", "shop/migrations/0003_stock.py")
    ran = git(hooked, home, "commit", "--allow-empty", "-m", "Nothing")
    assert ran.code == 1
    assert outcome(ran) == {"migration graph": "Passed", "migration files": "Failed"}
    assert "RM302 untracked" in ran.err


def test_a_merge_of_two_leaves_is_stopped(hooked: Project, home: dict[str, str]) -> None:
    hooked.git("checkout", "--quiet", "-b", "discount")
    hooked.migration("0003_discount", "0002_price")
    hooked.commit()
    hooked.git("checkout", "--quiet", "main")
    hooked.migration("0003_stock", "0002_price")
    hooked.commit()
    ran = git(hooked, home, "merge", "--no-edit", "discount")
    assert ran.code != 0
    assert "RM101 multiple-leaves" in ran.err + ran.out
    hooked.migration("0004_merge", "0003_discount", "0003_stock")
    hooked.git("add", "--all")
    assert git(hooked, home, "commit", "--no-edit").code == 0


def test_a_push_is_judged_by_what_is_pushed(hooked: Project, home: dict[str, str]) -> None:
    remote = hooked.path.parent / "remote.git"
    hooked.git("init", "--quiet", "--bare", remote)
    hooked.git("remote", "add", "origin", remote)
    hooked.git("checkout", "--quiet", "-b", "broken")
    hooked.conflict()
    hooked.commit()
    hooked.git("checkout", "--quiet", "main")
    ran = git(hooked, home, "push", "origin", "broken")
    assert ran.code == 1
    assert "RM101 multiple-leaves" in ran.err + ran.out
    assert git(hooked, home, "push", "origin", "main").code == 0
    ran = git(hooked, home, "push", "origin", "broken")
    assert ran.code == 1, "also where only a part is new there"
    assert "RM101 multiple-leaves" in ran.err + ran.out


def test_arguments_reach_the_hooks(hooked: Project, published: Path, home: dict[str, str]) -> None:
    hooked.git("mv", "shop/migrations/0002_price.py", "shop/migrations/0001_price.py")
    ran = git(hooked, home, "commit", "-m", "Renamed")
    assert ran.code == 0
    assert "duplicate-number" not in ran.err
    configure(hooked, published, args=["--fail-on", "warning"])
    hooked.git("add", "--all")
    ran = git(hooked, home, "commit", "-m", "Stricter")
    assert ran.code == 1
    assert "warning RM104 duplicate-number" in ran.err


# The manifest


def test_the_manifest_names_programs_that_the_package_has(root: Path) -> None:
    manifest = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
    assert [hook["id"] for hook in manifest] == [*HOOKS, "migration-database"]
    assert {hook["entry"] for hook in manifest} == set(scripts) - {"remigrate"}
