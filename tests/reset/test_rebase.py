"""What has landed stays, and what is new comes on top of it, as Django sees it too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remigrate import circles, reader
from remigrate import graph as graphs
from remigrate.model import App, Header, Migration, Project
from remigrate.reset.rebase import rebase
from remigrate.reset.strategy import Question, Rewrite

Files = dict[str, str]
"""``label.name`` to source."""

_LOADER = """
import json, sys
from django.conf import settings
settings.configure(INSTALLED_APPS=sys.argv[1:], DATABASES={
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True)
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
graph = executor.loader.graph
graph.ensure_not_cyclic()
plan = [m for m, _ in executor.migration_plan(graph.leaf_nodes())]
print(json.dumps({
    "leaves": graph.leaf_nodes(),
    "plan": [[m.app_label, m.name] for m in plan],
    "conflicts": executor.loader.detect_conflicts(),
}))
"""


def source(
    *dependencies: str, operations: str = "[]", replaces: str = "", before: str = "", more: str = ""
) -> str:
    """A migration that depends on each ``label.name``."""

    def listed(names: tuple[str, ...] | list[str]) -> str:
        pairs = "".join(f'        ("{n.split(".")[0]}", "{n.split(".")[1]}"),\n' for n in names)
        return f"[\n{pairs}    ]" if pairs else "[]"

    lines = ["from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):"]
    if replaces:
        lines.append(f"    replaces = {listed(replaces.split())}\n")
    lines.append(f"    dependencies = {listed(dependencies)}\n")
    if before:
        lines.append(f"    run_before = {listed(before.split())}\n")
    lines.append(f"    operations = {operations}\n{more}")
    return "\n".join(lines)


def project(files: Files) -> Project:
    """Apps whose packages are ``<label>/migrations``."""
    found: dict[str, list[Migration]] = {}
    for full_name, text in sorted(files.items()):
        label, name = full_name.split(".")
        package = f"{label}/migrations"
        path = f"{package}/{name}.py"
        header = reader.read(text.encode())
        found.setdefault(label, []).append(Migration(package, name, path, "", header))
    apps = (App(f"{k}/migrations", k, ".", tuple(v)) for k, v in found.items())
    return Project(tuple(apps), {})


def question(
    base: Files, new: Files, *labels: str, pins: dict[str, bytes] | None = None
) -> Question:
    """Base with new migrations on the work tree; the named apps, or all, are asked for."""
    files = {**base, **new}
    whole = project(files)
    landed = {(f"{n.split('.')[0]}/migrations", n.split(".")[1]) for n in base}
    paths = tuple(f"{label}/migrations" for label in labels) or tuple(a.path for a in whole.apps)
    contents = {
        f"{n.split('.')[0]}/migrations/{n.split('.')[1]}.py": text.encode()
        for n, text in files.items()
    }
    graph = graphs.build(whole)
    return Question(graph, landed, paths, lambda m: contents[m.path], pins or {})


def result(asked: Question, rewrite: Rewrite) -> dict[str, bytes]:
    """All files by path, after the edits; each edit must know what it changes."""
    files = {m.path: asked.read(m) for m in asked.graph.files.values()}
    for app, pin in asked.pins.items():
        files[f"{app}/max_migration.txt"] = pin
    for edit in rewrite.edits:
        assert files.get(edit.path) == edit.before
        if edit.after is None:
            del files[edit.path]
        else:
            files[edit.path] = edit.after
    return files


def names(files: dict[str, bytes], label: str) -> list[str]:
    return sorted(
        path.split("/")[-1].removesuffix(".py")
        for path in files
        if path.startswith(f"{label}/") and path.endswith(".py")
    )


def dependencies(files: dict[str, bytes], full_name: str) -> set[str]:
    label, name = full_name.split(".")
    header = reader.read(files[f"{label}/migrations/{name}.py"])
    assert isinstance(header, Header)
    return {f"{r.label}.{r.name}" for r in header.dependencies}


def django(folder: Path, files: dict[str, bytes]) -> dict[str, Any]:
    """What Django's own loader says of these files on disk."""
    labels = sorted({path.split("/")[0] for path in files})
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        for package in (target.parent, target.parent.parent):
            (package / "__init__.py").touch()
        target.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _LOADER, *labels], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def before(plan: list[list[str]], first: str, then: str) -> bool:
    return plan.index(first.split(".")) < plan.index(then.split("."))


BASE: Files = {
    "shop.0001_initial": source(),
    "shop.0002_price": source("shop.0001_initial"),
    "shop.0003_landed": source("shop.0002_price"),
    "shop.0004_landed_too": source("shop.0003_landed"),
    "blog.0001_initial": source("shop.0001_initial"),
}


def test_a_conflict_of_two_leaves_becomes_one_line(tmp_path: Path) -> None:
    asked = question(BASE, {"shop.0003_mine": source("shop.0002_price")})
    rewrite = rebase(asked)
    files = result(asked, rewrite)
    assert rewrite.refused == ()
    assert rewrite.renames == (("shop/migrations", "0003_mine", "0005_mine"),)
    assert dependencies(files, "shop.0005_mine") == {"shop.0004_landed_too"}
    said = django(tmp_path, files)
    assert ["shop", "0005_mine"] in said["leaves"]
    assert said["conflicts"] == {}


def test_a_chain_of_three_keeps_its_order_and_its_words(tmp_path: Path) -> None:
    new = {
        "shop.0003_one": source("shop.0002_price"),
        "shop.0004_two": source("shop.0003_one"),
        "shop.0005_three": source("shop.0004_two", "blog.0001_initial"),
    }
    asked = question(BASE, new)
    files = result(asked, rebase(asked))
    assert names(files, "shop")[4:] == ["0005_one", "0006_two", "0007_three"]
    assert dependencies(files, "shop.0007_three") == {"shop.0006_two", "blog.0001_initial"}
    said = django(tmp_path, files)
    assert said["conflicts"] == {}
    assert [n for label, n in said["plan"] if label == "shop"] == names(files, "shop")


def test_names_that_move_over_each_other_lose_nothing() -> None:
    new = {
        "shop.0003_x": source("shop.0002_price", more="    # first\n"),
        "shop.0004_x": source("shop.0003_x", more="    # second\n"),
        "shop.0005_x": source("shop.0004_x", more="    # third\n"),
    }
    asked = question(BASE, new)
    files = result(asked, rebase(asked))
    texts = [files[f"shop/migrations/000{n}_x.py"].splitlines()[-1] for n in (5, 6, 7)]
    assert texts == [b"    # first", b"    # second", b"    # third"]
    assert names(files, "shop")[4:] == ["0005_x", "0006_x", "0007_x"]


def test_a_diamond_among_the_new_ones_stays_a_diamond(tmp_path: Path) -> None:
    new = {
        "shop.0003_a": source("shop.0002_price"),
        "shop.0004_b": source("shop.0003_a"),
        "shop.0004_c": source("shop.0003_a"),
        "shop.0005_m": source("shop.0004_b", "shop.0004_c"),
    }
    asked = question(BASE, new)
    files = result(asked, rebase(asked))
    assert dependencies(files, "shop.0006_b") == {"shop.0005_a"}
    assert dependencies(files, "shop.0007_c") == {"shop.0005_a"}
    assert dependencies(files, "shop.0008_m") == {"shop.0006_b", "shop.0007_c"}
    assert django(tmp_path, files)["conflicts"] == {}


def test_several_new_leaves_become_a_chain_in_the_order_of_django(tmp_path: Path) -> None:
    new = {
        "shop.0003_a": source("shop.0002_price"),
        "shop.0003_b": source("shop.0002_price"),
        "shop.0004_c": source("shop.0003_a"),
        "shop.0004_d": source("shop.0003_a", "blog.0002_needed"),
        "blog.0002_needed": source("blog.0001_initial", "shop.0004_e"),
        "shop.0004_e": source("shop.0003_b"),
    }
    asked = question(BASE, new)
    old = django(tmp_path / "old", {m.path: asked.read(m) for m in asked.graph.files.values()})
    rewrite = rebase(asked)
    assert rewrite.refused == ()
    files = result(asked, rewrite)
    said = django(tmp_path / "new", files)
    assert said["conflicts"] == {}
    moved = {old_name: new_name for _, old_name, new_name in rewrite.renames}
    wanted = [moved[n] for label, n in old["plan"] if f"{label}.{n}" in new and label == "shop"]
    assert [n for label, n in said["plan"] if label == "shop"][4:] == wanted


def test_others_follow_the_new_names_wherever_they_name_them(tmp_path: Path) -> None:
    new = {
        "shop.0003_mine": source("shop.0002_price"),
        "blog.0002_uses": source("blog.0001_initial", "shop.0003_mine"),
        "news.0001_initial": source(before="shop.0003_mine"),
    }
    asked = question(BASE, new, "shop")
    files = result(asked, rebase(asked))
    assert dependencies(files, "blog.0002_uses") == {"blog.0001_initial", "shop.0005_mine"}
    assert b'("shop", "0005_mine")' in files["news/migrations/0001_initial.py"]
    said = django(tmp_path, files)
    assert before(said["plan"], "news.0001_initial", "shop.0005_mine")


def test_a_new_squash_moves_with_all_that_it_replaces(tmp_path: Path) -> None:
    new = {
        "shop.0003_a": source("shop.0002_price"),
        "shop.0004_b": source("shop.0003_a"),
        "shop.0003_squashed_0004_b": source("shop.0002_price", replaces="shop.0003_a shop.0004_b"),
        "shop.0005_c": source("shop.0003_squashed_0004_b"),
    }
    asked = question(BASE, new)
    rewrite = rebase(asked)
    files = result(asked, rewrite)
    assert names(files, "shop")[4:] == ["0005_a", "0005_squashed_0006_b", "0006_b", "0007_c"]
    squash = files["shop/migrations/0005_squashed_0006_b.py"]
    assert b'("shop", "0005_a")' in squash
    assert b'("shop", "0006_b")' in squash
    said = django(tmp_path, files)
    assert said["conflicts"] == {}
    assert said["plan"][-2:] == [["shop", "0005_squashed_0006_b"], ["shop", "0007_c"]]


def test_a_new_squash_of_landed_migrations_stays_where_it_is(tmp_path: Path) -> None:
    new = {
        "shop.0001_squashed_0002_price": source(replaces="shop.0001_initial shop.0002_price"),
        "shop.0003_mine": source("shop.0001_squashed_0002_price"),
    }
    asked = question(BASE, new)
    rewrite = rebase(asked)
    assert rewrite.renames == (("shop/migrations", "0003_mine", "0005_mine"),)
    assert django(tmp_path, result(asked, rewrite))["conflicts"] == {}


def test_a_new_squash_whose_files_are_gone_keeps_their_names(tmp_path: Path) -> None:
    new = {
        "shop.0003_squashed_0004_b": source("shop.0002_price", replaces="shop.0003_a shop.0004_b"),
        "shop.0005_c": source("shop.0004_b"),
    }
    asked = question(BASE, new)
    files = result(asked, rebase(asked))
    assert names(files, "shop")[4:] == ["0005_squashed_0006_b", "0007_c"]
    assert b'("shop", "0003_a")' in files["shop/migrations/0005_squashed_0006_b.py"]
    assert django(tmp_path, files)["conflicts"] == {}


def test_a_squash_beside_what_it_replaces_is_not_put_into_a_chain() -> None:
    new = {
        "shop.0003_a": source("shop.0002_price"),
        "shop.0003_squashed": source("shop.0002_price", replaces="shop.0003_a"),
        "shop.0003_b": source("shop.0002_price"),
    }
    rewrite = rebase(question(BASE, new))
    assert rewrite.edits == ()
    assert "0003_b and 0003_squashed and a squash beside" in rewrite.refused[0].why


def test_conflict_markers_are_refused() -> None:
    new = {"shop.0003_mine": "<<<<<<< HEAD\n" + source("shop.0002_price")}
    rewrite = rebase(question(BASE, new))
    assert "0003_mine cannot be read: conflict markers" in rewrite.refused[0].why


def test_an_app_that_is_on_top_already_stays_as_it_is() -> None:
    new = {
        "shop.0005_mine": source("shop.0004_landed_too"),
        "shop.0007_more": source("shop.0005_mine"),
    }
    assert rebase(question(BASE, new)) == Rewrite()


def test_a_number_that_is_taken_is_changed_even_without_a_conflict() -> None:
    new = {"shop.0004_mine": source("shop.0004_landed_too")}
    asked = question(BASE, new)
    assert rebase(asked).renames == (("shop/migrations", "0004_mine", "0005_mine"),)


def test_names_without_numbers_stay_and_get_another_parent() -> None:
    asked = question(BASE, {"shop.mine": source("shop.0002_price")})
    rewrite = rebase(asked)
    assert rewrite.renames == ()
    assert dependencies(result(asked, rewrite), "shop.mine") == {"shop.0004_landed_too"}


def test_a_name_that_a_squash_replaced_is_not_given_again() -> None:
    base = {
        "shop.0001_squashed": source(replaces="shop.0001_initial shop.0002_mine"),
        "shop.0002_other": source("shop.0001_squashed"),
    }
    asked = question(base, {"shop.0001_mine": source("shop.0001_squashed")})
    assert rebase(asked).renames == (("shop/migrations", "0001_mine", "0003_mine"),)
    asked = question(
        {"shop.0001_squashed": base["shop.0001_squashed"]},
        {
            "shop.0001_mine": source(),
        },
    )
    assert rebase(asked).renames == (("shop/migrations", "0001_mine", "0003_mine"),)


def test_two_initial_migrations_become_one_line(tmp_path: Path) -> None:
    base = {"shop.0001_initial": source()}
    asked = question(base, {"shop.0001_mine": source()})
    files = result(asked, rebase(asked))
    assert dependencies(files, "shop.0002_mine") == {"shop.0001_initial"}
    assert django(tmp_path, files)["conflicts"] == {}


def test_code_comments_and_line_ends_survive() -> None:
    text = source("shop.0002_price", more="    # é — as it was\n").replace("\n", "\r\n")
    asked = question(BASE, {"shop.0003_mine": text})
    files = result(asked, rebase(asked))
    wanted = text.replace("0002_price", "0004_landed_too").encode()
    assert files["shop/migrations/0005_mine.py"] == wanted


@pytest.mark.parametrize(
    "pin", [b"0003_mine\n", b"<<<<<<< HEAD\n0003_mine\n=======\n0004\n>>>>>>> x\n"]
)
def test_the_pin_of_linear_migrations_names_the_new_leaf(pin: bytes) -> None:
    pins = {"shop/migrations": pin}
    asked = question(BASE, {"shop.0003_mine": source("shop.0002_price")}, pins=pins)
    files = result(asked, rebase(asked))
    assert files["shop/migrations/max_migration.txt"] == b"0005_mine\n"


def test_leaves_that_have_landed_are_refused() -> None:
    base = {**BASE, "shop.0004_rival": source("shop.0003_landed")}
    asked = question(base, {"shop.0005_mine": source("shop.0004_rival")})
    rewrite = rebase(asked)
    assert rewrite.edits == ()
    assert [refusal.app for refusal in rewrite.refused] == ["shop/migrations"]
    assert "0004_landed_too and 0004_rival" in rewrite.refused[0].why
    assert "merge" in rewrite.refused[0].why


def test_a_circle_through_run_before_is_refused_in_words() -> None:
    new = {"shop.0003_mine": source("shop.0002_price", before="shop.0003_landed")}
    rewrite = rebase(question(BASE, new))
    assert rewrite.edits == ()
    assert "circle" in rewrite.refused[0].why
    assert "shop.0003_landed" in rewrite.refused[0].why


def test_a_circle_in_one_app_leaves_the_others_free() -> None:
    new = {
        "shop.0003_mine": source("shop.0002_price", before="shop.0003_landed"),
        "blog.0001_other": source(),
    }
    rewrite = rebase(question(BASE, new))
    assert [refusal.app for refusal in rewrite.refused] == ["shop/migrations"]
    assert rewrite.renames == (("blog/migrations", "0001_other", "0002_other"),)


def test_a_landed_migration_that_needs_a_new_one_is_refused() -> None:
    base = {**BASE, "shop.0004_landed_too": source("shop.0003_landed", "shop.0003_mine")}
    rewrite = rebase(question(base, {"shop.0003_mine": source("shop.0002_price")}))
    assert "depends on the new 0003_mine" in rewrite.refused[0].why


def test_what_cannot_be_read_is_refused_with_the_reason() -> None:
    text = source("shop.0002_price").replace("dependencies = [", "dependencies = sorted([")
    text = text.replace("    ]\n", "    ])\n", 1)
    rewrite = rebase(question(BASE, {"shop.0003_mine": text}))
    assert "sorted() is called" in rewrite.refused[0].why


def test_what_cannot_be_edited_is_refused_with_its_file() -> None:
    new = {
        "shop.0003_mine": source("shop.0002_price"),
        "blog.0002_uses": source("blog.0001_initial")
        .replace("class M", 'NAME = "0003_mine"\nprint(NAME)\n\nclass M')
        .replace("    ]\n", '        ("shop", NAME),\n    ]\n', 1),
    }
    rewrite = rebase(question(BASE, new))
    assert rewrite.edits == ()
    assert "blog/migrations/0002_uses.py" in rewrite.refused[0].why
    assert "NAME is used elsewhere" in rewrite.refused[0].why


def test_data_migrations_whose_order_changes_are_named() -> None:
    run = "[migrations.RunPython(migrations.RunPython.noop)]"
    base = {**BASE, "shop.0003_landed": source("shop.0002_price", operations=run)}
    new = {"shop.0003_mine": source("shop.0002_price", operations='[migrations.RunSQL("")]')}
    notes = rebase(question(base, new)).notes
    assert len(notes) == 1
    assert "0005_mine will run after 0003_landed" in notes[0]
    new = {"shop.0004_mine": source("shop.0003_landed", operations='[migrations.RunSQL("")]')}
    assert rebase(question(base, new)).notes == ()


def test_code_that_names_a_renamed_module_is_told() -> None:
    import_ = '\nimport importlib\nold = importlib.import_module("shop.migrations.0003_mine")\n'
    new = {
        "shop.0003_mine": source("shop.0002_price"),
        "shop.0004_next": source("shop.0003_mine") + import_,
    }
    notes = rebase(question(BASE, new)).notes
    assert len(notes) == 1
    assert "shop.0004_next" in notes[0]
    assert "0005_mine" in notes[0]


def full_name(path: str) -> str:
    return f"{path.split('/')[0]}.{path.split('/')[-1].removesuffix('.py')}"


@st.composite
def histories(draw: st.DrawFn) -> tuple[Files, Files]:
    """Two apps: a line of landed migrations in each, and new ones on top of anything before."""
    base: dict[str, list[str]] = {}
    new: dict[str, list[str]] = {}
    for number in range(draw(st.integers(1, 6))):
        label = draw(st.sampled_from(["shop", "blog"]))
        own = [name for name in base if name.startswith(label)][-1:]
        others = [name for name in base if not name.startswith(label)]
        across = draw(st.lists(st.sampled_from(others), max_size=1)) if others else []
        base[f"{label}.{number:04}_landed"] = own + across
    for number in range(draw(st.integers(1, 7))):
        label = draw(st.sampled_from(["shop", "blog"]))
        known = sorted({**base, **new})
        parents = draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
        stem = draw(st.sampled_from([f"{number:04}_new", f"{number:04}_{'zyxwvut'[number]}"]))
        new[f"{label}.{stem}_{number}"] = parents
    return (
        {name: source(*parents) for name, parents in base.items()},
        {name: source(*parents) for name, parents in new.items()},
    )


@given(histories())
def test_any_new_part_ends_in_one_leaf_with_every_order_kept(parts: tuple[Files, Files]) -> None:
    base, new = parts
    asked = question(base, new)
    rewrite = rebase(asked)
    assert rewrite.refused == ()
    files = result(asked, rewrite)
    texts = {full_name(path): content.decode() for path, content in files.items()}
    after = graphs.build(project(texts))
    assert circles.cycles(after) == []
    assert after.dangling == ()
    assert all(len(after.leaves(app)) == 1 for app in after.apps)
    moved = {(app, old): (app, renamed) for app, old, renamed in rewrite.renames}
    landed = set(asked.landed)
    for key in asked.graph.files:
        now = after.ancestors(moved.get(key, key))
        assert {moved.get(k, k) for k in asked.graph.ancestors(key)} <= now
        if key in landed:
            assert key not in moved
            assert now <= landed
        else:
            assert {k for k in landed if k[0] == key[0]} <= now
    numbers = [key[1].partition("_")[0] for key in moved.values() if key[0] == "shop/migrations"]
    assert len(set(numbers)) == len(numbers)
    rebased = {name: text for name, text in texts.items() if name not in base}
    assert rebase(question(base, rebased)) == Rewrite()
