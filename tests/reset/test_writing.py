"""A reset on disk: all of its files or none, whoever is killed and whenever."""

from __future__ import annotations

import fcntl
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remigrate import git
from remigrate.errors import RepositoryFailure
from remigrate.reset import lock, writing
from remigrate.reset.file_change import FileChange
from tests.reset import THOROUGH

Tree = dict[str, tuple[int, bytes]]

WRITER = """
import json, os, signal, sys
from remigrate.reset.file_change import FileChange
from remigrate.reset.writing import write

asked = json.load(sys.stdin)
changes = [
    FileChange(path, *(None if text is None else text.encode() for text in texts))
    for path, *texts in asked["changes"]
]
us, count = os.getpid(), 0

def step(said):
    global count
    count += 1
    if "log" in asked:
        with open(asked["log"], "a") as log:
            print("us" if os.getpid() == us else "finisher", said, file=log)
    if count == asked.get("at"):
        if asked["kill"] == "group":
            os.killpg(us, signal.SIGKILL)
        if asked["kill"] in ("us", "both"):
            os.kill(us, signal.SIGKILL)
        if asked["kill"] == "both" or asked["kill"] == "finisher" and os.getpid() != us:
            os.kill(os.getpid(), signal.SIGKILL)

print("ready", flush=True)
write(asked["top"], changes, step=step)
print("written", flush=True)
"""


def tree(top: Path) -> Tree:
    """What a user sees: every file but git's and byte code, with its mode."""
    return {
        str(path.relative_to(top)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in sorted(top.rglob("*"))
        if path.is_file() and not {".git", "__pycache__"} & set(path.relative_to(top).parts)
    }


def put(top: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)


def history(apps: int, length: int) -> dict[str, bytes]:
    files = {}
    for app in range(apps):
        files[f"app{app}/migrations/__init__.py"] = b""
        files[f"app{app}/models.py"] = b"# models\n"
        for number in range(1, length + 1):
            files[f"app{app}/migrations/{number:04}_old.py"] = b"# %d\r\n" % number
    return files


def resetting(files: dict[str, bytes]) -> list[FileChange]:
    """Deletes all migrations but the first of each app, which is rewritten, and adds two files."""
    changes = []
    for path, before in files.items():
        if path.endswith("0001_old.py"):
            folder = path.rpartition("/")[0]
            changes.append(FileChange(path, before, b"# rewritten\n"))
            changes.append(FileChange(f"{folder}/0001_squashed.py", None, b"# squashed\n"))
            changes.append(FileChange(f"{folder}/guards/__init__.py", None, b""))
        elif path.endswith("_old.py"):
            changes.append(FileChange(path, before, None))
    return changes


def after(old: Tree, changes: list[FileChange]) -> Tree:
    new = dict(old)
    for change in changes:
        mode = new.pop(change.path, (0o644, b""))[0]
        if change.after is not None:
            new[change.path] = (mode, change.after)
    return dict(sorted(new.items()))


class Project:
    """A work tree, a reset of it, and how it looks before and after."""

    def __init__(self, top: Path, apps: int = 2, length: int = 3, git: bool = True) -> None:
        self.top = top
        top.mkdir(exist_ok=True)
        if git:
            subprocess.run(["git", "init", "--quiet", top], check=True)
        files = history(apps, length)
        put(top, files)
        (top / "app0/migrations/0001_old.py").chmod(0o755)
        self.home = top / ".git/remigrate" if git else top / ".remigrate"
        self.changes = resetting(files)
        self.old = tree(top)
        self.new = after(self.old, self.changes)

    def again(self) -> None:
        """As it was at first."""
        shutil.rmtree(self.home, ignore_errors=True)
        for app in self.top.glob("app*"):
            shutil.rmtree(app)
        for name, (mode, content) in self.old.items():
            put(self.top, {name: content})
            (self.top / name).chmod(mode)

    def writer(self, **asked: object) -> subprocess.Popen[str]:
        """Another process that writes the reset."""
        changes = [
            (path, *(None if content is None else content.decode() for content in contents))
            for path, *contents in self.changes
        ]
        program = subprocess.Popen(
            [sys.executable, "-c", WRITER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert program.stdin
        program.stdin.write(json.dumps({"top": str(self.top), "changes": changes, **asked}))
        program.stdin.close()
        program.stdin = None
        return program

    def wait_for_finisher(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                held = os.open(self.home / lock.LOCK, os.O_RDWR)
            except FileNotFoundError:
                return
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.005)
            else:
                return
            finally:
                os.close(held)
        pytest.fail("the finisher does not end")

    def is_new(self) -> bool:
        """Fails unless it is wholly old or wholly new."""
        now = tree(self.top)
        assert now in (self.old, self.new), sorted(now)
        folders = [path for path in self.top.rglob("guards") if path.is_dir()]
        assert bool(folders) == (now == self.new)
        return now == self.new

    def is_tidy(self) -> bool:
        return not self.home.exists()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "top")


def refused(project: Project, *changes: FileChange) -> str:
    """Why a reset is refused; the tree must stay as it is."""
    was = tree(project.top)
    with pytest.raises(RepositoryFailure) as failure:
        writing.write(str(project.top), changes or project.changes)
    assert tree(project.top) == was
    assert project.is_tidy()
    return str(failure.value)


# Written


@pytest.mark.parametrize("with_git", [True, False])
def test_every_file_is_as_asked_and_nothing_else_is_left(tmp_path: Path, with_git: bool) -> None:
    project = Project(tmp_path / "top", git=with_git)
    writing.write(str(project.top), project.changes)
    assert project.is_new()
    assert project.is_tidy()
    assert writing.recover(str(project.top)) is None


def test_modes_are_kept_and_line_endings_are_those_given(project: Project) -> None:
    [change] = [c for c in project.changes if c.path == "app0/migrations/0001_old.py"]
    writing.write(str(project.top), [change._replace(after=b"# one\r\n# two\n")])
    path = project.top / change.path
    assert path.read_bytes() == b"# one\r\n# two\n"
    assert path.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_leaves_a_file_to_whom_it_belongs(project: Project) -> None:
    path = project.top / "app0/migrations/0001_old.py"
    os.chown(path, 1234, 1235)
    writing.write(str(project.top), project.changes)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_a_folder_in_a_repository_can_be_the_top(tmp_path: Path) -> None:
    (tmp_path / "outer").mkdir()
    project = Project(tmp_path / "outer/backend", git=False)
    subprocess.run(["git", "init", "--quiet", tmp_path / "outer"], check=True)
    homes: list[list[str]] = []
    writing.write(
        str(project.top),
        project.changes,
        step=lambda _: homes.append(os.listdir(tmp_path / "outer/.git/remigrate")),
    )
    assert homes  # of the staging, which is in our process
    assert project.is_new()
    assert not (tmp_path / "outer/.git/remigrate").exists()


def test_a_linked_worktree_has_its_own_journal(tmp_path: Path) -> None:
    main = Project(tmp_path / "main")
    commit = ["git", "-C", str(main.top), "commit", "--quiet", "--allow-empty", "-m", "x"]
    subprocess.run(commit, check=True)
    subprocess.run(["git", "-C", main.top, "worktree", "add", "-q", tmp_path / "w"], check=True)
    linked = Project(tmp_path / "w", git=False)
    linked.home = main.top / ".git/worktrees/w/remigrate"
    killed = linked.writer(at=2, kill="us")
    killed.communicate()
    assert linked.home.exists()
    assert writing.recover(str(main.top)) is None
    assert "dropped" in (writing.recover(str(linked.top)) or "")
    assert not linked.is_new()
    assert linked.is_tidy()


def test_stale_byte_code_is_removed_and_other_byte_code_kept(project: Project) -> None:
    folder = project.top / "app0/migrations"
    gone = ["0002_old.pyc", "__pycache__/0002_old.cpython-311.pyc"]
    gone += ["__pycache__/0001_old.cpython-313.opt-1.pyc", "__pycache__/0003_old.pypy39.pyc"]
    kept = ["__pycache__/__init__.cpython-311.pyc", "__pycache__/0002_older.cpython-311.pyc"]
    put(folder, dict.fromkeys([*gone, *kept], b"compiled"))
    writing.write(str(project.top), project.changes)
    assert [name for name in [*gone, *kept] if (folder / name).exists()] == kept
    assert (folder / "__init__.py").exists()


def test_an_empty_folder_of_somebody_who_was_killed_is_removed(project: Project) -> None:
    project.home.mkdir()
    assert writing.recover(str(project.top)) is None
    assert project.is_tidy()


def test_nothing_to_write_is_nothing_done(project: Project) -> None:
    writing.write(str(project.top), [])
    assert not project.is_new()
    assert project.is_tidy()


# Refused


@pytest.mark.parametrize(
    "path",
    ["../out.py", "/etc/out.py", "a/../../out.py", ".git/hooks/x", "a//b.py", "", "A/.GIT/x"],
)
def test_a_path_outside_the_work_tree_is_refused(project: Project, path: str) -> None:
    assert "is not a path in the work tree" in refused(project, FileChange(path, None, b"x"))


def test_a_path_through_a_symbolic_link_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project.top / "linked").symlink_to(tmp_path / "elsewhere")
    (project.top / "file.py").symlink_to(tmp_path / "elsewhere/file.py")
    assert "a symbolic link" in refused(project, FileChange("linked/x.py", None, b"x"))
    assert "a symbolic link" in refused(project, FileChange("file.py", None, b"x"))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_that_somebody_edited_meanwhile_is_refused(project: Project) -> None:
    (project.top / "app1/migrations/0002_old.py").write_text("# mine\n")
    assert "app1/migrations/0002_old.py was edited meanwhile" in refused(project)


def test_a_file_that_somebody_removed_meanwhile_is_refused(project: Project) -> None:
    (project.top / "app1/migrations/0002_old.py").unlink()
    assert "app1/migrations/0002_old.py was removed meanwhile" in refused(project)


def test_a_new_file_never_replaces_one_that_exists(project: Project) -> None:
    (project.top / "app1/migrations/0001_squashed.py").write_text("# mine\n")
    assert "app1/migrations/0001_squashed.py exists already" in refused(project)


def test_a_folder_in_the_place_of_a_file_is_refused(project: Project) -> None:
    (project.top / "app1/migrations/0001_squashed.py").mkdir()
    assert "not a file on the way to app1/migrations/0001_squashed.py" in refused(project)


def test_two_changes_of_one_file_are_refused(project: Project) -> None:
    assert "written twice" in refused(project, project.changes[0], project.changes[0])


def test_the_package_itself_is_never_deleted(project: Project) -> None:
    change = FileChange("app0/migrations/__init__.py", b"", None)
    assert "__init__.py would be deleted" in refused(project, change)


def test_a_second_reset_at_the_same_time_is_refused(project: Project) -> None:
    place = lock.place(str(project.top), os.environ)
    with lock.locked(place, 0), pytest.raises(RepositoryFailure, match="another reset is being"):
        writing.write(str(project.top), project.changes)
    assert not project.is_new()
    writing.write(str(project.top), project.changes)
    assert project.is_new()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_folder_that_is_not_writable_is_refused_before_anything_is_changed(
    project: Project, tmp_path: Path
) -> None:
    subprocess.run(["chown", "-R", "1234", project.top], check=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    os.chown(project.top / "app1/migrations", 0, 0)
    (project.top / "app1/migrations").chmod(0o755)
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setuid(1234)
            writing.write(str(project.top), project.changes)
        except RepositoryFailure as failure:
            code = 0 if "app1/migrations is not writable" in str(failure) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not project.is_new()
    assert project.is_tidy()


# No room


def test_a_file_too_large_to_be_written_changes_nothing(project: Project) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = FileChange("app0/migrations/0002_large.py", None, b"#" * 5000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        why = refused(project, *project.changes, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "too large" in why


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Puts a disk of 64 kB at a folder."""
    mounted = []

    def mount(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        argv = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
        if os.geteuid() or subprocess.run(argv, capture_output=True).returncode:
            pytest.skip("this user cannot mount a file system")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.needs("mount")
def test_a_full_disk_changes_nothing(tmp_path: Path, small_disk: Callable[[Path], None]) -> None:
    small_disk(tmp_path / "top")
    project = Project(tmp_path / "top", apps=1, length=3, git=False)
    large = FileChange("app0/migrations/0002_large.py", None, b"#" * 100_000)
    assert "No space left" in refused(project, *project.changes, large)


@pytest.mark.needs("mount")
def test_a_folder_on_another_disk_is_written_too_or_nothing_is(
    tmp_path: Path, small_disk: Callable[[Path], None]
) -> None:
    small_disk(tmp_path / "top/app1/migrations")
    project = Project(tmp_path / "top")
    large = FileChange("app1/migrations/0002_large.py", None, b"#" * 100_000)
    with pytest.raises(RepositoryFailure, match=r"could not be written: .*No space left"):
        writing.write(str(project.top), [*project.changes, large])
    assert not project.is_new()
    assert project.is_tidy()
    writing.write(str(project.top), project.changes)
    assert project.is_new()
    assert project.is_tidy()


# Stopped


def steps(project: Project, log: Path) -> list[str]:
    """What a whole reset tells of, each after the process that does it."""
    writer = project.writer(log=str(log))
    assert "written" in writer.communicate()[0]
    project.again()
    return log.read_text().splitlines()


def test_a_disk_that_fails_at_any_step_leaves_the_tree_wholly_old(
    project: Project, tmp_path: Path
) -> None:
    told = steps(project, tmp_path / "log")
    outcomes = set()
    for at in range(1, len(told) + 1):
        count = 0

        def fail(said: str, at: int = at) -> None:
            nonlocal count
            count += 1
            if count == at:
                raise OSError(28, "No space left on device", said)

        with pytest.raises(RepositoryFailure) as failure:
            writing.write(str(project.top), project.changes, step=fail)
        is_last = told[at - 1] == "finisher over"
        assert ("complete, but its journal" in str(failure.value)) == is_last
        assert project.is_new() == is_last, told[at - 1]
        writing.recover(str(project.top))
        assert project.is_new() == is_last
        assert project.is_tidy()
        outcomes.add(is_last)
        project.again()
    assert outcomes == {True, False}


@pytest.mark.parametrize("kill", ["us", "group", "finisher", "both"])
def test_a_kill_at_any_step_leaves_the_tree_whole(
    project: Project, tmp_path: Path, kill: str
) -> None:
    told = steps(project, tmp_path / "log")
    outcomes = []
    for at, said in enumerate(told, 1):
        writer = project.writer(at=at, kill=kill)
        writer.communicate()
        project.wait_for_finisher()
        if kill != "both":  # somebody was left to finish it
            new = project.is_new()
            assert new == (said.startswith("finisher") or kill == "finisher"), said
        writing.recover(str(project.top))
        outcomes.append(project.is_new())
        assert project.is_tidy(), said
        project.again()
    decided = [said.startswith("finisher") or kill == "finisher" for said in told]
    assert outcomes == decided


def test_a_kill_at_any_moment_leaves_the_tree_whole(tmp_path: Path) -> None:
    project = Project(tmp_path / "top", apps=6, length=6)
    started = time.monotonic()
    writing.write(str(project.top), project.changes)
    lasts = time.monotonic() - started
    moments = random.Random(4)
    for number in range(24 if THOROUGH else 9):
        project.again()
        writer = project.writer()
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 1.2 * lasts))
        finishers = children(writer.pid) if number % 3 == 2 else []
        for pid in [writer.pid, *finishers]:
            with_force(pid)
        writer.communicate()
        project.wait_for_finisher()
        new = None if finishers else project.is_new()
        writing.recover(str(project.top))
        assert project.is_new() in ({new} if new is not None else {True, False})
        assert project.is_tidy()


def children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except FileNotFoundError:  # it has ended, or this is not Linux
        return []


def with_force(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_an_interrupt_waits_until_all_is_written(project: Project) -> None:
    us = os.getpid()

    def interrupt(said: str) -> None:
        if said == "going":
            os.kill(us, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        writing.write(str(project.top), project.changes, step=interrupt)
    assert project.is_new()
    assert project.is_tidy()


def test_an_interrupt_before_the_decision_leaves_nothing(project: Project) -> None:
    def interrupt(said: str) -> None:
        if said == "staged everything":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        writing.write(str(project.top), project.changes, step=interrupt)
    assert not project.is_new()
    assert project.is_tidy()


def test_a_file_edited_while_others_are_written_keeps_the_edit(project: Project) -> None:
    path = project.top / project.changes[-1].path

    def edit(said: str) -> None:
        if said == "going":
            path.write_text("# mine\n")

    with pytest.raises(RepositoryFailure, match="was changed meanwhile"):
        writing.write(str(project.top), project.changes, step=edit)
    mine = {project.changes[-1].path: (0o644, b"# mine\n")}
    assert tree(project.top) == project.old | mine
    assert project.is_tidy()


# Recovered


def half_way(project: Project, tmp_path: Path) -> None:
    """Both processes killed after the first file."""
    told = steps(project, tmp_path / "log")
    at = next(at for at, said in enumerate(told, 1) if said.startswith("finisher after"))
    project.writer(at=at, kill="both").communicate()
    assert tree(project.top) not in (project.old, project.new)


def test_the_next_run_says_that_it_finished_the_reset(project: Project, tmp_path: Path) -> None:
    half_way(project, tmp_path)
    said = writing.recover(str(project.top))
    assert said == f"An interrupted reset was finished: {len(project.changes)} files."
    assert writing.recover(str(project.top)) is None


def test_a_reset_first_finishes_the_one_before(project: Project, tmp_path: Path) -> None:
    half_way(project, tmp_path)
    writing.write(str(project.top), [FileChange("app0/new.py", None, b"")])
    assert tree(project.top) == dict(sorted((project.new | {"app0/new.py": (0o644, b"")}).items()))


def test_an_edit_after_the_kill_stops_the_recovery(project: Project, tmp_path: Path) -> None:
    half_way(project, tmp_path)
    path = project.top / project.changes[-1].path
    before = path.read_bytes()
    path.write_text("# mine\n")
    was = tree(project.top)
    with pytest.raises(RepositoryFailure) as failure:
        writing.recover(str(project.top))
    assert tree(project.top) == was
    assert project.changes[-1].path in str(failure.value)
    assert "run this again; or" in failure.value.hint
    path.write_bytes(before)
    assert "finished" in (writing.recover(str(project.top)) or "")
    assert project.is_new()


def test_a_tree_that_was_put_back_by_hand_stays_so(project: Project, tmp_path: Path) -> None:
    half_way(project, tmp_path)
    for change in project.changes:
        if change.before is None:
            (project.top / change.path).unlink(missing_ok=True)
        else:
            (project.top / change.path).write_bytes(change.before)
    said = writing.recover(str(project.top))
    assert said == f"An interrupted reset was taken back: {len(project.changes)} files."
    assert tree(project.top).keys() == project.old.keys()
    assert project.is_tidy()


def test_a_journal_that_names_a_path_outside_is_not_followed(
    project: Project, tmp_path: Path
) -> None:
    half_way(project, tmp_path)
    [manifest] = project.home.glob("*/manifest.json")
    data = json.loads(manifest.read_text())
    data["entries"][0][0] = "../out.py"
    manifest.write_text(json.dumps(data))
    with pytest.raises(RepositoryFailure, match="outside the work tree"):
        writing.recover(str(project.top))
    assert not (project.top.parent / "out.py").exists()


def test_a_damaged_journal_is_said(project: Project, tmp_path: Path) -> None:
    half_way(project, tmp_path)
    [manifest] = project.home.glob("*/manifest.json")
    manifest.write_text("{")
    was = tree(project.top)
    with pytest.raises(RepositoryFailure, match="damaged"):
        writing.recover(str(project.top))
    assert tree(project.top) == was


def test_a_recovery_that_is_killed_is_recovered(project: Project, tmp_path: Path) -> None:
    half_way(project, tmp_path)
    recoverer = (
        "import os, sys\nfrom remigrate.reset.writing import recover\n"
        "recover(sys.argv[1], step=lambda said: os.kill(os.getpid(), 9) "
        "if said.startswith('after') and '1_sq' in said else None)"
    )
    done = subprocess.run([sys.executable, "-c", recoverer, project.top])
    assert done.returncode == -signal.SIGKILL
    assert "finished" in (writing.recover(str(project.top)) or "")
    assert project.is_new()
    assert project.is_tidy()


# Uncommitted


def test_uncommitted_and_untracked_files_are_dirty(project: Project) -> None:
    top = project.top
    for argv in (["add", "-A"], ["commit", "--quiet", "-m", "x"]):
        subprocess.run(["git", "-C", top, *argv], check=True)
    repository = git.open_repository(str(top / "app1"), os.environ)
    folders = ["app0/migrations", "app1/migrations"]
    assert writing.dirty(repository, folders) == ()
    put(top, {"app0/migrations/0009 new.py": b"", "app0/models.py": b"# other\n"})
    put(top, {"app0/migrations/__pycache__/0001_old.cpython-311.pyc": b""})
    (top / "app1/migrations/0001_old.py").write_text("# staged\n")
    subprocess.run(["git", "-C", top, "add", "app1/migrations/0001_old.py"], check=True)
    (top / "app1/migrations/0002_old.py").unlink()
    expected = ["app0/migrations/0009 new.py", "app1/migrations/0001_old.py"]
    expected += ["app1/migrations/0002_old.py"]
    assert writing.dirty(repository, folders) == tuple(expected)
    assert writing.dirty(repository, ["app0"]) == (expected[0], "app0/models.py")
    assert writing.dirty(repository, [""]) == tuple(sorted([*expected, "app0/models.py"]))
    assert writing.dirty(repository, []) == ()


def test_files_in_conflict_are_dirty(project: Project) -> None:
    def run(*argv: str, ok: tuple[int, ...] = (0,)) -> None:
        done = subprocess.run(["git", "-C", project.top, *argv], capture_output=True)
        assert done.returncode in ok, done.stderr

    run("checkout", "-q", "-b", "one")
    run("add", "-A")
    run("commit", "-qm", "start")
    run("branch", "two")
    put(project.top, {"app0/migrations/0001_old.py": b"# ours\n"})
    run("commit", "-qam", "ours")
    run("checkout", "-q", "two")
    put(project.top, {"app0/migrations/0001_old.py": b"# theirs\n"})
    run("commit", "-qam", "theirs")
    run("merge", "one", ok=(1,))
    repository = git.open_repository(str(project.top), os.environ)
    assert writing.dirty(repository, ["app0/migrations"]) == ("app0/migrations/0001_old.py",)
