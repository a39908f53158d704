"""`remigrate demo`: the story it tells, and that it is true."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.cli.project import Project, Ran, remigrate


def demo(tmp_path: Path, *words: str) -> Ran:
    """Run it where there is no repository, with no way out to any network."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    ran = remigrate("demo", *words, cwd=tmp_path, env={"TMPDIR": str(scratch), "https_proxy": "no"})
    assert os.listdir(scratch) == [], "nothing is left behind"
    return ran


def shown(out: str) -> list[tuple[str, str]]:
    """The commands that are shown, each with what follows it."""
    parts = re.split(r"^  \$ (.*)\n\n", out, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_a_conflict_is_found_shown_and_mended(tmp_path: Path) -> None:
    ran = demo(tmp_path)
    assert (ran.code, ran.err) == (0, "")
    (first, found), (drawn, picture), (moved, _), (again, fine), (yours, _) = shown(ran.out)
    assert first == again == "remigrate check --base main --head discount"
    assert "error RM101 multiple-leaves" in found
    assert drawn == f"{first} --format markdown"
    assert "```mermaid\nflowchart LR\n" in picture
    assert moved.startswith("git mv ")
    assert fine.startswith("✓ No conflicts, nothing missing")
    assert yours == "remigrate check --base origin/main"
    assert "\033" not in ran.out


def test_what_it_shows_is_what_its_commands_print(tmp_path: Path) -> None:
    shop = Project.start(tmp_path / "shop")
    shop.git("checkout", "--quiet", "-b", "discount")
    shop.migration("0003_discount", "0002_price")
    shop.commit()
    shop.git("checkout", "--quiet", "main")
    shop.migration("0003_stock", "0002_price")
    shop.commit()
    (_, found), (_, drawn), *_ = shown(demo(tmp_path).out)
    assert found.startswith(shop.check("--base", "main", "--head", "discount").out)
    picture = drawn.partition("```mermaid\n")[2].partition("```")[0]
    words = ("--base", "main", "--head", "discount", "--format", "markdown")
    assert f"```mermaid\n{picture}```" in shop.check(*words).out


def test_it_shows_colours_when_asked(tmp_path: Path) -> None:
    assert "\033[31merror\033[0m" in demo(tmp_path, "--color", "always").out


def test_settings_and_hooks_of_the_user_do_not_reach_it(tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "commit-msg", "post-checkout", "post-commit"):
        (hooks / name).write_text("#!/bin/sh\necho hook >&2\nexit 1\n")
        (hooks / name).chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[core]\nhooksPath = {hooks}\n[commit]\ngpgSign = true\n[init]\ndefaultBranch = trunk\n"
    )
    (tmp_path / "pyproject.toml").write_text("[tool.remigrate]\nfail-on = 'warning'\n")
    calm = demo(tmp_path)
    ran = remigrate("demo", cwd=tmp_path, env={"GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig")})
    assert ran == calm


def test_it_works_inside_of_a_hook_of_another_repository(tmp_path: Path) -> None:
    other = Project.start(tmp_path / "other")
    before = other.git("log", "--oneline", "--all")
    env = {"GIT_DIR": str(other.path / ".git"), "GIT_INDEX_FILE": str(other.path / ".git/index")}
    ran = remigrate("demo", cwd=other.path, env=env)
    assert ran == demo(tmp_path)
    assert other.git("log", "--oneline", "--all") == before
    assert other.git("status", "--short") == ""


def test_the_bots_story_ends_with_a_green_check(tmp_path: Path) -> None:
    ran = demo(tmp_path, "--bot")
    assert (ran.code, ran.err) == (0, "")
    told = [part.partition("\n")[0] for part in re.split(r"\n\n  (?! )(?!│)", ran.out)[1:]]
    assert told == [
        "github-actions[bot]",
        "ada",
        "github-actions[bot]",
        "#2 Rebase migrations of shop for #1",
        "github-actions[bot]",
    ]
    assert "│ ### ❌ Migrations: 1 error" in ran.out
    assert "│ /reset-migrations\n" in ran.out
    assert "│ 🚀 I opened #2" in ran.out
    assert "│ ### ✅ Migrations: no problem found" in ran.out
    assert "<!--" not in ran.out
