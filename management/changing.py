"""Partial updates: what is not named stays as it is, and what was refused by a model's own rules is told with its field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from msgspec import UNSET, Struct

from gateway.errors import InvalidValue


def said(body: Struct) -> Mapping[str, Any]:
    """The fields that were named, with their values."""
    values = ((name, getattr(body, name)) for name in body.__struct_fields__)
    return {name: value for name, value in values if value is not UNSET}


def put_on(row: Any, body: Struct) -> Mapping[str, Any]:
    """Sets what was named; what differs, as details of an audit entry. Does not save."""
    changed = {}
    for name, value in said(body).items():
        if (before := getattr(row, name)) != value:
            changed[name] = {"from": _plain(before), "to": _plain(value)}
            setattr(row, name, value)
    return changed


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | type(None)) else str(value)


@contextmanager
def checked(param: str | None = None) -> Iterator[None]:
    """Django's ValidationError as an InvalidValue."""
    try:
        yield
    except ValidationError as error:
        told = " ".join(error.messages)
        field = next(iter(error.message_dict), None) if hasattr(error, "error_dict") else None
        raise InvalidValue(told, param=param or (field if field != "__all__" else None)) from None
