"""What usage is asked by, and the number of each such set. Asks no database.

The number is made of the texts themselves: several processes agree on it without asking anybody, and nothing that one
of them remembers can be wrong when the database is another one. It has 63 bits of a SHA-256: that two of a million
dimensions share one happens with a probability of 5 in 100 million.
"""

from functools import lru_cache
from hashlib import sha256
from operator import itemgetter

from analytics.records import Record

FIELDS = ("organization_id", "project_id", "user_id", "key_id", "endpoint", "model", "flag", "variant")
"""The fields of a dimension, which are fields of a record."""

Names = tuple[str, ...]
"""The values of these fields, in their order."""

names_of = itemgetter(*map(Record._fields.index, FIELDS))
"""The names of a record."""


@lru_cache(maxsize=10_000)
def id_of(names: Names) -> int:
    """The number of a dimension. No name holds a NUL: see `analytics.records.cleaned`."""
    return int.from_bytes(sha256("\0".join(names).encode()).digest()[:8], "big") >> 1


def dimension_of(record: Record) -> int:
    """The number of a record's dimension."""
    return id_of(names_of(record))
