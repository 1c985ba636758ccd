"""The lists of a model's entry: where else it is reached, and which models answer in its place.

A list that is given takes the place of the one that was there; one that is not leaves it as it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api.manifests.fields import NotTaken, given, taken
from api.models import Deployment, Fallback, Model
from features.problems import MISSING, UNKNOWN, Reader

DEPLOYMENTS, FALLBACKS = "deployments", "fallbacks"
LISTS = (DEPLOYMENTS, FALLBACKS)
MOST = 1_000
FIELDS = ("upstream", "upstream_model", "weight")


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment: the name of the upstream, what that calls the model, and the weight."""

    upstream: str
    upstream_model: str = ""
    weight: int = 1

    @property
    def where(self) -> tuple[str, str]:
        """What tells the deployments of a model apart."""
        return self.upstream, self.upstream_model

    def __str__(self) -> str:
        return f"{self.upstream} ({', '.join(filter(None, (self.upstream_model, f'weight {self.weight}')))})"


def read_list(reader: Reader, name: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the places, or the names of models, of this list of an entry."""
    items = reader.items(values, name, MOST)
    found: dict[Any, Any] = {}
    for item in items:
        read = _place(reader, item) if name == DEPLOYMENTS else _name(reader, item)
        if read is None:
            continue
        key = read.where if isinstance(read, Place) else read
        if key in found:
            reader.wrong("is there twice")
        found[key] = read
    return tuple(found.values())


def _name(reader: Reader, item: Any) -> str | None:
    if isinstance(item, str):
        return item
    reader.wrong("must be a text")
    return None


def _place(reader: Reader, item: Any) -> Place | None:
    if not isinstance(item, Mapping):
        reader.wrong("must be a table")
        return None
    found = {}
    for name, value in item.items():
        if name not in FIELDS:
            reader.wrong(UNKNOWN, str(name))
            continue
        try:
            found[name] = taken(Deployment.audit_options().get_field(name), value)
        except NotTaken as error:
            reader.wrong(str(error), name)
    if "upstream" not in item:
        reader.wrong(MISSING, "upstream")
    return Place(**found) if "upstream" in found else None


def places_of(model: Model) -> tuple[Place, ...]:
    rows = model.deployments.select_related("upstream")
    return in_order([Place(row.upstream.name, row.upstream_model, row.weight) for row in rows])


def in_order(places: Iterable[Place]) -> tuple[Place, ...]:
    """Places by name: which of them comes first means nothing."""
    return tuple(sorted(places, key=lambda place: place.where))


def fallbacks_of(model: Model) -> tuple[str, ...]:
    return tuple(row.target.model_id for row in model.fallbacks.select_related("target"))


def written_lists(model: Model) -> dict[str, Any]:
    """Both lists as a file has them."""
    places = [{name: given(getattr(place, name)) for name in FIELDS} for place in places_of(model)]
    return {DEPLOYMENTS: places, FALLBACKS: list(fallbacks_of(model))}


def put_places(model: Model, places: tuple[Place, ...], upstreams: Mapping[str, Any]) -> None:
    """Raises ValidationError. Whatever goes goes first: what comes may be in its place."""
    rows = {(row.upstream.name, row.upstream_model): row for row in model.deployments.select_related("upstream")}
    wanted = {place.where: place for place in places}
    for key, row in rows.items():
        if key not in wanted:
            row.delete()
    for key, place in wanted.items():
        row = rows.get(key) or Deployment(model=model, upstream=upstreams[place.upstream], upstream_model=key[1])
        row.weight = place.weight
        row.full_clean()
        row.save()


def put_fallbacks(model: Model, names: tuple[str, ...], models: Mapping[str, Any]) -> None:
    """Raises ValidationError."""
    rows = {row.target.model_id: row for row in model.fallbacks.select_related("target")}
    for name, row in rows.items():
        if name not in names:
            row.delete()
    for position, name in enumerate(names):
        row = rows.get(name) or Fallback(model=model, target=models[name])
        row.position = position
        row.full_clean()
        row.save()
