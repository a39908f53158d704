"""What an answer rests on: files, folders and variables, so that it can be remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.probe.conftest import ITEM, Project, settings


def read(project: Project, **request: Any) -> dict[str, Any]:
    found: dict[str, Any] = project.probe(**request).data["read"]
    return found


FILES = [
    "shop/__init__.py",
    "shop/migrations/0001_initial.py",
    "shop/migrations/__init__.py",
    "shop/models.py",
    "site_settings.py",
]


def test_modules_are_files_with_and_without_bytecode(project: Project) -> None:
    assert read(project)["files"] == FILES
    assert list(project.folder.glob("**/*.pyc"))
    assert read(project)["files"] == FILES


def test_files_that_were_opened_count_and_those_written_do_not(project: Project) -> None:
    opening = "open('shop/sizes.json').close()\nopen('log', 'a').close()\nimport os\n"
    opening += "os.close(os.open('shop/more.json', os.O_RDONLY))\n"
    project.write({"shop/models.py": opening + ITEM, "shop/sizes.json": "", "shop/more.json": ""})
    assert set(read(project)["files"]) - {*FILES} == {"shop/sizes.json", "shop/more.json"}


def test_files_that_were_not_there_are_missing(project: Project) -> None:
    opening = "try:\n    open('.env')\nexcept FileNotFoundError:\n    pass\n"
    project.write({"shop/models.py": opening + ITEM})
    assert ".env" in read(project)["missing"]
    assert not [path for path in read(project)["missing"] if "site-packages" in path]


def test_files_that_were_only_looked_for_are_missing(project: Project) -> None:
    looking = "import os, pathlib\nos.path.exists('/nowhere/flag')\npathlib.Path('x').is_file()\n"
    project.write({"shop/models.py": looking + ITEM})
    assert {"x", "/nowhere/flag"} <= {*read(project)["missing"]}


def test_folders_behind_a_link_are_named_as_they_were_reached(project: Project) -> None:
    assert read(project)["links"] == []
    (project.folder / "shop").rename(project.folder / "real")
    (project.folder / "shop").symlink_to("real")
    assert str(project.folder / "shop") in read(project)["links"]


def test_a_module_that_was_imported_and_failed_counts(project: Project) -> None:
    optional = "try:\n    import shop.local\nexcept ZeroDivisionError:\n    pass\n"
    project.write({"shop/models.py": optional + ITEM, "shop/local.py": "1 / 0\n"})
    for _ in range(2):  # the second time it comes from bytecode
        assert "shop/local.py" in read(project)["files"]


def test_the_view_counts(project: Project) -> None:
    reading = "open('shop/secret.txt').close()\nfrom shop import new\n"
    project.write({"shop/secret.txt": ""})
    found = read(
        project,
        files={"shop/models.py": reading + ITEM, "shop/new.py": "", "shop/unused.py": ""},
        hidden=["shop/secret.txt"],
    )
    assert found["files"] == sorted([*FILES, "shop/new.py"])


def test_folders_that_were_searched_or_listed_count(project: Project) -> None:
    project.write(
        {
            "site_settings.py": "import sys\nsys.path.append('lib')\n" + settings("shop", "api"),
            "lib/other.py": "",
            "api/__init__.py": "",
            "api/migrations/__init__.py": "",
            "data/a/b": "",
            "more/x": "",
            "glob/x": "",
            "shop/models.py": "import glob, os\nos.listdir('data')\nlist(os.scandir('more'))\n"
            "glob.glob('glob/*')\nimport other\n" + ITEM,
        }
    )
    found = [path for path in read(project)["folders"] if not path.startswith("/")]
    assert found == [
        *(".", "api", "api/migrations", "data", "glob", "lib", "more", "shop", "shop/migrations")
    ]


def test_installed_packages_and_the_standard_library_do_not_count(
    project: Project, root: Path
) -> None:
    found = read(project)
    # Where this project is installed for development, its own source is searched as well.
    outside = {path for path in found["files"] + found["folders"] if path.startswith("/")}
    assert outside <= {str(root / "src")}


def test_files_outside_of_the_repository_are_absolute(project: Project) -> None:
    outside = project.folder.parent / "outside.txt"
    outside.write_text("")
    project.write({"shop/models.py": f"open({str(outside)!r}).close()\n" + ITEM})
    assert str(outside) in read(project)["files"]


def test_variables_that_were_looked_up_are_named(project: Project) -> None:
    looking = (
        "import os\nos.environ.get('A_GET')\nos.getenv('A_GETENV')\n'A_IN' in os.environ\n"
        "os.environ.setdefault('A_DEFAULT', '')\nos.environ['A_SET'] = ''\nos.getenvb(b'A_BYTES')\n"
        "os.environ.pop('A_POP', None)\n"
    )
    found = read(project.write({"site_settings.py": looking + settings()}))
    named = {name for name in found["variables"] if name.startswith("A_")}
    assert named == {"A_GET", "A_GETENV", "A_IN", "A_DEFAULT", "A_BYTES", "A_POP"}
    assert "DJANGO_SETTINGS_MODULE" in found["variables"]
    assert found["all_variables"] is False


def test_looking_at_all_variables_is_said(project: Project) -> None:
    for look in (
        "dict(os.environ)",
        "os.environ.copy()",
        "[*os.environ.items()]",
        "{**os.environ}",
    ):
        found = read(project.write({"site_settings.py": f"import os\n{look}\n" + settings()}))
        assert found["all_variables"] is True, look


def test_configparser_shows_all_variables_to_the_project(project: Project) -> None:
    look = "import configparser, os\nconfigparser.RawConfigParser(os.environ)\n"
    assert read(project.write({"site_settings.py": look + settings()}))["all_variables"]


def test_handing_the_environment_on_is_not_looking_at_it(project: Project) -> None:
    project.env["A_SECRET"] = "x"
    hand_on = "import ctypes.util, wsgiref.handlers\nctypes.util.find_library('c')\n"
    found = read(project.write({"site_settings.py": hand_on + settings()}))
    assert found["all_variables"] is False
    assert "A_SECRET" not in found["variables"]


def test_the_environment_still_behaves(project: Project) -> None:
    use = (
        "import os\ntry:\n    os.environ['A_NO']\nexcept KeyError as e:\n"
        "    assert e.args == ('A_NO',) and e.__suppress_context__\n"
        "os.environ['A'] = 'b'\nassert dict(os.environ)['A'] == os.getenv('A') == 'b'\n"
        "try:\n    os.environ[1]\nexcept TypeError:\n    pass\nelse:\n    raise AssertionError\n"
    )
    assert project.write({"site_settings.py": use + settings()}).probe().operations == {}
