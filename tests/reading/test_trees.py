"""Work tree, index, commit and clone show the same files; no link is followed out of them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from remigrate import load, trees
from remigrate.memory import NoCache
from remigrate.model import MAX_BYTES, Broken, Header, Project, Unread
from tests.reading.conftest import Make
from tests.reading.repositories import (
    Repository,
    app,
    inside,
    migration,
    names,
    opened,
    read,
    tree,
)

PROJECT = {
    "manage.py": "",
    "site/settings.py": "AUTH_USER_MODEL = 'users.User'\n",
    "models.py": "",
    **app("shop", "0001_initial", "0002_a", "0003_b"),
    **app("apps/users", "0001_initial"),
    "apps/users/apps.py": "from django.apps import AppConfig\n",
    "shop/migrations/0004_bad.py": "class (\n",
    "shop/migrations/0005_user.py": "from django.conf import settings\n"
    + migration("0003_b").replace(
        "('shop', '0003_b')", "migrations.swappable_dependency(settings.AUTH_USER_MODEL)"
    ),
}
SHOP = "shop/migrations"


@pytest.fixture
def repository(make: Make) -> Repository:
    found = make(PROJECT)
    (found.path / SHOP / "0006_link.py").symlink_to("../../models.py")
    (found.path / SHOP / "0007_link.py").symlink_to("0001_initial.py")
    (found.path / SHOP / "0008_link.py").symlink_to("0007_link.py")
    found.commit()
    return found


def clone(repository: Repository, name: str, *options: str) -> Repository:
    other = Repository(repository.path.parent / name)
    url = f"file://{repository.path}"
    repository.git("clone", "-q", *options, url, other.path)
    return other


def test_one_project_is_the_same_wherever_it_is_read(repository: Repository) -> None:
    expected = read(repository, "HEAD")
    assert len(expected.apps) == 2
    assert len(expected.apps[1].migrations) == 8
    repository.git("tag", "-a", "-m", "x", "v1")
    repository.git("worktree", "add", "-q", "../linked")
    readings = {
        "work tree": read(repository),
        "index": read(repository, index=True),
        "branch": read(repository, "main"),
        "tag": read(repository, "v1"),
        "a tree": read(repository, "HEAD^{tree}"),
        "a clone, by revision": read(clone(repository, "plain"), "HEAD"),
        "bare": read(clone(repository, "bare.git", "--bare")),
        "mirror": read(clone(repository, "mirror.git", "--mirror"), "main"),
        "shallow": read(clone(repository, "shallow", "--depth=1")),
        "shallow, by revision": read(Repository(repository.path.parent / "shallow"), "HEAD"),
        "partial": read(clone(repository, "partial", "--filter=blob:none")),
        "linked": read(repository.path.parent / "linked"),
        "linked, index": read(repository.path.parent / "linked", index=True),
        ".git": read(repository.path / ".git", "HEAD"),
    }
    assert {name for name, found in readings.items() if found != expected} == set()


def test_git_may_keep_its_folder_elsewhere(repository: Repository, tmp_path: Path) -> None:
    expected = read(repository, "HEAD")
    other = tmp_path / "with space"
    repository.git("clone", "-q", f"--separate-git-dir={tmp_path / 'git:dir'}", ".", other)
    assert read(other) == read(other, index=True) == read(other, "HEAD") == expected


def test_long_object_ids_are_no_different(tmp_path: Path, make: Make) -> None:
    from tests.reading.repositories import new

    short = make(PROJECT)
    long = new(tmp_path / "long", PROJECT, "--object-format=sha256")
    for one in (short, long):
        one.write({f"{SHOP}/0009_new.py": migration("0003_b")})

    def plain(project: Project) -> list[object]:
        return [[(m.name, m.header) for m in app.migrations] for app in project.apps]

    assert plain(read(long)) == plain(read(short))
    assert plain(read(long, "HEAD")) == plain(read(short, "HEAD"))
    assert all(len(m.blob) == 64 for a in read(long, "HEAD").apps for m in a.migrations)


def test_only_the_folder_that_was_asked_for_is_looked_at(repository: Repository) -> None:
    for head in (None, "HEAD"):
        assert set(names(read(repository.path / "apps", head))) == {"apps/users/migrations"}
        assert set(names(read(repository.path / "shop", head))) == {SHOP}
        assert set(names(read(repository.path / SHOP, head))) == {SHOP}
    assert set(names(read(repository.path / "apps", index=True))) == {"apps/users/migrations"}


# The work tree


def test_modified_files_are_read_as_they_are_on_disk(repository: Repository) -> None:
    repository.write({f"{SHOP}/0002_a.py": migration("0001_other")})
    assert "0001_other" in str(read(repository))
    assert "0001_other" not in str(read(repository, index=True))
    repository.git("add", ".")
    assert "0001_other" in str(read(repository, index=True))
    assert "0001_other" not in str(read(repository, "HEAD"))


def test_the_same_size_and_time_do_not_hide_a_change(repository: Repository) -> None:
    """Git calls a file that is as old as its index racy, and looks at its content."""
    path = repository.path / SHOP / "0002_a.py"
    path.write_text(migration("0001_another"))
    repository.commit()
    before = path.stat()
    path.write_text(migration("0001_initial"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read(repository) != read(repository, index=True)


def test_a_file_that_was_only_touched_is_not_changed(repository: Repository) -> None:
    os.utime(repository.path / SHOP / "0002_a.py", (1, 1))
    seen = tree(repository)
    assert seen.changed == ()
    assert load.load(seen, NoCache()) == read(repository, "HEAD")


def test_deleted_files_are_gone(repository: Repository) -> None:
    (repository.path / SHOP / "0003_b.py").unlink()
    assert "0003_b" not in names(read(repository))[SHOP]
    assert "0003_b" in names(read(repository, index=True))[SHOP]
    repository.git("add", "-A")
    assert "0003_b" not in names(read(repository, index=True))[SHOP]


def test_untracked_files_count_and_ignored_files_do_not(repository: Repository) -> None:
    repository.write(
        {
            f"{SHOP}/0009_new.py": migration("0003_b"),
            f"{SHOP}/0009_hidden.py": migration("0003_b"),
            ".gitignore": "*_hidden.py\n",
        }
    )
    found = names(read(repository))[SHOP]
    assert "0009_new" in found
    assert "0009_hidden" not in found
    repository.git("add", "-f", f"{SHOP}/0009_hidden.py")
    assert "0009_hidden" in names(read(repository))[SHOP]


def test_an_untracked_app_counts(repository: Repository) -> None:
    repository.write(app("blog", "0001_initial"))
    assert names(read(repository))["blog/migrations"] == ["0001_initial"]
    assert "blog/migrations" not in names(read(repository, index=True))


def test_an_app_in_a_repository_of_its_own_is_not_ours(repository: Repository, make: Make) -> None:
    make(app("blog", "0001_initial"), name="project/nested")
    assert set(names(read(repository))) == {"apps/users/migrations", SHOP}


def test_files_that_were_announced_only_are_read(repository: Repository) -> None:
    repository.write({f"{SHOP}/0009_new.py": migration("0003_b")})
    repository.git("add", "-N", ".")
    found = {one.name: one for one in read(repository).apps[1].migrations}
    header = found["0009_new"].header
    assert isinstance(header, Header)
    assert header.dependencies[0].name == "0003_b"


@pytest.mark.parametrize("by", ["git mv", "mv"])
def test_renamed_files_have_their_new_name(repository: Repository, by: str) -> None:
    old, new = f"{SHOP}/0003_b.py", f"{SHOP}/0003_better.py"
    if by == "git mv":
        repository.git("mv", old, new)
    else:
        (repository.path / old).rename(repository.path / new)
    found = names(read(repository))[SHOP]
    assert "0003_better" in found
    assert "0003_b" not in found
    assert ("0003_better" in names(read(repository, index=True))[SHOP]) == (by == "git mv")


def test_of_an_unmerged_file_the_disk_counts_and_in_the_index_our_side(
    repository: Repository,
) -> None:
    path = f"{SHOP}/0002_a.py"
    repository.git("checkout", "-q", "-b", "theirs")
    repository.commit({path: migration("0001_theirs"), f"{SHOP}/0003_b.py": migration("0002_x")})
    repository.git("checkout", "-q", "main")
    repository.commit({path: migration("0001_ours")})
    repository.git("rm", "-q", f"{SHOP}/0003_b.py")
    repository.git("commit", "-q", "-m", "x")
    repository.git("merge", "theirs", ok=(1,))
    found = {one.name: one.header for one in read(repository).apps[1].migrations}
    on_disk = found["0002_a"]
    assert isinstance(on_disk, Broken)
    assert on_disk.why == "conflict markers were left in it"
    index = {one.name: one.header for one in read(repository, index=True).apps[1].migrations}
    ours = index["0002_a"]
    assert isinstance(ours, Header)
    assert [ref.name for ref in ours.dependencies] == ["0001_ours"]
    assert "0003_b" not in index


def test_an_empty_repository_has_nothing_but_its_work_tree(tmp_path: Path) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    Repository(tmp_path).write(app("shop", "0001_initial"))
    assert names(read(tmp_path)) == {SHOP: ["0001_initial"]}
    assert names(read(tmp_path, index=True)) == {}


def test_files_that_a_sparse_checkout_leaves_out_are_read_from_the_index(
    repository: Repository,
) -> None:
    expected = read(repository, "HEAD")
    repository.git("sparse-checkout", "set", "apps")
    assert not (repository.path / "shop").exists()
    assert read(repository) == expected
    assert read(repository, index=True) == expected
    repository.git("sparse-checkout", "set", "--sparse-index", "apps")
    assert read(repository) == expected


def test_a_file_on_disk_counts_even_where_the_checkout_is_sparse(repository: Repository) -> None:
    repository.git("sparse-checkout", "set", "apps")
    repository.write({f"{SHOP}/0002_a.py": migration("0001_other")})
    assert "0001_other" in str(read(repository))


def test_windows_line_ends_do_not_make_a_difference(repository: Repository) -> None:
    expected = read(repository, "HEAD")
    repository.git("config", "core.autocrlf", "true")
    repository.git("rm", "-q", "-r", "--cached", ".")
    repository.git("reset", "-q", "--hard")
    assert b"\r\n" in (repository.path / SHOP / "0001_initial.py").read_bytes()
    found = read(repository)
    assert [a.migrations for a in found.apps] == [a.migrations for a in expected.apps]


# Links, folders, pipes


def header(repository: Repository, name: str, head: str | None = None) -> Header | Broken:
    found = {m.name: m.header for a in read(repository, head).apps for m in a.migrations}
    return found[name]


def test_a_link_inside_the_repository_is_followed_everywhere(repository: Repository) -> None:
    repository.commit({"models.py": migration("0003_b")})
    for head in (None, "HEAD"):
        seen = header(repository, "0006_link", head)
        assert isinstance(seen, Header)
        assert [ref.name for ref in seen.dependencies] == ["0003_b"]
    index = {m.name: m.header for m in read(repository, index=True).apps[1].migrations}
    assert index["0006_link"] == header(repository, "0006_link")


LINKS = {
    "outside": "../../../outside.py",
    "absolute": "/etc/hostname",
    "dangling": "nothing.py",
    "itself": "0009_link.py",
    "a folder": "../../apps",
    "a circle": "0010_link.py",
}


@pytest.mark.parametrize("target", LINKS.values(), ids=LINKS)
def test_a_link_that_leads_nowhere_good_is_broken(repository: Repository, target: str) -> None:
    (repository.path.parent / "outside.py").write_text(migration("0001_secret"))
    (repository.path / SHOP / "0009_link.py").symlink_to(target)
    (repository.path / SHOP / "0010_link.py").symlink_to("0009_link.py")
    for name in ("0009_link", "0010_link"):
        assert isinstance(header(repository, name), Broken)
    repository.commit()
    for head in (None, "HEAD"):
        for name in ("0009_link", "0010_link"):
            found = header(repository, name, head)
            assert isinstance(found, Broken), found
            assert found.why.startswith("it ")
    index = {m.name: m.header for m in read(repository, index=True).apps[1].migrations}
    assert isinstance(index["0009_link"], Broken)


def test_a_long_chain_of_links_ends(repository: Repository) -> None:
    folder = repository.path / SHOP
    for at in range(20):
        (folder / f"1{at:03}_link.py").symlink_to(f"1{at + 1:03}_link.py")
    (folder / "1020_link.py").symlink_to("0001_initial.py")
    repository.commit()
    assert isinstance(header(repository, "1000_link", "HEAD"), Broken)
    assert isinstance(header(repository, "1019_link", "HEAD"), Header)
    assert isinstance(header(repository, "1000_link"), Header)


def test_a_link_to_a_file_that_is_not_committed_is_read_from_disk_alone(
    repository: Repository,
) -> None:
    repository.write({"later.py": migration("0003_b")})
    (repository.path / SHOP / "0009_link.py").symlink_to("../../later.py")
    repository.git("add", SHOP)
    assert isinstance(header(repository, "0009_link"), Header)
    index = {m.name: m.header for m in read(repository, index=True).apps[1].migrations}
    assert isinstance(index["0009_link"], Broken)


def test_a_pipe_is_not_waited_for(repository: Repository) -> None:
    folder = repository.path / SHOP
    os.mkfifo(folder / "0009_pipe.py")
    os.mkfifo(folder / "pipe")
    (folder / "0010_link.py").symlink_to("pipe")
    (folder / "0002_a.py").unlink()
    os.mkfifo(folder / "0002_a.py")
    done: list[Project] = []
    thread = threading.Thread(target=lambda: done.append(read(repository)), daemon=True)
    thread.start()
    thread.join(20)
    assert done, "it waits for somebody to write"
    found = {m.name: m.header for m in done[0].apps[1].migrations}
    assert found["0002_a"] == Broken(1, 0, "it is not a regular file")
    assert found["0010_link"] == Broken(1, 0, "it is not a regular file")
    assert isinstance(found["0001_initial"], Header)


def test_a_file_that_became_a_folder_is_broken(repository: Repository) -> None:
    path = repository.path / SHOP / "0002_a.py"
    path.unlink()
    path.mkdir()
    assert isinstance(header(repository, "0002_a"), Broken)


def test_a_file_that_became_a_link_and_a_link_that_became_a_file(repository: Repository) -> None:
    folder = repository.path / SHOP
    (folder / "0002_a.py").unlink()
    (folder / "0002_a.py").symlink_to("0001_initial.py")
    (folder / "0007_link.py").unlink()
    repository.write({f"{SHOP}/0007_link.py": migration("0003_b")})
    on_disk = read(repository)
    repository.commit()
    assert on_disk == read(repository) == read(repository, "HEAD")


def test_an_unreadable_file_is_broken(as_nobody: Path) -> None:
    place = as_nobody / "0001_initial.py"
    place.write_text(migration())
    place.chmod(0)
    found = trees.content(str(as_nobody), "0001_initial.py")
    assert found == Broken(1, 0, "it cannot be opened: Permission denied")


def test_a_file_that_is_too_large_is_unread_everywhere(repository: Repository) -> None:
    path = f"{SHOP}/0009_large.py"
    repository.write({path: b"#" * (MAX_BYTES + 100)})
    why = Unread("dependencies", 1, "it is larger than 2 MiB")
    large = Header(1, atomic=None, unread=(why,))
    assert header(repository, "0009_large") == large
    repository.commit()
    for head in (None, "HEAD"):
        assert header(repository, "0009_large", head) == large


def test_reading_writes_nothing_into_the_repository(repository: Repository) -> None:
    repository.git("config", "core.untrackedCache", "true")
    repository.write({f"{SHOP}/0002_a.py": "x = 1\n", f"{SHOP}/0009_new.py": migration()})
    os.utime(repository.path / SHOP / "0001_initial.py", (1, 1))
    before = inside(repository.path)
    read(repository)
    read(repository, index=True)
    read(repository, "HEAD")
    assert inside(repository.path) == before


@pytest.mark.parametrize("content", [b"", b"x", b"a\r\nb\0\xff" * 1000])
def test_a_blob_has_the_id_that_git_gives_it(repository: Repository, content: bytes) -> None:
    oid = repository.git("hash-object", "--stdin", stdin=content).decode().strip()
    assert trees.blob_id(content) == oid


def test_a_missing_object_is_said(repository: Repository) -> None:
    from remigrate.errors import RepositoryFailure

    blob = repository.word("rev-parse", f"HEAD:{SHOP}/0002_a.py")
    (repository.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RepositoryFailure, match=f"the object {blob} is missing"):
        read(repository, "HEAD")
    assert opened(repository).top == str(repository.path)
