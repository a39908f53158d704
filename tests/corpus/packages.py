"""Published Django projects that the corpus tests read, fetched once from the package index.

Wheels, because nothing runs when they are fetched or unpacked; pip would run the build of an
sdist only to learn its name.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """A release."""

    name: str
    version: str
    migrations: int
    """Migration files in it; the judge must find all of them, so as not to agree on nothing."""
    user_model: str
    """AUTH_USER_MODEL of its own settings; empty when it leaves that to others."""
    computed: frozenset[tuple[str, str]] = frozenset()
    """Migrations whose dependencies hang on settings: only running Django can tell them."""

    @property
    def slug(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}"


FEW = (
    Package("django-oscar", "4.2.1", 134, ""),
    Package("mayan-edms", "4.12.2", 531, "auth.User"),
    Package("wagtail", "8.0.1", 299, ""),
    Package(
        "weblate",
        "2026.10.1",
        206,
        "weblate_auth.User",
        frozenset({("weblate/trans/migrations", "0084_consolidate_inherited_settings")}),
    ),
    Package("geonode", "5.1.1", 393, "people.Profile"),
    Package("kiwitcms", "12.4", 57, ""),
)
"""The smallest downloads, about 85 MB; always read."""
MORE = (
    Package("pretix", "2026.8.0", 431, "pretixbase.User"),
    Package("nautobot", "3.2.7", 384, "users.User"),
    Package("label-studio", "1.23.2", 227, "users.User"),
    Package("kolibri", "0.19.5", 224, "kolibriauth.FacilityUser"),
)
"""Another 270 MB; read when REMIGRATE_CORPUS is ``all``."""


class OutOfReach(Exception):
    """The package index does not answer."""


def chosen() -> tuple[Package, ...]:
    """The packages that this run reads."""
    return FEW + MORE if os.environ.get("REMIGRATE_CORPUS") == "all" else FEW


def cache_folder() -> Path:
    """Where downloads are kept between runs; REMIGRATE_TEST_CACHE overrides it.

    Asked of the user database: the tests give HOME and XDG_CACHE_HOME another meaning.
    """
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    return Path(os.environ.get("REMIGRATE_TEST_CACHE") or home / ".cache" / "remigrate-tests")


def fetch(package: Package) -> Path:
    """The package's wheel, downloaded unless it is there. Raises `OutOfReach`."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = _wheel(folder, package)
    if wheel is None:
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            _download(package, unfinished)
            fresh = next(Path(unfinished).glob("*.whl"))
            wheel = fresh.replace(folder / fresh.name)
    return wheel


def _wheel(folder: Path, package: Package) -> Path | None:
    return next(folder.glob(f"{package.slug}-*.whl"), None)


def _download(package: Package, folder: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--retries=1"]
    pip += ["--no-deps", "--dest", folder]
    any_python = ["--only-binary=:all:", "--python-version=3.13", "--ignore-requires-python"]
    done = subprocess.run(
        [*pip, *any_python, f"{package.name}=={package.version}"], capture_output=True, text=True
    )
    if done.returncode and "Retrying (" in done.stderr:
        raise OutOfReach(f"the package index cannot be reached: {done.stderr.splitlines()[0]}")
    if done.returncode:
        raise RuntimeError(f"pip could not download {package.slug}:\n{done.stderr}")


def unpack(wheel: Path, folder: Path) -> None:
    """Write the Python files of `wheel` into a new git repository in `folder`, committed."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.endswith(".py")])
    for args in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", wheel.name]):
        subprocess.run(["git", *args], cwd=folder, check=True)
