"""Entries of a file to rows of the catalog: all of them, or none."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.db.models import QuerySet

from api.manifests.fields import shown
from api.manifests.lists import DEPLOYMENTS, fallbacks_of, in_order, places_of, put_fallbacks, put_places
from api.manifests.reading import NAMES, TABLES, Entry
from api.models import Alias, Model, Upstream
from features.problems import MISSING, Invalid, Problem

RELATIONS = {"models": ("upstream", "upstreams"), "aliases": ("target", "models")}
"""The field of a table that leads to another one."""

Verb = Literal["add", "change", "delete"]
Track = Callable[[Sequence[Entry]], Iterable[Entry]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as it was. `fields` are the name, and what it was and is, in words, of what changed; of a row
    that is new only what it is."""

    verb: Verb
    kind: str
    name: str
    fields: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of a file."""

    differences: list[Difference]
    unchanged: int

    def count(self, verb: Verb) -> int:
        return sum(each.verb == verb for each in self.differences)


def store(entries: Sequence[Entry], *, prune: bool = False, track: Track = list) -> Stored:
    """Makes or changes the row of each entry; with `prune`, deletes those that have none. Raises Invalid with
    everything that is wrong, and then changes nothing. `track` is told of the entries as they are stored."""
    with transaction.atomic():
        storing = _Storing(entries, prune)
        for entry in track(storing.in_order()):
            storing.put(entry)
        storing.end()
        if storing.problems:
            raise Invalid(storing.problems)
    return storing.result()


class _Storing:
    """A file being stored, in a transaction that its end undoes if there were problems."""

    def __init__(self, entries: Sequence[Entry], prune: bool) -> None:
        self.entries, self.prune = entries, prune
        self.problems: list[Problem] = []
        self.rows: dict[str, dict[str, Any]] = {
            table: {getattr(row, NAMES[table]): row for row in rows_of(table).select_for_update(of=("self",))}
            for table in TABLES
        }
        self.outcome: dict[tuple[str, str], Difference | None] = {}
        self.named = {table: {entry.name for entry in entries if entry.table == table} for table in TABLES}
        self.pruned = False
        if prune:
            self.delete("aliases")

    def in_order(self) -> list[Entry]:
        """Aliases that are there already before new ones: a new one may have the name of a model that goes, to which
        another one leads until it was changed."""
        return sorted(self.entries, key=lambda entry: list(TABLES).index(entry.table) * 2 + self.is_new_alias(entry))

    def is_new_alias(self, entry: Entry) -> bool:
        return entry.table == "aliases" and entry.name not in self.rows["aliases"]

    def put(self, entry: Entry) -> None:
        if self.is_new_alias(entry):
            self.prune_models()
        found = self.rows[entry.table].get(entry.name)
        row = TABLES[entry.table](**{NAMES[entry.table]: entry.name}) if found is None else found
        if not self.leads_on(entry, row):
            return
        changes = self.fill(entry, row, new=found is None)
        if found is not None and not changes:
            self.outcome[entry.table, entry.name] = None
            return
        try:
            row.full_clean()
            row.save()
        except ValidationError as error:
            self.problems.extend(self.complaints(entry, error))
            return
        self.rows[entry.table][entry.name] = row
        self.differ("add" if found is None else "change", row, tuple(changes))

    def leads_on(self, entry: Entry, row: Any) -> bool:
        """Whether there is, and will be, what the row leads to; tells what is wrong with it."""
        if entry.table not in RELATIONS:
            return True
        name, table = RELATIONS[entry.table]
        if name in entry.values:
            other = entry.values[name]
        elif row.pk is None:
            return self.wrong(entry, MISSING, name)
        else:
            other = str(getattr(row, name))
        return self.is_there(entry, table, other, name)

    def is_there(self, entry: Entry, table: str, other: str, *steps: str | int) -> bool:
        """Whether there is, and will be, the row of this name, to which the entry leads at these steps."""
        if other in self.named[table]:
            return other in self.rows[table] or self.wrong(entry, f"{other!r} has mistakes", *steps)
        if other not in self.rows[table] and (table, other) not in self.outcome:
            return self.wrong(entry, f"there is no {other!r} in {table}", *steps)
        if self.prune and not (other in self.rows[table] and _is_embedded(self.rows[table][other])):
            return self.wrong(entry, f"{other!r} is not in the file, and would be deleted", *steps)
        return True

    def fill(self, entry: Entry, row: Any, *, new: bool) -> list[tuple[str, str, str]]:
        """Gives the row the entry's values. Returns what changes with it."""
        relation, table = RELATIONS.get(entry.table, ("", ""))
        changes = []
        for name, given in entry.values.items():
            value = self.rows[table][given] if name == relation else given
            before = None if new else getattr(row, name)
            if new or before != value:
                setattr(row, name, value)
                changes.append((name, shown(before), shown(value)))
        return changes

    def wrong(self, entry: Entry, message: str, *steps: str | int) -> bool:
        """Tells it of what is there. Returns False."""
        self.problems.append(Problem((*entry.path, *steps), message))
        return False

    def complaints(self, entry: Entry, error: ValidationError) -> list[Problem]:
        """What is wrong with the name is wrong with the whole entry: it is what the entry is called."""
        whole = (NON_FIELD_ERRORS, NAMES[entry.table])
        by_field = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
        return [
            Problem((*entry.path, *(() if name in whole else (name,))), message)
            for name, messages in by_field.items()
            for message in messages
        ]

    # --- The lists of models -------------------------------------------------------------------------------------

    def put_lists(self) -> None:
        """When all models are there, for one may fall back to any other. What has no lists, or mistakes, is left."""
        for entry in self.entries:
            if (model := self.rows[entry.table].get(entry.name)) is not None and (
                entry.table,
                entry.name,
            ) in self.outcome:
                for name, given in entry.lists.items():
                    self.put_list(entry, model, name, given)

    def put_list(self, entry: Entry, model: Model, name: str, given: tuple[Any, ...]) -> None:
        of_places = name == DEPLOYMENTS
        table = "upstreams" if of_places else "models"
        others = [place.upstream if of_places else place for place in given]
        steps = ("upstream",) if of_places else ()
        there = [self.is_there(entry, table, other, name, at, *steps) for at, other in enumerate(others)]
        if not all(there):
            return
        before = places_of(model) if of_places else fallbacks_of(model)
        after = in_order(given) if of_places else given
        if before == after:
            return
        try:
            (put_places if of_places else put_fallbacks)(model, given, self.rows[table])
        except ValidationError as error:
            self.problems.extend(Problem((*entry.path, name), message) for message in error.messages)
            return
        change = (name, _listed(before), _listed(after))
        known = self.outcome[entry.table, entry.name] or Difference("change", "model", entry.name)
        self.outcome[entry.table, entry.name] = replace(known, fields=(*known.fields, change))

    # --- What has no entry ---------------------------------------------------------------------------------------

    def end(self) -> None:
        self.prune_models()
        self.put_lists()
        if self.prune and not self.problems:
            self.delete("upstreams")

    def prune_models(self) -> None:
        """Once; and not where something was wrong, for what has mistakes leads to where it led before."""
        if self.prune and not self.pruned and not self.problems:
            self.pruned = True
            self.delete("models")

    def delete(self, table: str) -> None:
        """Deletes the rows of the table that have no entry, those of this process excepted: what a first start makes
        would come back with the next."""
        for name, row in list(self.rows[table].items()):
            if name in self.named[table] or _is_embedded(row):
                continue
            if table == "upstreams" and (led := row.deployments.first()) is not None:
                self.problems.append(Problem((table, name), f"is not in the file, but {led} needs it"))
                continue
            row.delete()
            del self.rows[table][name]
            self.differ("delete", row)

    def differ(self, verb: Verb, row: Any, fields: tuple[tuple[str, str, str], ...] = ()) -> None:
        table = next(table for table, model in TABLES.items() if isinstance(row, model))
        kind = str(row.audit_options().verbose_name)
        self.outcome[table, str(row)] = Difference(verb, kind, str(row), fields)

    def result(self) -> Stored:
        differences = [each for each in self.outcome.values() if each is not None]
        return Stored(differences, len(self.outcome) - len(differences))


def rows_of(table: str) -> QuerySet[Any]:
    """The rows of a table, each with the row that it leads to."""
    relations = [RELATIONS[table][0]] if table in RELATIONS else []
    return TABLES[table].objects.select_related(*relations).order_by(NAMES[table])


def _is_embedded(row: Upstream | Model | Alias) -> bool:
    upstream = row.upstream if isinstance(row, Model) else row
    return isinstance(upstream, Upstream) and upstream.kind != Upstream.Kind.OPENAI


def _listed(items: Iterable[Any]) -> str:
    return ", ".join(map(str, items)) or "none"
