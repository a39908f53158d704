"""What a reset is asked by mistake, and histories, projects and machines that let it down.

Each is told in words, with the exit code that the help names, and nothing is written.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from remigrate.errors import FINDINGS, OK
from tests.cli.project import BIN, Ran, refused, run
from tests.reset import store
from tests.reset.store import Bookshop, migration

USAGE, REPOSITORY, ENVIRONMENT = 2, 3, 4


@pytest.fixture
def shop(tmp_path: Path) -> Bookshop:
    return Bookshop.open(tmp_path / "bookshop")


def failed(shop: Bookshop, ran: Ran, code: int, *said: str) -> None:
    """Hold that a reset ended so, said so, and changed nothing."""
    assert not any(line.startswith("Traceback") for line in ran.err.splitlines())
    assert ran.code == code, ran
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    for words in said:
        assert words in ran.err
    assert shop.status() == []


def add(shop: Bookshop, name: str, *operations: str, code: str = "", message: str = "") -> None:
    """Commit one more migration of ``shop`` after the last one."""
    text = migration([("shop", shop.migrations()[-1])], operations, code)
    shop.write(f"shop/migrations/{name}.py", text)
    shop.commit(message or name)


# Not what was meant


def test_an_app_that_does_not_exist_gets_the_nearest_name(shop: Bookshop) -> None:
    refused(
        shop.reset("shpo"), USAGE, "no app shpo has migrations in this repository",
        "Did you mean shop?",
    )  # fmt: skip
    refused(
        shop.reset("blog"), USAGE, "no app blog has migrations in this repository",
        "Apps with migrations: orders, shop.",
    )  # fmt: skip
    assert shop.status() == []


def test_an_app_of_somebody_else_is_not_ours_to_reset(shop: Bookshop) -> None:
    refused(
        shop.reset("contenttypes"), USAGE,
        "no app contenttypes has migrations in this repository", "orders, shop",
    )  # fmt: skip


def test_without_names_only_apps_with_findings_are_meant(shop: Bookshop) -> None:
    refused(shop.reset(), USAGE, "nothing is wrong with the graph", "remigrate reset --all")


def test_a_base_that_nobody_knows(shop: Bookshop) -> None:
    refused(
        shop.reset("--all", "--base", "nope"), REPOSITORY, "unknown revision: nope", "git branch"
    )


def test_a_base_that_is_ahead_of_the_work_tree(shop: Bookshop) -> None:
    shop.git("branch", "behind")
    add(shop, "0007_more")
    shop.git("checkout", "--quiet", "behind")
    refused(
        shop.reset("--all", "--base", "main"), REPOSITORY,
        "main has shop.0007_more, and the work tree does not", "git merge main",
    )  # fmt: skip
    assert shop.status() == []


def test_a_bare_repository(shop: Bookshop, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    shop.git("clone", "--quiet", "--bare", str(shop.path), bare)
    refused(
        shop.reset("--all", "--path", bare), REPOSITORY, f"{bare} is a bare repository",
        "where the project is checked out",
    )  # fmt: skip


def test_a_repository_without_migrations(tmp_path: Path) -> None:
    empty = Bookshop(tmp_path)
    empty.git("init", "--quiet")
    refused(empty.reset("--all"), REPOSITORY, "no migrations found in .", "--path")


@pytest.mark.parametrize("how", ["edited", "staged", "untracked", "deleted"])
def test_changes_that_are_not_committed(shop: Bookshop, how: str) -> None:
    path = "shop/migrations/0006_by_price.py"
    if how in ("edited", "staged"):
        shop.write(path, (shop.path / path).read_text() + "\n# mine\n")
    if how == "staged":
        shop.git("add", "--all")
    if how == "untracked":
        path = "shop/migrations/notes.txt"
        shop.write(path, "mine")
    if how == "deleted":
        (shop.path / path).unlink()
    before = shop.snapshot()
    refused(
        shop.reset("shop"), REPOSITORY, f"{path} has changes that are not committed",
        "--allow-dirty",
    )  # fmt: skip
    assert shop.snapshot() == before


def test_changes_elsewhere_do_not_matter_and_stay(shop: Bookshop) -> None:
    shop.write("README", "mine")
    before = (shop.path / "README").read_bytes()
    assert shop.reset("shop").code == OK
    assert (shop.path / "README").read_bytes() == before


def test_uncommitted_migrations_can_be_a_part_of_it(shop: Bookshop) -> None:
    path = "shop/migrations/0006_by_price.py"
    shop.write(path, (shop.path / path).read_text() + "\n# mine\n")
    assert shop.reset("shop", "--allow-dirty").code == OK


# The models and the graph


@pytest.mark.parametrize("field", ["models.IntegerField(default=0)", "models.IntegerField()"])
def test_an_app_whose_models_have_drifted(shop: Bookshop, field: str) -> None:
    """Also where Django would ask for a default: no reset may make one up."""
    line = "    price = models.IntegerField(default=0)\n"
    shop.write("shop/models.py", store.SHOP.replace(line, f"{line}    weight = {field}\n"))
    shop.commit("Weigh")
    said = "shop: Add field weight to product"
    way_out = "Write the missing migrations first: remigrate check --drift --fix"
    failed(shop, shop.reset("shop"), ENVIRONMENT, f"do not agree: {said}", way_out)
    found = shop.told("--all")
    assert [app["label"] for app in found["apps"]] == ["orders"]
    (refusal,) = found["refused"]
    assert refusal["app"] == "shop"
    assert "Add field weight to product" in refusal["why"]
    assert not any(line[3:].startswith("shop/") for line in shop.status())


def test_a_circle_in_another_app(shop: Bookshop) -> None:
    path = "shop/migrations/0003_seed.py"
    text = (shop.path / path).read_text()
    shop.write(path, text.replace("('shop', '0002_category')", "('shop', '0004_price')"))
    shop.commit("A circle")
    ran = shop.reset("orders")
    failed(shop, ran, ENVIRONMENT, "Django cannot load the migrations: CircularDependencyError")
    told = shop.reset("shop", "--format", "json")
    assert told.code in (FINDINGS, ENVIRONMENT)
    assert "circle" in told.out + told.err.lower() or "Circular" in told.err


def test_a_dependency_on_nothing_in_another_app(shop: Bookshop) -> None:
    path = "shop/migrations/0003_seed.py"
    text = (shop.path / path).read_text()
    shop.write(path, text.replace("('shop', '0002_category')", "('shop', '0002_gone')"))
    shop.commit("Dangling")
    failed(
        shop, shop.reset("orders"), ENVIRONMENT,
        "Django cannot load the migrations: NodeNotFoundError", "0002_gone",
    )  # fmt: skip


def test_a_migration_of_another_app_that_is_no_python(shop: Bookshop) -> None:
    shop.write("shop/migrations/0007_oops.py", "class Migration(:\n")
    shop.commit("Oops")
    failed(shop, shop.reset("orders"), ENVIRONMENT, "0007_oops.py", "SyntaxError")


def test_a_migration_that_is_a_link_to_nothing(shop: Bookshop) -> None:
    (shop.path / "shop/migrations/0007_lost.py").symlink_to("/nowhere/at/all.py")
    shop.commit("A link")
    ran = shop.reset("shop", "--format", "json")
    assert ran.code == FINDINGS, ran.err
    (refusal,) = json.loads(ran.out)["refused"]
    assert refusal["why"].startswith("shop.0007_lost cannot be read: ")
    assert shop.status() == []


def test_a_comment_in_no_encoding(shop: Bookshop) -> None:
    """Python up to 3.12 reads such a file, so there are some."""
    path = shop.path / "shop/migrations/0003_seed.py"
    path.write_bytes(path.read_bytes() + b"# caf\xe9\n")
    shop.commit("A comment")
    ran = shop.reset("shop")
    assert ran.code in (OK, ENVIRONMENT), ran.err
    assert "bug of remigrate" not in ran.err


# Migrations that cannot run from empty


def test_an_operation_that_fails_on_an_empty_database(shop: Bookshop) -> None:
    code = 'def first(apps, schema_editor):\n    apps.get_model("shop", "Product").objects.get()\n'
    add(shop, "0007_first", "migrations.RunPython(first)", code=code)
    failed(
        shop, shop.reset("--all"), ENVIRONMENT,
        "the old history cannot be migrated on an empty database: shop.0007_first, ",
        "DoesNotExist: Product matching query does not exist",
        "A new database cannot be built from it today either",
    )  # fmt: skip


def test_a_migration_that_wants_a_fixture_which_is_not_there(shop: Bookshop) -> None:
    code = (
        "def load(apps, schema_editor):\n"
        "    from django.core.management import call_command\n\n"
        '    call_command("loaddata", "cities.json")\n'
    )
    add(shop, "0007_cities", "migrations.RunPython(load)", code=code)
    failed(
        shop, shop.reset("--all"), ENVIRONMENT,
        "cannot be migrated on an empty database: shop.0007_cities, ",
        "No fixture named 'cities' found",
    )  # fmt: skip


def test_a_migration_that_wants_the_network(shop: Bookshop) -> None:
    code = (
        "def fetch(apps, schema_editor):\n"
        "    import urllib.request\n\n"
        '    urllib.request.urlopen("http://127.0.0.1:1/rates", timeout=5)\n'
    )
    add(shop, "0007_rates", "migrations.RunPython(fetch)", code=code)
    failed(
        shop, shop.reset("--all"), ENVIRONMENT,
        "cannot be migrated on an empty database: shop.0007_rates, ", "Connection refused",
    )  # fmt: skip


def test_a_migration_that_wants_a_package_which_is_not_installed(shop: Bookshop) -> None:
    add(shop, "0007_rates", code="import a_package_of_rates\n")
    failed(shop, shop.reset("orders"), ENVIRONMENT, "a_package_of_rates", "0007_rates.py")


def test_a_migration_that_never_ends(shop: Bookshop) -> None:
    code = "def wait(apps, schema_editor):\n    while True:\n        pass\n"
    add(shop, "0007_wait", "migrations.RunPython(wait)", code=code)
    shop.configure("migrate-time-limit = 3")
    shop.commit("Not for ever")
    words = "in 3 seconds", "More time: migrate-time-limit in"
    failed(shop, shop.reset("--all"), ENVIRONMENT, *words)


def test_a_migration_that_ends_the_process(shop: Bookshop) -> None:
    code = "import os\n\n\ndef leave(apps, schema_editor):\n    os._exit(0)\n"
    add(shop, "0007_leave", "migrations.RunPython(leave)", code=code)
    failed(shop, shop.reset("--all"), ENVIRONMENT, "ended without an answer")


def test_settings_that_do_not_install_an_app(shop: Bookshop) -> None:
    """It may be a template, or an app of another site: nobody can tell what its files do."""
    settings = store.SETTINGS.replace(', "orders"', "")
    shop.write("store/settings.py", settings)
    shop.commit("No orders for now")
    found = shop.told("--all")
    assert [app["label"] for app in found["apps"]] == ["shop"]
    assert [file for file in found["files"] if file["path"].startswith("orders/")] == [
        {"path": "orders/migrations/0001_initial.py", "action": "change"}
    ], "its dependency is pointed at the squash"
    named = shop.reset("orders", "--allow-dirty", "--format", "json")
    assert named.code == FINDINGS
    assert "settings do not install it" in named.out


# Databases


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_database_that_refuses_the_connection(shop: Bookshop) -> None:
    shop.postgresql()
    url = f"postgresql://me:secret@127.0.0.1:{_closed_port()}/postgres"
    ran = shop.reset("--all", "--database", url)
    failed(shop, ran, ENVIRONMENT, "onnection refused")
    assert "secret" not in ran.err


def test_a_database_of_another_kind_than_the_projects(shop: Bookshop) -> None:
    ran = shop.reset("--all", "--database", "oracle://me@localhost")
    failed(shop, ran, USAGE, "the URL of the database begins with none of postgres://")


def test_a_named_server_that_the_project_does_not_use(shop: Bookshop) -> None:
    ran = shop.reset("--all", "--database", "postgres://me:secret@127.0.0.1:1/shop")
    failed(shop, ran, USAGE, "--database names one of postgresql, and the project's is one of sqli")
    assert "secret" not in ran.err


def test_scratch_databases_beside_a_file_of_the_user(shop: Bookshop, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    url = f"sqlite:///{folder}/shop.sqlite3"
    assert shop.reset("--all", "--dry-run", "--database", url).code == OK
    assert list(folder.iterdir()) == []
    folder.rmdir()
    failed(shop, shop.reset("--all", "--database", url), USAGE, "no database can be made in")


def test_a_machine_without_the_projects_server(shop: Bookshop) -> None:
    """Where PostgreSQL's programs are, this process alone sees empty folders."""
    hide = "mount -t tmpfs tmpfs /usr/lib/postgresql && "
    if not Path("/usr/lib/postgresql").is_dir():
        hide = ""
    for folder in os.environ["PATH"].split(os.pathsep):
        program = Path(folder, "postgres")
        if program.exists() and not program.resolve().is_relative_to("/usr/lib/postgresql"):
            hide += f"mount --bind /dev/null {program} && "
    apart = ("unshare", "--mount", "sh", "-c")
    if not shutil.which("unshare") or run(*apart, f"{hide}true", cwd=shop.path).code:
        pytest.skip("nothing can be hidden from one process alone here")
    shop.postgresql()
    words = f"{hide}exec {BIN / 'remigrate'} reset --all --python {sys.executable}"
    ran = run(*apart, words, cwd=shop.path)
    failed(shop, ran, ENVIRONMENT, "nothing can be proved without a postgresql server")
    assert "--database URL" in ran.err


def test_scratch_databases_on_a_named_server_are_gone_afterwards(
    shop: Bookshop, postgresql: dict[str, str]
) -> None:
    import psycopg

    shop.postgresql()
    place = {name: postgresql[name.upper()] for name in ("host", "port", "user", "password")}
    url = "postgresql://{user}:{password}@{host}:{port}/postgres".format(**place)

    def databases() -> set[str]:
        words = {**place, "dbname": postgresql["NAME"], "autocommit": True}
        with psycopg.connect(**words) as opened:  # type: ignore[arg-type]
            return {name for (name,) in opened.execute("SELECT datname FROM pg_database")}

    before = databases()
    assert shop.reset("--all", "--database", url, "--dry-run").code == OK
    assert databases() == before
    add(shop, "0007_bad", "migrations.RunSQL('SELECT nothing')")
    failed(shop, shop.reset("--all", "--database", url), ENVIRONMENT, "shop.0007_bad")
    assert databases() == before


# The disk


def _small_disk(tmp_path: Path) -> Path:
    """A file system of its own with little room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    ran = run("mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk, cwd=tmp_path)
    if ran.code:
        pytest.skip(f"no file system can be mounted here: {ran.err.strip()}")
    return disk


def test_no_room_for_scratch_databases(shop: Bookshop, tmp_path: Path) -> None:
    disk = _small_disk(tmp_path)
    try:
        ran = shop.reset("--all", env={"TMPDIR": str(disk)})
        left = list(disk.iterdir())
    finally:
        run("umount", disk, cwd=tmp_path)
    failed(shop, ran, ENVIRONMENT, "disk is full")
    assert left == []


def test_no_folder_for_temporary_files(shop: Bookshop) -> None:
    ran = shop.reset("--all", env={"TMPDIR": "/nowhere/at/all"})
    assert ran.code == OK, "Python looks for another one"


def test_a_work_tree_that_may_not_be_written(shop: Bookshop) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder = shop.path / "shop/migrations"
    folder.chmod(0o555)
    try:
        failed(shop, shop.reset("--all"), REPOSITORY, "is not writable", "Nothing was changed")
    finally:
        folder.chmod(0o755)


def test_an_output_that_cannot_be_written_is_told_before_anything_runs(shop: Bookshop) -> None:
    """It was noticed when all was proved and written, and then nobody saw what had been done."""
    ran = shop.reset("--all", "--output", "nowhere/report")
    failed(shop, ran, USAGE, "nowhere/report cannot be written", "a folder that is there")
    failed(shop, shop.reset("--all", "--output", "shop"), USAGE, "shop cannot be written")


def test_migrations_behind_a_link_are_named_and_left_out(shop: Bookshop, tmp_path: Path) -> None:
    """`--all` took what git has, and what it lacked nobody could see."""
    (shop.path / "orders/migrations").rename(tmp_path / "migrations")
    (shop.path / "orders/migrations").symlink_to(tmp_path / "migrations")
    (shop.path / "twin").symlink_to("shop")
    shop.write("../elsewhere/migrations/__init__.py", "")
    (shop.path / "library").symlink_to(tmp_path / "elsewhere")
    shop.commit("Share the migrations")
    found = shop.told("--all", "--dry-run")
    assert [each for each in found["warnings"] if "left out" in each] == [
        "library/migrations was left out: library is a symbolic link. Reset it where it really is.",
        "orders/migrations was left out: it is a symbolic link. Reset it where it really is.",
    ]


def test_migrations_of_another_repository_are_named_and_left_out(
    shop: Bookshop, tmp_path: Path
) -> None:
    other = Bookshop.open(tmp_path / "other")
    shop.git("-c", "protocol.file.allow=always", "submodule", "add", str(other.path), "libs/other")
    shop.commit("Add a submodule")
    found = shop.told("--all", "--dry-run")
    assert [each for each in found["warnings"] if "left out" in each] == [
        "libs/other/orders/migrations and 1 more were left out: libs/other is a repository of its "
        "own. Reset them there."
    ]


def test_an_interpreter_without_django(shop: Bookshop, tmp_path: Path) -> None:
    import venv

    venv.EnvBuilder(with_pip=False, symlinks=True).create(tmp_path / "bare")
    ran = run(
        BIN / "remigrate", "reset", "--all", "--python", tmp_path / "bare/bin/python", cwd=shop.path
    )
    failed(shop, ran, ENVIRONMENT, "the project's interpreter has no Django", "--python")


def test_an_interpreter_that_is_not_there(shop: Bookshop) -> None:
    ran = run(BIN / "remigrate", "reset", "--all", "--python", "/nowhere/python", cwd=shop.path)
    failed(shop, ran, ENVIRONMENT, "/nowhere/python")


# Code that would lose its home


UPLOAD = """\
def upload_to(instance, name):
    return f"products/{name}"
"""


def test_a_model_that_imports_from_a_migration_of_an_app_that_cannot_keep_it(
    shop: Bookshop,
) -> None:
    """Trap 11: without the file, `django.setup()` itself would fail."""
    shop.write("shop/migrations/m7_upload.py", migration([("shop", "0006_by_price")], [], UPLOAD))
    line = "from .migrations.m7_upload import upload_to  # noqa: F401"
    shop.write("shop/models.py", f"{line}\n{store.SHOP}")
    shop.commit("Upload")
    ran = shop.reset("--all", "--strategy", "fresh", "--format", "json")
    assert ran.code in (OK, FINDINGS), ran.err
    (refusal,) = (one for one in json.loads(ran.out)["refused"] if one["app"] == "shop")
    assert refusal["why"].startswith(
        "shop/models.py:1 imports from m7_upload.py, which would go: move upload_to "
    )
    assert not any("shop/migrations" in line for line in shop.status())
    assert shop.manage("check").code == 0
