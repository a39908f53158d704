"""Every option, on the command line, in `[tool.remigrate]`, and in the help."""

from __future__ import annotations

import json
import re

import pytest

from remigrate import __version__, arguments, errors, options
from remigrate.reset.asked import demand_sense
from tests.cli.project import Project, refused, remigrate

COMMANDS = {
    "check": {
        *("base", "head", "index", "drift", "no-drift", "format", "output", "select", "ignore"),
        *("fail-on", "no-cache", "quiet", "verbose", "color", "config", "help"),
        *("fix", "explain-cache", "python", "settings", "manage"),
    },
    "graph": {
        *("head", "app", "format", "output"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "reset": {
        *("all", "path", "base", "strategy", "database", "keep-replaced", "guard", "no-guard"),
        *("accept-differences", "dry-run", "finish", "allow-dirty", "format", "output"),
        *("python", "settings", "manage"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "projects": {
        *("head", "format", "output"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "db status": {
        *("alias", "since", "check", "format", "output", "python", "settings", "manage"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "db sync": {
        *("app", "alias", "applied", "pending", "database", "accept-differences", "apply"),
        *("lock-time-limit", "format", "output", "python", "settings", "manage"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "db recreate": {
        *("alias", "name", "apply", "backup", "no-backup", "tools", "output"),
        *("python", "settings", "manage"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "db backup": {
        *("alias", "part", "tools", "format", "output", "python", "settings", "manage"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "db restore": {
        *("alias", "part", "apply", "lock-time-limit", "tools", "format", "output"),
        *("python", "settings", "manage"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "init": {"yes", "no-cache", "quiet", "verbose", "color", "config", "help"},
    "doctor": {
        *("python", "settings", "manage"),
        *("no-cache", "quiet", "verbose", "color", "config", "help"),
    },
    "demo": {"bot", "no-cache", "quiet", "verbose", "color", "config", "help"},
}


def help_of(project: Project, *command: str) -> str:
    """`command`: its words, together or apart."""
    ran = project.remigrate(*" ".join(command).split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    return ran.out


def squeezed(text: str) -> str:
    return " ".join(text.split())


# The help


def test_the_version_is_told(shop: Project) -> None:
    assert shop.remigrate("--version") == (0, f"remigrate {__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_its_options_with_their_words(
    shop: Project, command: str
) -> None:
    told = help_of(shop, command)
    listed = told.partition("options:\n")[2].partition("\n\n")[0]
    heads = re.findall(r"^  (-.*?)(?:  |$)", listed, re.M)
    names = set(re.findall(r"--([a-z-]+)", " ".join(heads)))
    assert names == COMMANDS[command]
    formats = {"graph": "drawing", "projects": "listing"}
    format_ = formats.get(command, "format" if command == "check" else "reset-format")
    for flag in names - {"help", "no-cache", "no-drift", "no-guard", "no-backup"}:
        name = {"format": format_, "backup": "keep-backup"}.get(flag, flag)
        option = options.BY_NAME[name]
        assert option.help in squeezed(listed)
        assert not option.choices or f"{{{','.join(option.choices)}}}" in listed
        assert option.kind != "choice" or f"(default: {option.default})" in squeezed(listed)


def test_every_option_of_the_table_belongs_to_a_command_or_to_the_configuration() -> None:
    everywhere = set.union(*COMMANDS.values())
    for option in options.TABLE:
        flag = "no-cache" if option.name == "cache" else option.flag or option.name
        assert flag in everywhere or option.in_file
        assert hasattr(options.Options(), options.attribute(option.name))


def test_the_help_teaches(shop: Project) -> None:
    first = help_of(shop)
    for command in COMMANDS:
        assert f"\n    {command.split()[0]} " in first
        assert f"\n  remigrate {command}" in first
    assert set(map(int, re.findall(r"\b(\d+) [a-z]", first.partition("exit codes:")[2]))) == {
        *(errors.OK, errors.FINDINGS, errors.BUG, errors.INTERRUPTED),
        *(kind.exit_code for kind in errors.Failure.__subclasses__()),
    }
    check = help_of(shop, "check")
    assert "exit codes:\n  0 nothing at or above --fail-on" in check
    for option in options.TABLE:
        if option.in_file:
            assert option.name in check.partition("[tool.remigrate] in pyproject.toml may set:")[2]
    assert "exit codes:\n  0 drawn" in help_of(shop, "graph")
    reset = help_of(shop, "reset")
    assert "exit codes:\n  0 written, or with --dry-run would be" in reset
    for strategy in options.STRATEGIES:
        assert re.search(rf"^  {strategy} +For [a-z]", reset, re.M)
    keys = reset.partition("[tool.remigrate] in pyproject.toml may set, for reset:")[2]
    for key in ("base", "strategy", "guard", "migrate-time-limit", "python", "migration-modules"):
        assert options.BY_NAME[key].in_file
        assert key in keys.partition("examples:")[0]
    assert f"; {options.Options().migrate_time_limit} when not set)" in keys


def test_the_help_fits_a_terminal_of_a_hundred_columns(shop: Project) -> None:
    for command in ([], *([name] for name in COMMANDS)):
        assert max(map(len, help_of(shop, *command).splitlines())) <= 100


def test_the_examples_in_the_help_are_understood(collided: Project) -> None:
    collided.git("tag", "v1.0", "main")
    collided.git("tag", "v2.0", "discount")
    collided.git("update-ref", "refs/remotes/origin/main", "main")
    collided.git("clone", "--quiet", "--bare", ".", "repository.git")
    collided.app("orders")
    told = "".join(help_of(collided, *command) for command in ([], ["check"], ["graph"]))
    examples = set(re.findall(r"^  remigrate ((?:check|graph)[^\n]*?)(?:  .*)?$", told, re.M))
    assert len(examples) >= 9
    elsewhere = {"graph --format svg --output migrations.svg", "check --drift"}
    for example in examples - elsewhere:
        ran = collided.remigrate(*example.split())
        assert ran.code in (0, 1), (example, ran)
        assert ran.err == "", example


def test_the_examples_of_reset_are_understood(shop: Project) -> None:
    told = help_of(shop) + help_of(shop, "reset")
    examples = set(re.findall(r"^  remigrate (reset[^\n]*?)(?:  .*)?$", told, re.M))
    assert len(examples) == 6
    for example in examples:
        given = vars(arguments.parser().parse_args(example.split()))
        assert given.pop("command") == "reset"
        demand_sense(options.merged(given, {}), {})


# Wrong use


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "required: COMMAND"),
        (["chekc"], "invalid choice: 'chekc'"),
        (["check", "--nope"], "unrecognized arguments: --nope"),
        (["check", "--sel", "RM1"], "unrecognized arguments: --sel"),
        (["check", "--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["check", "--format", "svg"], "argument --format: invalid choice: 'svg'"),
        (["graph", "--format", "sarif"], "argument --format: invalid choice: 'sarif'"),
        (["check", "--fail-on", "notice"], "argument --fail-on: invalid choice: 'notice'"),
        (["check", "--color", "sometimes"], "argument --color: invalid choice: 'sometimes'"),
        (["check", "--base"], "argument --base: expected one argument"),
        (["check", "--index", "--head", "main"], "argument --head: not allowed with argument"),
        (["check", "--quiet", "--verbose"], "argument --verbose: not allowed with argument"),
        (["check", "one", "two"], "unrecognized arguments: two"),
        (["graph", "--index"], "unrecognized arguments: --index"),
        (["reset", "--format", "markdown"], "argument --format: invalid choice: 'markdown'"),
        (["reset", "--strategy", "squish"], "argument --strategy: invalid choice: 'squish'"),
        (["reset", "--head", "main"], "unrecognized arguments: --head"),
        (["reset", "--drift"], "unrecognized arguments: --drift"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    shop: Project, words: list[str], why: str
) -> None:
    refused(shop.remigrate(*words), 2, why, "--help tells more.")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["chekc"], "check"),
        (["db", "stauts"], "status"),
        (["status"], "db status"),
        (["stauts"], "db status"),
        (["check", "--formt", "json"], "--format"),
        (["check", "--formt=json"], "--format"),
        (["reset", "--stratgy", "rebase"], "--strategy"),
        (["db", "status", "--alais"], "--alias"),
        (["check", "--format", "jsn"], "json"),
        (["check", "--fail-on", "errors"], "error"),
        (["--vresion"], "--version"),
        (["--formt", "json"], "check --format"),
        (["--strategy", "rebase"], "reset --strategy"),
        (["--explain-cahce"], "check --explain-cache"),
    ],
)
def test_the_nearest_right_word_is_named(shop: Project, words: list[str], meant: str) -> None:
    refused(shop.remigrate(*words), 2, "", f"Did you mean {meant}? remigrate ")


@pytest.mark.parametrize("words", [["qqqq"], ["check", "--qqqq"], ["reset", "--drift"]])
def test_a_word_that_is_like_no_other_is_not_guessed(shop: Project, words: list[str]) -> None:
    assert "Did you mean" not in shop.remigrate(*words).err


@pytest.mark.parametrize("words", [["reset", "shpo"], ["graph", "--app", "shpo"]])
def test_the_nearest_app_is_named(shop: Project, words: list[str]) -> None:
    refused(shop.remigrate(*words), 2, "shpo", "Did you mean shop?")


@pytest.mark.parametrize("command", ["check", "graph", "reset", "demo"])
def test_what_a_command_does_not_know_leads_to_its_own_help(shop: Project, command: str) -> None:
    """`remigrate reset shop -q` pointed at the help that lists commands, not options."""
    ran = shop.remigrate(command, "-q")
    refused(ran, 2, "unrecognized arguments: -q", f"remigrate {command} --help tells more.")


@pytest.mark.parametrize(
    ("words", "why", "way_out"),
    [
        (["--select", "RM999"], "there is no rule RM999", "Known are: RM101, multiple-leaves"),
        (["--ignore", "mutliple-leaves"], "there is no rule mutliple-leaves", "multiple-leaves?"),
        (["--select", "RM101,rm104"], "there is no rule rm104", "Did you mean RM104?"),
        (
            ["--select", "entirely different"],
            "there is no rule entirely different",
            "Known are: RM",
        ),
    ],
)
def test_an_unknown_rule_is_told_with_the_nearest_one(
    shop: Project, words: list[str], why: str, way_out: str
) -> None:
    refused(shop.check(*words), 2, why, way_out)


# The words of reset


def asked(words: str, **configured: object) -> options.Options:
    """What `remigrate reset` is asked when somebody types `words`."""
    given = vars(arguments.parser().parse_args(["reset", *words.split()]))
    del given["command"]
    return options.merged(given, configured)


def test_apps_are_named_before_or_after_the_options() -> None:
    for words in ("shop orders --dry-run", "--dry-run shop orders", "--base x shop orders --all"):
        assert tuple(asked(words).app) == ("shop", "orders")
    assert asked("--dry-run").app == ()


def test_a_reset_proves_guards_and_squashes_unless_told_otherwise() -> None:
    usual = asked("")
    assert (usual.strategy, usual.guard, usual.reset_format) == ("squash", True, "text")
    for name in ("all", "dry_run", "accept_differences", "finish", "allow_dirty", "keep_replaced"):
        assert getattr(usual, name) is False
    assert asked("--no-guard").guard is False
    assert asked("--guard", guard=False).guard is True
    assert asked("", guard=False, strategy="merge").guard is False
    assert asked("--path backend").path == "backend"
    assert asked("--format json", format="sarif").reset_format == "json"


# The configuration


def test_the_configuration_counts_and_the_command_line_counts_more(shop: Project) -> None:
    shop.conflict()
    shop.configure('fail-on = "never"\nformat = "json"\nignore = ["RM104"]')
    ran = shop.check()
    assert ran.code == 0
    assert [found["code"] for found in json.loads(ran.out)["findings"]] == ["RM101"]
    assert shop.check("--fail-on", "error").code == 1
    ran = shop.check("--ignore", "RM101", "--format", "text")
    assert ran.out.startswith("shop/migrations/0003_stock.py:4  warning RM104")


def test_every_key_of_the_configuration_does_what_its_option_does(collided: Project) -> None:
    collided.configure('base = "main"')
    assert collided.check().code == 1
    collided.configure('base = "main"\nselect = ["multiple-leaves"]')
    assert collided.check().out.count("RM1") == 1
    collided.configure('color = "always"')
    assert collided.check().out.startswith("\033[")
    collided.configure("drift = true")
    refused(collided.check(), 4, "manage.py names no settings module", "--settings")
    assert collided.check("--no-drift").code == 0


def test_the_nearest_pyproject_up_to_the_top_counts(shop: Project) -> None:
    shop.conflict()
    shop.configure('fail-on = "never"')
    assert remigrate("check", "project/shop", cwd=shop.path.parent).code == 0
    shop.write("shop/pyproject.toml", '[tool.remigrate]\nfail-on = "error"\n')
    assert remigrate("check", "project/shop", cwd=shop.path.parent).code == 1
    (shop.path.parent / "pyproject.toml").write_text("[tool.remigrate]\nnonsense = 1\n")
    assert shop.check().code == 0, "what is above the repository is somebody else's"


def test_another_file_can_be_named(shop: Project) -> None:
    shop.conflict()
    shop.configure('fail-on = "error"')
    shop.write("other.toml", '[tool.remigrate]\nfail-on = "never"\n')
    assert shop.check("--config", "other.toml").code == 0
    refused(shop.check("--config", "missing.toml"), 2, "missing.toml does not exist", "--config")


def test_a_changed_configuration_is_noticed_at_once(shop: Project) -> None:
    shop.conflict()
    shop.commit()
    assert [shop.check().code, shop.check().code] == [1, 1]
    shop.configure('fail-on = "never"')
    assert [shop.check().code, shop.check().code] == [0, 0]
    shop.configure('fail-on = "error"')
    assert shop.check().code == 1


def test_the_format_of_reports_says_nothing_about_pictures(shop: Project) -> None:
    shop.configure('format = "json"')
    assert shop.graph().out.startswith("flowchart LR\n")
    assert shop.graph("--format", "dot").out.startswith("digraph")
    assert shop.check().out.startswith("{")
    shop.configure('format = "mermaid"')
    refused(shop.check(), 2, "format must be one of its words, not 'mermaid'", "text, json, sarif")


@pytest.mark.parametrize(
    ("toml", "why", "way_out"),
    [
        ("bsae = 'main'", "has no key bsae", "Did you mean base?"),
        ("fail_on = 'never'", "has no key fail_on", "Did you mean fail-on?"),
        ("colour = 'never'", "has no key colour", "Did you mean color?"),
        ("xyzzy = 1", "has no key xyzzy", "Known are: base, drift, python"),
        ("head = 'main'", "has no key head", "command line alone"),
        ("database = 'postgresql://me:secret@db'", "has no key database", "command line alone"),
        ("dry-run = true", "has no key dry-run", "command line alone"),
        ("reset-format = 'json'", "has no key reset-format", "Did you mean format?"),
        ("strategy = 'squish'", "strategy must be one of its words", "squash, rebase, merge"),
        ("guard = 'no'", "guard must be true or false, not 'no'", "guard = true"),
        ("migrate-time-limit = 0", "must be a number above zero", "migrate-time-limit = 600"),
        ("drawing = 'svg'", "has no key drawing", "Did you mean drift?"),
        ("base = 1", "base must be a text, not 1", 'base = "origin/main"'),
        ("base = ''", "base must be a text, not ''", 'base = "origin/main"'),
        ("drift = 'yes'", "drift must be true or false, not 'yes'", "drift = true"),
        ("time-limit = 0", "time-limit must be a number above zero, not 0", "time-limit = 600"),
        ("time-limit = true", "time-limit must be a number above zero", "time-limit = 600"),
        ("select = 'RM1'", "select must be a list of texts, not 'RM1'", 'select = ["RM1", '),
        ("ignore = [1]", "ignore must be a list of texts, not [1]", 'ignore = ["RM1", '),
        ("ignore = ['RM999']", "there is no rule RM999", "Known are: RM101"),
        ("fail-on = 'notice'", "fail-on must be one of its words", "error, warning, never"),
        ("fail-on = true", "fail-on must be one of its words", "error, warning, never"),
        (
            "migration-modules = 'a'",
            "must be a table of texts, not 'a'",
            "migration-modules = {shop =",
        ),
        ("migration-modules = {a = 1}", "must be a table of texts", "migration-modules = {shop ="),
        ("= broken", "pyproject.toml is not valid TOML", "--config"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_with_the_way_out(
    shop: Project, toml: str, why: str, way_out: str
) -> None:
    shop.configure(toml)
    refused(shop.check(), 2, why, way_out)


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\nremigrate = 3", "[[tool.remigrate]]"])
def test_a_table_that_is_none_is_told(shop: Project, text: str) -> None:
    shop.write("pyproject.toml", f"{text}\n# remigrate\n")
    refused(shop.check(), 2, "tool.remigrate is not a table", "[tool.remigrate]")


def test_a_configuration_that_cannot_be_read_is_told(shop: Project) -> None:
    (shop.path / "pyproject.toml").mkdir()
    refused(shop.check(), 2, "pyproject.toml cannot be read: Is a directory", "--config")
    (shop.path / "pyproject.toml").rmdir()
    (shop.path / "pyproject.toml").write_bytes(b"# remigrate \xff\n")
    refused(shop.check(), 2, "pyproject.toml is not valid TOML", "--config")
