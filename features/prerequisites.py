"""Flags that depend on other flags: how deep, and whether in a circle."""

from collections.abc import Collection, Iterator, Mapping

from features.definitions import FlagDefinition
from features.problems import Path, Problem

DEEPEST = 8
"""How many prerequisites may stand behind each other."""
Graph = Mapping[str, Collection[str]]
"""The prerequisites of each flag, by key."""


def graph(flags: Mapping[str, FlagDefinition], environment: str) -> dict[str, list[str]]:
    """Who depends on whom in one environment; only the flags that do are in it."""
    states = ((key, flag.environments.get(environment)) for key, flag in flags.items())
    return {key: [item.flag for item in state.prerequisites] for key, state in states if state and state.prerequisites}


def in_order(edges: Graph) -> dict[str, int]:
    """How many prerequisites stand behind each flag of the graph, those first that others depend on. Flags in a circle,
    and those that depend on one, are left out."""
    waiting = {key: {flag for flag in needed if flag in edges} for key, needed in edges.items()}
    dependants: dict[str, list[str]] = {}
    for key, needed in waiting.items():
        for flag in needed:
            dependants.setdefault(flag, []).append(key)
    ready = [key for key, needed in waiting.items() if not needed]
    depths: dict[str, int] = {}
    for key in ready:  # grows while it is walked
        depths[key] = 1 + max((depths[flag] for flag in edges[key] if flag in depths), default=0)
        for dependant in dependants.get(key, ()):
            waiting[dependant].discard(key)
            if not waiting[dependant]:
                ready.append(dependant)
    return depths


def circle(edges: Graph, start: str) -> list[str]:
    """The flags of a circle through `start`, which is first and last; empty if there is none."""
    came_from: dict[str, str] = {}
    found = [start]
    for key in found:  # grows while it is walked
        for needed in edges.get(key, ()):
            if needed == start:
                path = [start, key]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if needed not in came_from:
                came_from[needed] = key
                found.append(needed)
    return []


def problems(flag: FlagDefinition, others: Mapping[str, FlagDefinition]) -> list[Problem]:
    """What speaks against this flag's prerequisites, in every environment, among the other flags of its organisation;
    `others` may hold an older form of it."""
    flags = {**others, flag.key: flag}
    return [Problem(path, message) for path, message in _found(flag, flags)]


def _found(flag: FlagDefinition, flags: Mapping[str, FlagDefinition]) -> Iterator[tuple[Path, str]]:
    for environment, state in flag.environments.items():
        path: Path = ("environments", environment, "prerequisites")
        for place, prerequisite in enumerate(state.prerequisites):
            needed = flags.get(prerequisite.flag)
            if needed is None:
                yield (*path, place, "flag"), f"there is no flag {prerequisite.flag}"
                continue
            for at, variant in enumerate(prerequisite.variants):
                if variant not in needed.variants:
                    yield (*path, place, "variants", at), f"{variant} is no variant of {prerequisite.flag}"
        edges = graph(flags, environment)
        if around := circle(edges, flag.key):
            yield path, f"they form a circle: {' → '.join(around)}"
        else:
            deepest = max(in_order(edges).values(), default=0)
            if state.prerequisites and deepest > DEEPEST:
                yield path, f"more than {DEEPEST} prerequisites would stand behind each other"
