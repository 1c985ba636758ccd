"""Tables to entries. Nothing here asks the database: what only it knows is told when the entries are stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.manifests.fields import NotTaken, taken
from api.manifests.lists import LISTS, read_list
from api.models import Alias, Model, Upstream
from features.problems import UNKNOWN, Path, Reader

TABLES: Mapping[str, type[Upstream | Model | Alias]] = {"upstreams": Upstream, "models": Model, "aliases": Alias}
NAMES = {"upstreams": "name", "models": "model_id", "aliases": "name"}
"""The field by whose value a row is known in the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as the file has it: of its fields those that are given, of a relation the other row's name. `lists` are
    those of `api.manifests.lists`."""

    table: str
    name: str
    values: Mapping[str, Any]
    lists: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return (self.table, self.name)


def fields_of(table: str) -> list[Any]:
    """The fields that an entry of the table may have, in their order."""
    model = TABLES[table]
    names = [name for name in model.audit_fields if name != NAMES[table]]
    return [model.audit_options().get_field(name) for name in names]


def read(data: Any) -> list[Entry]:
    """Returns the entries of a file, upstreams before models, and these before aliases. Raises Invalid with everything
    that is wrong."""
    reader = Reader()
    tables = reader.table(data, tuple(TABLES))
    found = [entry for table in TABLES for entry in _entries(reader, table, tables.get(table, {}))]
    reader.finish()
    return found


def _entries(reader: Reader, table: str, rows: Any) -> Iterator[Entry]:
    with reader.at(table):
        if not isinstance(rows, Mapping):
            reader.wrong("must be a table")
            return
        for name, values in rows.items():
            with reader.at(str(name)):
                if not isinstance(name, str):
                    reader.wrong("the name must be a text")
                elif not isinstance(values, Mapping):
                    reader.wrong("must be a table")
                else:
                    known = LISTS if table == "models" else ()
                    lists = {each: read_list(reader, each, values) for each in known if each in values}
                    plain = {each: value for each, value in values.items() if each not in known}
                    yield Entry(table, name, _values(reader, table, plain), lists)


def _values(reader: Reader, table: str, values: Mapping[Any, Any]) -> dict[str, Any]:
    fields = {each.name: each for each in fields_of(table)}
    found = {}
    for name, given in values.items():
        if name not in fields:
            reader.wrong(UNKNOWN, str(name))
            continue
        try:
            found[name] = taken(fields[name], given)
        except NotTaken as error:
            reader.wrong(str(error), name)
    if "base_url" in found:
        found["base_url"] = found["base_url"].rstrip("/")
    return found
