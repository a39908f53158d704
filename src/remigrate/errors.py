"""Failures that a user can do something about. Each carries its exit code and its cure."""

from __future__ import annotations

OK = 0
FINDINGS = 1
BUG = 70
INTERRUPTED = 130


class Failure(Exception):
    """Remigrate cannot do what was asked. `str()` says why; `hint` says what to do about it."""

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageFailure(Failure):
    """The command line or the configuration is wrong."""

    exit_code = 2


class RepositoryFailure(Failure):
    """The repository or the project in it cannot be read."""

    exit_code = 3


class NetworkFailure(Failure):
    """GitHub, a remote or the network did not do what was asked."""

    exit_code = 5


class EnvironmentFailure(Failure):
    """The project's environment or the probe failed."""

    exit_code = 4


class BrokenGraph(EnvironmentFailure):
    """Django cannot load the project's migrations, which is what the graph is checked for."""
