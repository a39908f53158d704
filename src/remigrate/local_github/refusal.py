"""What GitHub says when it does not do what it was asked."""

from __future__ import annotations

from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"


class Refusal(Exception):
    """An answer with an error: its status, its body, and headers that come with it."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"message": message}
        if errors is not None:
            self.body["errors"] = errors
        self.body |= {"documentation_url": DOCUMENTATION, "status": str(status)}


def not_found() -> Refusal:
    """Of what is not there, or must not be seen."""
    return Refusal(404, "Not Found")


def invalid(resource: str, field: str = "", code: str = "invalid", message: str = "") -> Refusal:
    """Of a request that is understood and makes no sense."""
    error = {"resource": resource, "code": code}
    error |= {"field": field} if field else {}
    error |= {"message": message} if message else {}
    return Refusal(422, "Validation Failed", [error])
