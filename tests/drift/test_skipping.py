"""When Django is not asked again: never while something that its answer rests on has changed."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.cli.project import Ran
from tests.drift.store import ADD_PRICE, ADDED, INITIAL, MODELS, SETTINGS, Store, environment

REMEMBERED = "drift: the last clean answer stands"
ASKED = "drift: Django was asked, because"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def asked(store: Store) -> Store:
    """A store whose clean answer is remembered; its settings count how often they are imported."""
    store.settings(f"open({str(store.path.parent / 'count')!r}, 'a').write('.')\n")
    store.commit()
    _settle(store.path)
    assert store.drift("--explain-cache").err.startswith(ASKED)
    assert _count(store) == 1
    return store


def _settle(top: Path) -> None:
    """Let everything be old enough for its time of change to be trusted."""
    newest = max(path.lstat().st_ctime for path in (top, *top.rglob("*")))
    time.sleep(max(0.0, newest + 2.2 - time.time()))


def _count(store: Store) -> int:
    return len((store.path.parent / "count").read_text())


def why(ran: Ran) -> str:
    """The reason why Django was asked; empty when it was not."""
    assert ran.code in (0, 1), ran
    first, _, reasons = ran.err.partition("\n")
    assert first.startswith((ASKED, REMEMBERED)), ran
    return reasons


def test_a_clean_answer_is_given_again_without_asking(asked: Store) -> None:
    for words in ((), (), ("--explain-cache",), ("--format", "json"), ("--quiet",)):
        assert asked.drift(*words).code == 0
    assert _count(asked) == 1
    assert "files" in asked.drift("--explain-cache").err


def test_other_git_states_of_the_same_files_need_no_new_answer(asked: Store) -> None:
    asked.write("README", "words")
    asked.commit()
    assert why(asked.drift("--explain-cache")) == ""
    assert why(asked.drift("--index", "--explain-cache")) == ""
    assert _count(asked) == 1


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("shop/models.py", MODELS + "    price = models.IntegerField(default=0)\n", "changed"),
        ("store/settings.py", SETTINGS + "DEBUG = True\n", "store/settings.py changed"),
        (ADDED, ADD_PRICE, "`0002_price.py` appeared in shop/migrations/"),
        ("shop/managers.py", "", "`managers.py` appeared in shop/"),
        ("manage.py", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'store.settings')"
         "\n", "manage.py changed"),
    ],
)  # fmt: skip
def test_whatever_it_rests_on_is_a_reason_to_ask(
    asked: Store, path: str, text: str, reason: str
) -> None:
    asked.write(path, text)
    assert reason in why(asked.drift("--explain-cache"))


def test_a_model_change_is_found_although_a_clean_answer_was_remembered(asked: Store) -> None:
    assert asked.drift().code == 0
    asked.price()
    assert [asked.drift().code, asked.drift().code] == [1, 1]
    asked.git("checkout", "--quiet", "shop/models.py")
    assert asked.drift().code == 0
    assert _count(asked) == 2


def test_a_package_that_takes_the_place_of_another_one_is_noticed(asked: Store) -> None:
    assert asked.drift().code == 0
    asked.write("django/__init__.py")
    ran = asked.drift()
    assert ran.code == 4
    assert "has no Django" in ran.err


def test_going_back_and_forth_between_branches_asks_once_for_each(asked: Store) -> None:
    asked.git("checkout", "--quiet", "-b", "other")
    asked.write("shop/models.py", MODELS + "    # nothing new\n")
    asked.commit()
    _settle(asked.path)
    assert why(asked.drift("--explain-cache")) != ""
    for _ in range(2):
        for branch in ("main", "other"):
            asked.git("checkout", "--quiet", branch)
            assert why(asked.drift("--explain-cache")) == ""
    assert _count(asked) == 2


def test_a_variable_that_the_settings_read_counts_and_others_do_not(asked: Store) -> None:
    asked.settings("import os\nos.environ.get('SHOP_MODE')\n")
    _settle(asked.path)
    asked.drift("--explain-cache")
    assert why(asked.drift("--explain-cache", env={"OTHER": "1"})) == ""
    assert "SHOP_MODE" in why(asked.drift("--explain-cache", env={"SHOP_MODE": "secret-value"}))
    kept = b"".join(p.read_bytes() for p in (asked.path.parent / "cache").rglob("*") if p.is_file())
    assert b"SHOP_MODE" in kept
    assert b"secret-value" not in kept


def test_a_file_that_the_settings_read_counts(asked: Store) -> None:
    asked.write("config.toml", "a = 1\n")
    asked.settings("open('config.toml').read()\n")
    _settle(asked.path)
    asked.drift("--explain-cache")
    assert why(asked.drift("--explain-cache")) == ""
    asked.write("config.toml", "a = 2\n")
    assert "config.toml changed" in why(asked.drift("--explain-cache"))


def test_a_package_that_is_installed_counts(store: Store) -> None:
    store.write(".gitignore", ".venv/\n__pycache__/\n")
    environment(store.path / ".venv")
    _settle(store.path)
    store.check("--drift", "--explain-cache")
    assert why(store.check("--drift", "--explain-cache")) == ""
    (packages,) = store.path.glob(".venv/lib/python3*/site-packages")
    (packages / "more-1.0.dist-info").mkdir()
    assert "more-1.0.dist-info" in why(store.check("--drift", "--explain-cache"))


def test_an_environment_that_appears_is_asked(store: Store) -> None:
    store.write(".gitignore", ".venv/\n__pycache__/\n")
    store.commit()
    for _ in range(2):
        assert "drift not checked" in store.check().out
    environment(store.path / ".venv")
    assert "drift not checked" not in store.check().out
    env = {"VIRTUAL_ENV": sys.prefix, "PRE_COMMIT": "1"}
    assert "drift not checked" not in store.check(env=env).out


def test_an_active_environment_is_noticed(store: Store) -> None:
    for _ in range(2):
        assert "drift not checked" in store.check().out
    assert "drift not checked" not in store.check(env={"VIRTUAL_ENV": sys.prefix}).out


def test_the_index_is_what_counts_at_commit_time(asked: Store) -> None:
    assert why(asked.drift("--index", "--explain-cache")) == ""
    asked.price()
    assert asked.drift("--index").code == 0
    asked.git("add", "--all")
    assert asked.drift("--index").code == 1
    asked.write("shop/models.py", MODELS)
    assert [asked.drift("--index").code, asked.drift("--index").code] == [1, 1]
    assert asked.drift().code == 0
    oid = asked.git("hash-object", "-w", "shop/models.py").strip()
    asked.git("update-index", "--cacheinfo", f"100644,{oid},shop/models.py")
    assert [asked.drift("--index").code, asked.drift("--index").code] == [0, 0]


def test_a_prefix_is_always_asked_and_that_is_told(asked: Store) -> None:
    words = ("--drift", "--explain-cache", "--python", f"env A=1 {sys.executable}")
    for _ in range(2):
        assert "reached through another program" in why(asked.check(*words))
    assert _count(asked) == 3


def test_no_cache_remembers_nothing_and_says_so(asked: Store) -> None:
    for _ in range(2):
        ran = asked.drift("--no-cache", "--explain-cache")
        assert "nothing is remembered, because of --no-cache" in ran.err
    assert _count(asked) == 3


def test_fix_is_never_answered_from_memory(asked: Store) -> None:
    asked.price()
    asked.drift("--fix")
    written = asked.path / "shop/migrations/0002_product_price.py"
    written.unlink()
    asked.drift("--fix")
    assert written.exists()


def test_a_file_that_the_project_itself_writes_is_trusted_once_it_stays_the_same(
    store: Store,
) -> None:
    """As one that keeps a secret key, and is written at every start."""
    kept = store.path.parent / "data.env"
    kept.write_text("key")
    store.settings(
        f"from pathlib import Path\nkept = Path({str(kept)!r})\nkept.write_text(kept.read_text())\n"
    )
    _settle(store.path)
    assert "data.env changed meanwhile" in why(store.drift("--explain-cache"))
    assert "data.env" not in why(store.drift("--explain-cache"))
    assert why(store.drift("--explain-cache")) == ""
    kept.write_text("another one")
    assert "data.env changed" in why(store.drift("--explain-cache"))


def test_a_file_that_is_written_otherwise_each_time_is_never_trusted(store: Store) -> None:
    kept = store.path.parent / "data.env"
    kept.write_text("0")
    store.settings(
        f"from pathlib import Path\nkept = Path({str(kept)!r})\n"
        "kept.write_text(str(int(kept.read_text()) + 1))\n"
    )
    _settle(store.path)
    for _ in range(4):
        assert "data.env changed meanwhile" in why(store.drift("--explain-cache"))


def test_a_package_of_migrations_that_comes_to_be_is_noticed(asked: Store) -> None:
    asked.write("extra/__init__.py")
    asked.write("extra/models.py", MODELS)
    asked.write("extra/migrations/0001_initial.py", INITIAL.replace("BigAuto", "Auto"))
    asked.settings('INSTALLED_APPS += ["extra"]\n')
    _settle(asked.path)
    assert asked.drift().code == asked.makemigrations().code == 0, "Django ignores such a folder"
    asked.write("extra/migrations/__init__.py")
    assert asked.drift().code == asked.makemigrations().code == 1


def test_an_app_that_is_linked_elsewhere_is_noticed(store: Store) -> None:
    (store.path / "v1").mkdir()
    (store.path / "shop").rename(store.path / "v1/shop")
    for version in ("v1", "v2"):
        store.write(f"{version}/__init__.py")
    for path in (store.path / "v1/shop").rglob("*.py"):
        store.write(f"v2/{path.relative_to(store.path / 'v1')}", path.read_text())
    store.write("v2/shop/models.py", MODELS + "    price = models.IntegerField(default=0)\n")
    (store.path / "shop").symlink_to("v1/shop")
    _settle(store.path)
    assert [store.drift().code, store.drift().code] == [0, 0]
    (store.path / "shop").unlink()
    (store.path / "shop").symlink_to("v2/shop")
    assert store.drift().code == 1


@pytest.mark.parametrize(
    "looks", ["os.path.exists(path)", "pathlib.Path(path).is_file()", "open_if(path)"]
)
def test_a_file_that_was_looked_for_in_vain_is_noticed_when_it_comes(
    store: Store, looks: str
) -> None:
    flag = store.path.parent / "outside" / "priced.flag"
    flag.parent.mkdir()
    store.settings(
        "import os, pathlib\n\n\ndef open_if(path):\n    try:\n        return open(path)\n"
        "    except OSError:\n        return None\n\n\n"
        f"path = {str(flag)!r}\nPRICED = bool({looks})\n"
    )
    store.write(
        "shop/models.py",
        MODELS + "    from django.conf import settings\n    if settings.PRICED:\n"
        "        price = models.IntegerField(default=0)\n",
    )
    _settle(store.path)
    assert [store.drift().code, store.drift().code] == [0, 0]
    flag.write_text("yes")
    assert store.drift().code == 1


def test_a_failure_is_never_remembered(store: Store) -> None:
    store.write("shop/models.py", MODELS + "    import no_such_module\n")
    store.commit()
    env = {"VIRTUAL_ENV": sys.prefix}
    for _ in range(2):
        assert "drift not checked" in store.check(env=env).out
    store.write("shop/models.py", MODELS)
    store.commit()
    assert "drift not checked" not in store.check(env=env).out
