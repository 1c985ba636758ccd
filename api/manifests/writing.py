"""Rows to tables: the whole catalog, every field of it, so that reading it back restores it."""

from typing import Any

from api.manifests.fields import given
from api.manifests.lists import written_lists
from api.manifests.reading import NAMES, TABLES, fields_of
from api.manifests.storing import rows_of
from api.models import Model


def written() -> dict[str, dict[str, dict[str, Any]]]:
    """The tables of a file that holds the catalog as it is."""
    return {
        table: {
            getattr(row, NAMES[table]): {
                **{field.name: given(getattr(row, field.name)) for field in fields_of(table)},
                **(written_lists(row) if isinstance(row, Model) else {}),
            }
            for row in rows_of(table)
        }
        for table in TABLES
    }
