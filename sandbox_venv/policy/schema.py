"""Checks data against the JSON schema of the configuration: as much of JSON Schema as that one uses."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import nearest

TYPES: dict[str, tuple[type, str]] = {
    "boolean": (bool, "true or false"),
    "string": (str, "a text"),
    "array": (list, "a list"),
    "object": (dict, "a table"),
}


class Invalid(Exception):
    """Data that the schema doesn't take: what, in words, with a hint or ""."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@cache
def config_schema() -> dict[str, Any]:
    """Return the package's ``config.schema.json``."""
    data: dict[str, Any] = json.loads(Path(__file__).with_name("config.schema.json").read_text(encoding="utf-8"))
    return data


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow ``$ref``."""
    while "$ref" in schema:
        found = root
        for part in schema["$ref"][2:].split("/"):
            found = found[part]
        schema = found
    return schema


def check(value: object, schema: dict[str, Any], root: dict[str, Any], where: str = "") -> None:
    """Check a value.

    Raises:
        Invalid: naming the key, and the nearest known one for a key that is unknown.
    """
    schema = _resolve(schema, root)
    if "anyOf" in schema:
        _check_any(value, schema["anyOf"], root, where)
        return
    kind, words = TYPES[schema["type"]]
    if type(value) is not kind:
        raise Invalid(f"{where or 'the settings'}: must be {words}")
    if isinstance(value, str):
        _check_text(value, schema, where)
    elif isinstance(value, list):
        least, most = schema.get("minItems", 0), schema.get("maxItems", 1024)
        if not least <= len(value) <= most:
            limit = f"{least}" if least == most else f"{least} to {most}"
            raise Invalid(f"{where}: a list of {len(value)}, where {limit} items belong")
        for item in value:
            check(item, schema["items"], root, where)
    elif isinstance(value, dict):
        _check_table(value, schema, root, where)


def _check_any(value: object, schemas: list[dict[str, Any]], root: dict[str, Any], where: str) -> None:
    problems = []
    for schema in schemas:
        try:
            check(value, schema, root, where)
        except Invalid as error:
            problems.append(error)
        else:
            return
    raise problems[-1 if isinstance(value, list) else 0]


def _check_text(value: str, schema: dict[str, Any], where: str) -> None:
    if "enum" in schema and value not in schema["enum"]:
        close = nearest(value, schema["enum"])
        hint = f"did you mean {close!r}?" if close else f"one of {', '.join(schema['enum'])}"
        raise Invalid(f"{where}: unknown value {value!r}", hint)
    if len(value) < schema.get("minLength", 0) or not re.search(schema.get("pattern", ""), value):
        raise Invalid(f"{where}: {value!r} can't stand there")


def _check_table(value: dict[str, object], schema: dict[str, Any], root: dict[str, Any], where: str) -> None:
    known = schema.get("properties", {})
    if len(value) > schema.get("maxProperties", 1024):
        raise Invalid(f"{where}: {len(value)} items are too many")
    for key, item in value.items():
        name = f"{where}.{key}" if where else key
        if key in known:
            check(item, known[key], root, name)
        elif schema.get("additionalProperties", True) is False:
            close = nearest(key, known)
            hint = f"did you mean {close!r}?" if close else f"known are {', '.join(known)}"
            raise Invalid(f"unknown key {name!r}", hint)
        else:
            if not re.search(schema.get("propertyNames", {}).get("pattern", ""), key):
                raise Invalid(f"{where}: {key!r} can't be a name there")
            check(item, schema["additionalProperties"], root, name)
