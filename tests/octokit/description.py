"""GitHub's published description of its API, and what it says about a request and its answer.

Requests are held to it strictly: a parameter or a key that it does not know is an error, where
GitHub itself would drop it in silence.
"""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from remigrate.local_github.server import Exchange

PACKAGES = Path(sys.prefix) / "octokit/node_modules/@octokit"
MISSING = "GitHub's description is not installed: `make lint` installs it where npm is there"

# GitHub sends null for these, and does not describe it: the repository of a head that was deleted
# (its webhooks do), the line of a review comment that is outdated, a label's description.
NULL = (".head.repo", "].line", "].description")
# Answers that GitHub gives to any request, and does not describe for each.
ANYWHERE = (401, 403, 404, 429, 500, 502, 503)
_NAME = "urn:github"
Json = dict[str, Any]


class Description:
    """GitHub's OpenAPI description."""

    def __init__(self, data: Json) -> None:
        self._data = _with_null({key: data[key] for key in ("components", "paths", "x-webhooks")})
        resource = DRAFT4.create_resource(self._data)
        self._registry: Any = Registry().with_resource(_NAME, resource)

    def check(self, exchange: Exchange) -> None:
        """Raise `AssertionError` for a request or an answer that GitHub does not describe."""
        if exchange.path.endswith(("/info/refs", "/git-upload-pack", "/git-receive-pack")):
            return
        told = f"{exchange.method} {exchange.path} -> {exchange.status}"
        if exchange.path == "/api/graphql":
            if exchange.body is not None:
                assert set(exchange.body) <= {"query", "variables"}, told
            return
        if exchange.fault in ("429", "500", "502", "503", "closed", "primary", "secondary"):
            return  # it was not looked at
        assert exchange.template, f"GitHub has no such route, or we do not: {told}"
        operation = self._data["paths"][exchange.template][exchange.method.lower()]
        self._check_query(exchange, operation, told)
        if exchange.status < 400:
            self._check_body(exchange, operation, told)
        self._check_reply(exchange, operation, told)

    def _check_query(self, exchange: Exchange, operation: Json, told: str) -> None:
        known = {each["name"]: each for each in map(self._resolved, operation["parameters"])}
        for name, value in exchange.query.items():
            assert known.get(name, {}).get("in") == "query", f"{told}: no parameter {name}"
            schema = known[name]["schema"]
            typed = int(value) if schema.get("type") == "integer" else value
            self._valid(typed, schema, f"{told}: parameter {name}")

    def _check_body(self, exchange: Exchange, operation: Json, told: str) -> None:
        if exchange.body is None:
            assert not operation.get("requestBody", {}).get("required"), f"{told}: no body"
            return
        body, content = exchange.body, self._resolved(operation["requestBody"])["content"]
        if exchange.template.endswith("/labels") and isinstance(body, list):
            body = {"labels": body}  # "You can also pass an array": in its words, not in its schema
        self._valid(body, _strict(content["application/json"]["schema"]), f"{told}: body")

    def _check_reply(self, exchange: Exchange, operation: Json, told: str) -> None:
        described = operation["responses"].get(str(exchange.status))
        schema: Any
        if described is None:
            assert exchange.status in ANYWHERE, f"{told}: no such status"
            schema = {"$ref": "#/components/schemas/basic-error"}
        else:
            schema = self._resolved(described).get("content", {}).get("application/json", {})
            schema = schema.get("schema")
        if schema is None:
            assert exchange.reply is None, f"{told}: has a body"
        else:
            self._valid(exchange.reply, schema, f"{told}: reply")

    def check_event(self, name: str, payload: Json) -> None:
        """Raise `AssertionError` for a payload that GitHub does not describe."""
        self._valid(payload, {"$ref": f"#/components/schemas/webhook-{name}"}, name)

    def _resolved(self, node: Json) -> Json:
        while "$ref" in node:
            found: Any = self._data
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def _valid(self, value: Any, schema: Json, told: str) -> None:
        absolute = json.loads(json.dumps(schema).replace('"$ref": "#', f'"$ref": "{_NAME}#'))
        validator: Any = Draft4Validator(absolute, registry=self._registry)
        wrong = [
            f"{each.json_path}: {each.message[:300]}"
            for each in validator.iter_errors(value)
            if not (each.json_path.endswith(NULL) and each.instance is None)
        ]
        assert not wrong, "\n".join([told, *wrong])


def _with_null(node: Any) -> Any:
    """JSON Schema for OpenAPI's ``nullable``."""
    if isinstance(node, list):
        return [_with_null(each) for each in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _with_null(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True:
        return {"anyOf": [rest, {"type": "null"}]}
    if isinstance(node.get("nullable"), dict):  # a property with that name
        rest["nullable"] = _with_null(node["nullable"])
    return rest


def _strict(node: Any) -> Any:
    """A schema that takes no keys but those that it names."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict):
        strict.setdefault("additionalProperties", False)
    return strict


def _read(name: str) -> Any:
    path = PACKAGES / name
    return json.loads(path.read_text()) if path.exists() else None


@functools.cache
def published() -> Description | None:
    """GitHub's description, where it is installed."""
    data = _read("openapi/generated/api.github.com.json")
    return None if data is None else Description(data)


def description() -> Description:
    """The same, for tests that make no sense without it."""
    found = published()
    if found is None:
        pytest.skip(MISSING)
    return found


def payloads(event: str) -> list[Json]:
    """Published payloads of an event, for a test that needs them."""
    found = _read("webhooks-examples/api.github.com/index.json")
    if found is None:
        pytest.skip(MISSING)
    return next(each["examples"] for each in found if each["name"] == event)
