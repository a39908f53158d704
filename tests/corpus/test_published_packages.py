"""Published Django projects are read as Django reads them: labels, files, leaves.

`judge` runs every migration file of the package and hands them to Django's own loader; Remigrate
looks at the same files without running them.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from remigrate import check, circles, git
from remigrate.labels import FIRST
from remigrate.memory import NoCache
from remigrate.model import App, Broken, Migration, Reference
from remigrate.rules import multiple_leaves
from tests import judge
from tests.corpus.packages import OutOfReach, Package, chosen, fetch, unpack

pytestmark = pytest.mark.needs("corpus")


class Case(NamedTuple):
    """One package, as Django and as Remigrate see it."""

    package: Package
    django: list[judge.App]
    ours: check.Answer


@functools.cache
def read(package: Package) -> Case | OutOfReach:
    """Both views of a package, or why it cannot be had; asked for once, as either takes a while."""
    try:
        wheel = fetch(package)
    except OutOfReach as error:
        return error
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(wheel, folder)
        repository = git.open_repository(name, os.environ)
        ours = check.look(repository, check.Question(), NoCache())
        return Case(package, _apps(folder), ours)


def _apps(folder: Path) -> list[judge.App]:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
    packages = judge.packages(files)
    modules = [path for found in packages.values() for path in found]
    configs = [path for path in map(judge.apps_file, packages) if path in files]
    declared = judge.declared({path: files[path].read_bytes() for path in modules})
    labels = judge.labels({path: files[path].read_bytes() for path in configs})
    return judge.apps(files, declared, labels)


@pytest.fixture(params=chosen(), ids=lambda package: package.name)
def case(request: pytest.FixtureRequest) -> Case:
    found = read(request.param)
    if isinstance(found, OutOfReach):
        pytest.skip(str(found))
    return found


def _ours(case: Case) -> dict[str, App]:
    return {app.path: app for app in case.ours.project.apps if app.is_package}


def test_the_judge_has_run_every_migration(case: Case) -> None:
    found = [one for app in case.django for one in app.migrations.values()]
    assert [one.error for one in found if one.error] == []
    assert len(found) == case.package.migrations


def test_it_finds_the_apps_and_their_labels(case: Case) -> None:
    ours = {path: app.label for path, app in _ours(case).items()}
    assert ours == {app.package: app.label for app in case.django}


def test_it_reads_from_each_file_what_running_it_would_show(case: Case) -> None:
    theirs = {
        (app.package, name): declared
        for app in case.django
        for name, declared in app.migrations.items()
    }
    ours = {m.key: _declared(m) for app in _ours(case).values() for m in app.migrations}
    different = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
    assert different == case.package.computed
    assert all(ours[key].error for key in different), "what cannot be read has to be said"


def _declared(migration: Migration) -> judge.Declared:
    header = migration.header
    if isinstance(header, Broken):
        return judge.Declared(error=f"syntax: {header.why}")
    if not header.is_migration:
        return judge.Declared(error=judge.NO_CLASS)
    unread = ", ".join(f"{one.what}: {one.why}" for one in header.unread)
    return judge.Declared(
        tuple(_refs(header.dependencies)),
        tuple(_refs(header.run_before)),
        tuple(_refs(header.replaces)),
        header.initial,
        unread,
    )


def _refs(references: tuple[Reference, ...]) -> Iterator[judge.Ref]:
    for one in references:
        yield (judge.SETTING + one.label if one.swappable else one.label, one.name)


def test_every_app_has_the_leaves_that_django_gives_it(case: Case) -> None:
    built = case.ours.facts.graph
    verdicts = judge.judge_apps(case.django, {"AUTH_USER_MODEL": case.package.user_model})
    assert {verdict.error for verdict in verdicts.values()} == {""}
    assert built.dangling == ()
    assert circles.cycles(built) == []
    doubtful = {package for package, _ in case.package.computed}
    for app in case.django:
        names = tuple(name for _, name in built.leaves(app.package))
        if app.package not in doubtful:
            assert names == verdicts[app.package].leaves[app.label], app.label


def test_it_reports_no_conflict_where_django_sees_none(case: Case) -> None:
    verdicts = judge.judge_apps(case.django, {"AUTH_USER_MODEL": case.package.user_model})
    assert [verdict.conflicts for verdict in verdicts.values() if verdict.conflicts] == []
    assert list(multiple_leaves.check(case.ours.facts)) == []


def test_the_user_model_that_it_found_in_settings_is_the_right_one(case: Case) -> None:
    labels = case.ours.facts.graph.labels
    user = Reference("AUTH_USER_MODEL", FIRST, 1, swappable=True)
    found = {labels.swapped(user, path) for path in _ours(case)}
    assert found <= {case.package.user_model.partition(".")[0] or None, None}
