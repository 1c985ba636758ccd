"""What a row of the ruleset is checked against: the other rows of its organisation, each kind read once.

Rows that are being checked may not be in the database yet, or be there in an older form: as they are now counts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from django.apps import apps

from features import prerequisites
from features.definitions import prerequisites_from_data
from features.problems import Invalid, Problem

Made = TypeVar("Made")


class Edge(NamedTuple):
    """A flag that needs another one, in an environment: one of these variants must be the other's answer."""

    environment: str
    flag: str
    needed: str
    variants: tuple[str, ...]


Edges = dict[tuple[int, int], tuple[Edge, ...]]
"""By the primary keys of environment and flag."""


@dataclass(slots=True)
class Known:
    """What an organisation has: its segments, the flags that others need, and who needs whom."""

    segments: dict[int | None, str]
    flags: dict[int | None, tuple[str, Mapping[str, Any]]]
    edges: Edges


@dataclass(slots=True)
class Fitting:
    """`given` are the rows that are being checked."""

    given: list[Any] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)

    def of(self, organization_id: int) -> Known:
        known = self.known.get(organization_id)
        if known is None:
            known = self.known[organization_id] = read(organization_id, self.given)
        return known

    def segments(self, organization_id: int) -> Mapping[str, Any]:
        """The keys of the organisation's segments."""
        return dict.fromkeys(self.of(organization_id).segments.values())

    def dangling(self, organization_id: int) -> list[Problem]:
        """What flags need, and no longer have: other flags, and variants of those."""
        known = self.of(organization_id)
        why = lacking(known)
        edges = [edge for some in known.edges.values() for edge in some]
        return [
            Problem((), f"{edge.flag} needs it in {edge.environment}: {told}") for edge in edges if (told := why(edge))
        ]

    def unmet(self, organization_id: int, edges: Iterable[Edge]) -> list[Problem]:
        """Which of one flag's prerequisites there are not."""
        whys = map(lacking(self.of(organization_id)), edges)
        return [Problem(("prerequisites", place), why) for place, why in enumerate(whys) if why]

    def circular(self, organization_id: int, environment: str, flag: str) -> list[Problem]:
        """Whether the flag needs itself in the end, or too many flags would stand behind each other."""
        edges: dict[str, list[str]] = {}
        for some in self.of(organization_id).edges.values():
            for edge in some:
                if edge.environment == environment:
                    edges.setdefault(edge.flag, []).append(edge.needed)
        if around := prerequisites.circle(edges, flag):
            return [Problem(("prerequisites",), f"they form a circle: {' → '.join(around)}")]
        if flag in edges and max(prerequisites.in_order(edges).values(), default=0) > prerequisites.DEEPEST:
            told = f"more than {prerequisites.DEEPEST} prerequisites would stand behind each other"
            return [Problem(("prerequisites",), told)]
        return []

    def nameless(self, organization_id: int) -> list[Problem]:
        """Which flags name a segment that there is not, and in which environment."""
        there = set(self.of(organization_id).segments.values())
        states = states_of(organization_id, "rules").values_list("environment__key", "flag__key", "rules")
        return [
            Problem((), f"{flag} names the segment {key} in {environment}")
            for environment, flag, rules in states
            for key in sorted(set(named_segments(rules)) - there)
        ]


def reading(make: Callable[[], Made]) -> tuple[Made | None, list[Problem]]:
    """What `make` returns, or what was wrong."""
    try:
        return make(), []
    except Invalid as error:
        return None, list(error.problems)


def lacking(known: Known) -> Callable[[Edge], str | None]:
    """Tells why an edge leads nowhere; None where it leads somewhere."""
    there = dict(known.flags.values())

    def why(edge: Edge) -> str | None:
        if edge.needed not in there:
            return f"there is no flag {edge.needed}"
        strange = [variant for variant in edge.variants if variant not in there[edge.needed]]
        return f"{edge.needed} has no variant {', '.join(strange)}" if strange else None

    return why


def edges_of(environment: str, flag: str, data: Any) -> tuple[Edge, ...]:
    """The edges of a state's prerequisites; none where those cannot be read."""
    found, _ = reading(lambda: prerequisites_from_data(data))
    return tuple(Edge(environment, flag, item.flag, item.variants) for item in found or ())


def named_segments(rules: Any) -> list[str]:
    """The segments that rules name, however deep."""
    if isinstance(rules, list):
        return [key for item in rules for key in named_segments(item)]
    if not isinstance(rules, dict):
        return []
    own = [rules["segment"]] if isinstance(rules.get("segment"), str) else []
    return own + [key for part in ("conditions", "any_of") for key in named_segments(rules.get(part))]


def states_of(organization_id: int, column: str) -> Any:
    """The states of the organisation's flags in which this list is not empty."""
    states = apps.get_model("features", "FlagState").objects.filter(flag__organization=organization_id)
    return states.exclude(**{column: []}).order_by("pk")


def read(organization_id: int, given: Iterable[Any]) -> Known:
    """What the organisation has in the database, with these rows as they are now."""
    segments = apps.get_model("features", "Segment").objects.filter(organization=organization_id)
    known = Known(dict(segments.values_list("pk", "key")), {}, {})
    states = states_of(organization_id, "prerequisites")
    for place in states.values_list("environment", "flag", "environment__key", "flag__key", "prerequisites"):
        known.edges[place[:2]] = edges_of(*place[2:])
    for row in given:
        row.join_edges(known.edges)
    needed = {edge.needed for edges in known.edges.values() for edge in edges}
    flags = apps.get_model("features", "Flag").objects.filter(organization=organization_id, key__in=needed)
    for pk, key, variants in flags.values_list("pk", "key", "variants"):
        known.flags[pk] = (key, variants)
    for row in given:
        row.join(known)
    return known
