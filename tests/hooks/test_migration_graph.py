"""`remigrate-migration-graph` as a plain git hook."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.project import Project, Ran, refused, run


def hook(project: Project, kind: str = "pre-commit", words: str = "") -> None:
    """Let git run the hook by itself."""
    folder = project.git("rev-parse", "--git-path", "hooks").strip()
    place = project.path / folder / kind
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\nexec remigrate-migration-graph {words}\n")
    place.chmod(0o755)


def commit(project: Project, *words: str) -> Ran:
    return run("git", "commit", "-m", "Change", *words, cwd=project.path)


@pytest.fixture
def hooked(shop: Project) -> Project:
    hook(shop)
    return shop


@pytest.fixture
def clone(shop: Project) -> Project:
    """A clone with a branch that adds a migration, of a repository whose `main` has another one."""
    clone = Project(shop.path.parent / "clone")
    shop.git("clone", "--quiet", ".", clone.path)
    shop.migration("0003_stock", "0002_price")
    shop.commit()
    clone.git("fetch", "--quiet")
    clone.git("checkout", "--quiet", "-b", "discount")
    clone.migration("0003_discount", "0002_price")
    clone.git("add", "--all")
    return clone


BLOCKED = "error RM101 multiple-leaves"


def test_a_staged_conflict_is_blocked_and_the_commit_is_not_made(hooked: Project) -> None:
    before = hooked.git("rev-parse", "HEAD")
    hooked.conflict()
    hooked.git("add", "--all")
    ran = commit(hooked)
    assert ran.code == 1
    assert BLOCKED in ran.err + ran.out
    assert hooked.git("rev-parse", "HEAD") == before
    hooked.git("rm", "--quiet", "--cached", "shop/migrations/0003_stock.py")
    assert commit(hooked).code == 0, "only what is staged counts"


def test_commit_all_is_judged_by_what_it_will_hold(hooked: Project) -> None:
    hooked.migration("0003_discount", "0002_price")
    hooked.migration("0004_stock", "0003_discount")
    hooked.commit()
    hooked.migration("0004_stock", "0002_price")
    assert commit(hooked, "--allow-empty").code == 0, "the change is not staged"
    ran = commit(hooked, "--all")
    assert ran.code == 1
    assert BLOCKED in ran.err + ran.out
    ran = commit(hooked, "shop/migrations/0004_stock.py")
    assert ran.code == 1
    assert BLOCKED in ran.err + ran.out


def test_the_very_first_commit(tmp_path: Path) -> None:
    project = Project(tmp_path / "new")
    project.path.mkdir()
    project.git("init", "--quiet")
    hook(project)
    project.app("shop")
    project.migration("0002_price", "0001_initial")
    project.conflict()
    project.git("add", "--all")
    ran = commit(project)
    assert ran.code == 1
    assert BLOCKED in ran.err + ran.out
    project.git("rm", "--quiet", "--cached", "shop/migrations/0003_stock.py")
    assert commit(project).code == 0


def test_a_linked_worktree_is_judged_by_its_own_index(hooked: Project) -> None:
    linked = Project(hooked.path.parent / "linked")
    hooked.git("worktree", "add", "--quiet", "-b", "other", linked.path)
    linked.conflict()
    linked.git("add", "--all")
    ran = commit(linked)
    assert ran.code == 1
    assert BLOCKED in ran.err + ran.out
    hooked.write("README", "words")
    hooked.git("add", "README")
    assert commit(hooked).code == 0


def test_a_commit_from_a_subfolder(hooked: Project) -> None:
    hooked.conflict()
    hooked.git("add", "--all")
    ran = run("git", "commit", "-m", "Change", cwd=hooked.path / "shop")
    assert ran.code == 1
    assert BLOCKED in ran.err + ran.out


# What it is meant for


def test_the_default_branch_of_origin_is_the_base(clone: Project) -> None:
    hook(clone)
    ran = commit(clone)
    assert ran.code == 1
    assert "0003_discount (new here), 0003_stock (in base)" in " ".join(ran.err.split())


def test_without_one_the_upstream_is(clone: Project) -> None:
    clone.git("remote", "set-head", "origin", "--delete")
    hook(clone)
    assert commit(clone).code == 0, "the branch has no upstream, and alone it is sound"
    clone.git("branch", "--quiet", "--set-upstream-to=origin/main")
    ran = commit(clone, "--amend")
    assert ran.code == 1
    assert "0003_stock (in base)" in " ".join(ran.err.split())


def test_the_configured_base_goes_before(clone: Project) -> None:
    clone.git("branch", "release", "main")
    hook(clone)
    clone.configure('base = "release"')
    assert commit(clone).code == 0
    clone.configure('base = "origin/main"')
    assert commit(clone, "--amend").code == 1


def test_the_base_of_the_command_line_goes_before_that(clone: Project) -> None:
    clone.configure('base = "origin/main"')
    for words in ("--base HEAD", "--base=HEAD"):
        hook(clone, words=words)
        assert commit(clone, "--allow-empty").code == 0


def test_another_configuration_may_name_the_base(clone: Project) -> None:
    clone.write("other.toml", '[tool.remigrate]\nbase = "main"\n')
    for words in ("--config other.toml", "--config=other.toml"):
        hook(clone, words=words)
        assert commit(clone, "--allow-empty").code == 0


def test_a_mistake_in_the_configuration_is_told_and_blocks(hooked: Project) -> None:
    hooked.configure("bsae = 'main'")
    ran = run("remigrate-migration-graph", cwd=hooked.path)
    refused(ran, 2, "[tool.remigrate] has no key bsae", "Did you mean base?")
    assert commit(hooked, "--allow-empty").code == 1


def test_a_clone_that_does_not_reach_back_is_judged_alone(clone: Project) -> None:
    clone.git("commit", "--quiet", "-m", "Discounts")
    shallow = Project(clone.path.parent / "shallow")
    clone.git("clone", "--quiet", "--depth=1", f"file://{clone.path}", shallow.path)
    shallow.git("fetch", "--quiet", "--depth=1", "origin", "main:refs/remotes/origin/main")
    shallow.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    hook(shallow)
    assert commit(shallow, "--allow-empty").code == 0
    shallow.migration("0003_stock", "0002_price")
    shallow.git("add", "--all")
    assert commit(shallow).code == 1


# Merges


def test_a_merge_commit_is_judged_as_a_whole(clone: Project) -> None:
    clone.git("commit", "--quiet", "-m", "Discounts")
    hook(clone, "pre-merge-commit")
    hook(clone)
    ran = run("git", "merge", "--no-edit", "origin/main", cwd=clone.path)
    assert ran.code != 0
    assert BLOCKED in ran.err + ran.out
    clone.migration("0003_discount", "0003_stock")
    clone.git("add", "--all")
    assert commit(clone).code == 0


def test_a_merge_with_a_conflict_settled_by_hand_passes(clone: Project) -> None:
    origin = Project(clone.path.parent / "project")
    path = "shop/migrations/0002_price.py"
    origin.write(path, (origin.path / path).read_text() + "\n# of the stock\n")
    origin.commit()
    clone.git("fetch", "--quiet")
    clone.migration("0003_discount", "0002_price")
    clone.write(path, (clone.path / path).read_text() + "\n# of discounts\n")
    clone.commit()
    assert run("git", "merge", "--no-edit", "origin/main", cwd=clone.path).code == 1
    clone.write(path, (origin.path / path).read_text() + "\n# and of discounts\n")
    clone.migration("0003_discount", "0003_stock")
    clone.git("add", "--all")
    hook(clone)
    ran = commit(clone)
    assert ran.code == 0, ran


def test_a_conflict_that_is_not_settled_cannot_be_committed_anyhow(clone: Project) -> None:
    origin = Project(clone.path.parent / "project")
    origin.migration("0003_discount", "0003_stock")
    origin.commit()
    clone.commit("Discounts")
    clone.git("fetch", "--quiet")
    assert run("git", "merge", "--no-edit", "origin/main", cwd=clone.path).code == 1
    clone.git("add", "--all")
    hook(clone)
    ran = commit(clone)
    assert ran.code == 1
    assert "RM106 unreadable" in ran.err


def test_a_branch_that_was_rebased_is_judged_on_its_new_base(clone: Project) -> None:
    clone.git("commit", "--quiet", "-m", "Discounts")
    hook(clone)
    clone.migration("0004_more", "0003_discount")
    clone.git("add", "--all")
    assert commit(clone).code == 1, "the first one is in the way already"
    clone.git("reset", "--quiet", "--hard")
    assert run("git", "rebase", "--quiet", "origin/main", cwd=clone.path).code == 0
    clone.migration("0003_discount", "0003_stock")
    clone.git("add", "--all")
    assert commit(clone).code == 0


def test_a_commit_that_pre_commit_names_is_judged_instead_of_the_index(shop: Project) -> None:
    shop.git("checkout", "--quiet", "-b", "broken")
    shop.conflict()
    broken = shop.commit()
    shop.git("checkout", "--quiet", "main")
    assert run("remigrate-migration-graph", cwd=shop.path).code == 0
    pushed = {"PRE_COMMIT_TO_REF": broken}
    assert run("remigrate-migration-graph", cwd=shop.path, env=pushed).code == 1
    assert run("remigrate-migration-graph", "--index", cwd=shop.path, env=pushed).code == 0
