"""What manage.py does before it hands over to Django counts, as it does for every command."""

from __future__ import annotations

import pytest

from tests.probe.conftest import Project, settings

STOCK = """\
#!/usr/bin/env python
import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
    {before}
    try:
        from django.core.management import execute_from_command_line
    except ImportError as exc:
        raise ImportError("Couldn't import Django.") from exc
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def site(project: Project) -> Project:
    """The project with the manage.py that Django makes."""
    return before(project, "pass")


def before(site: Project, code: str) -> Project:
    return site.write({"manage.py": STOCK.format(before=code)})


def test_the_manage_py_that_django_makes_is_gone_through(site: Project) -> None:
    assert site.probe(manage=True).operations == {}
    assert site.probe(manage=True, module=None).operations == {}, "it sets the settings itself"


def test_folders_that_it_adds_to_the_path_are_there(site: Project) -> None:
    site.write({"apps/books/__init__.py": "", "site_settings.py": settings("shop", "books")})
    before(site, "sys.path.append(os.path.join(os.path.dirname(__file__), 'apps'))")
    assert site.manage("makemigrations", "--check", "--dry-run").returncode == 0
    assert site.probe(manage=True).operations == {}
    assert site.probe().error["kind"] == "import"


def test_variables_that_it_sets_are_set(site: Project) -> None:
    site.write({"site_settings.py": settings() + "import os\nos.environ['SHOP_SECRET']\n"})
    before(site, "os.environ.setdefault('SHOP_SECRET', 'x')")
    assert site.probe(manage=True).operations == {}
    assert site.probe().error["variable"] == "SHOP_SECRET"


def test_the_settings_that_were_asked_for_come_before_those_that_it_insists_on(
    site: Project,
) -> None:
    site.write({"other_settings.py": settings() + "raise ValueError('the others')\n"})
    before(site, "os.environ['DJANGO_SETTINGS_MODULE'] = 'site_settings'")
    assert "the others" in site.probe(manage=True, module="other_settings").error["message"]
    assert site.probe(manage=True, module=None).operations == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import sys\nif len(sys.argv) < 2:\n    1 / 0\n",
        "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n",
        "from django.core.management import ManagementUtility as M\nM(['x']).execute()\n",
        "from django.core.management import execute_from_command_line as e\ntry:\n    e([])\n"
        "except BaseException:\n    pass\n",
        "import __main__\nassert __main__.__file__ == __file__ and __name__ == '__main__'\n",
        "from django.core.management import execute_from_command_line as e\ne([])\ne([])\n",
    ],
)
def test_other_kinds_of_manage_py_are_understood(site: Project, text: str) -> None:
    assert site.write({"manage.py": text}).probe(manage=True).operations == {}


def test_an_error_that_it_swallows_is_told_all_the_same(site: Project) -> None:
    site.write(
        {
            "site_settings.py": "raise ValueError('broken')\n",
            "manage.py": "from django.core.management import execute_from_command_line as e\n"
            "try:\n    e([])\nexcept BaseException:\n    print('sorry')\n",
        }
    )
    error = site.probe(manage=True).error
    assert (error["kind"], "broken" in error["message"]) == ("settings", True)


def test_an_error_of_its_own_is_told(site: Project) -> None:
    error = before(site, "1 / 0").probe(manage=True).error
    assert "ZeroDivisionError" in error["message"]
    assert "manage.py" in error["message"]
    assert before(site, "sys.exit('no')").probe(manage=True).error["kind"] == "exit"


def test_what_the_view_says_of_it_counts(site: Project) -> None:
    before(site, "1 / 0")
    seen = {"manage.py": STOCK.format(before="pass")}
    assert site.probe(manage=True, files=seen).operations == {}
