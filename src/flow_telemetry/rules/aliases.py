"""Keeping the ids of what was renamed: a repository under its old name, an item under its old key.

A rename starts new ids, since they are made from names; input `identity-aliases` maps what is
called so now to the name whose ids are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from flow_telemetry import identity
from flow_telemetry.model import Repository, WorkItem

Record = TypeVar("Record")


def with_aliases(record: Record, aliases: Mapping[str, str]) -> Record:
    """Return a record of the domain in which all that was renamed keeps its ids.

    ``aliases`` maps `owner/name` in lower case, or a key of Jira in upper case, to the old name.
    """
    if not aliases:
        return record
    renamed: Record = _renamed(record, aliases)
    return renamed


def _renamed(value: Any, aliases: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_renamed(each, aliases) for each in value)
    if isinstance(value, Repository):
        return replace(value, known_as=aliases.get(identity.fold(value.full_name)))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    holding = {
        each.name: changed
        for each in fields(value)
        if (held := getattr(value, each.name)) is not (changed := _held(held, aliases))
    }
    found = replace(value, **holding) if holding else value
    return _item(found, aliases) if isinstance(found, WorkItem) else found


def _held(value: Any, aliases: Mapping[str, str]) -> Any:
    """What a field holds, renamed; the very same object where nothing of it can be."""
    if isinstance(value, tuple) and not any(is_dataclass(each) for each in value):
        return value
    return _renamed(value, aliases)


def _item(item: WorkItem, aliases: Mapping[str, str]) -> WorkItem:
    if item.tracker == "jira" and item.key in aliases:
        return replace(item, reference=identity.jira_reference(aliases[item.key]))
    if item.repository is not None and item.number is not None:
        home = item.repository.reference
        return replace(item, reference=identity.github_issue_reference(home, item.number))
    return item
