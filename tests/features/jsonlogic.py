"""JsonLogic as its site and flagd's pages describe it, for tests to compare with: an interpreter, and random logic."""

import random
import re
from typing import Any

import mmh3

ORDERS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def number(value: Any) -> float:
    if value is None or value == "":
        return 0.0
    if isinstance(value, list):
        return number(text(value))
    try:
        return float("nan") if isinstance(value, dict) else float(value)
    except ValueError:
        return float("nan")


def text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(text, value))
    return "[object Object]" if isinstance(value, dict) else str(value)


def true(value: Any) -> bool:
    return bool(value) or isinstance(value, dict)


def strict(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def loose(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    a, b = (text(side) if isinstance(side, list | dict) else side for side in (a, b))
    return a == b if isinstance(a, str) and isinstance(b, str) else number(a) == number(b)


def ordered(name: str, a: Any, b: Any) -> bool:
    a, b = (text(side) if isinstance(side, list | dict) else side for side in (a, b))
    if isinstance(a, str) and isinstance(b, str):
        return ORDERS[name](a, b)
    return ORDERS[name](number(a), number(b))


def version(value: Any) -> list[Any]:
    found = re.fullmatch(r"[vV]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([\w.-]+))?(?:\+.*)?", str(value))
    if isinstance(value, bool) or not found:
        raise ValueError(value)
    labels = [] if found[4] is None else [(not p.isdigit(), int(p) if p.isdigit() else p) for p in found[4].split(".")]
    return [int(found[1]), int(found[2] or 0), int(found[3] or 0), found[4] is None, labels]


def sem_ver(a: Any, name: str, b: Any) -> bool | None:
    try:
        left, right = version(a), version(b)
    except ValueError:
        return None
    if name in ORDERS:
        return ORDERS[name](left, right)
    return {"=": left == right, "!=": left != right, "^": left[0] == right[0], "~": left[:2] == right[:2]}[name]


def fractional(flag: str, data: dict[str, Any], by: Any, shares: list[Any]) -> Any:
    if by is None:
        key = data.get("targetingKey")
        if not isinstance(key, str) or not key:
            return None
        by = flag + key
    weights = [max(0, share[1]) if len(share) == 2 else 1 for share in shares]
    place = (mmh3.hash(by.encode(), 0, signed=False) * sum(weights)) >> 32
    for share, weight in zip(shares, weights, strict=True):
        place -= weight
        if place < 0:
            return share[0]
    return None


def evaluate(logic: Any, context: dict[str, Any], flag: str) -> Any:
    """What the targeting of a flag gives for a context."""
    return apply(logic, {**context, "$flagd": {"flagKey": flag}}, flag)


def apply(logic: Any, data: dict[str, Any], flag: str) -> Any:
    """What the logic gives for the data."""
    if isinstance(logic, list):
        return [apply(item, data, flag) for item in logic]
    if not isinstance(logic, dict):
        return logic
    ((name, given),) = logic.items()
    raw = given if isinstance(given, list) else [given]
    if name in ("if", "and", "or"):
        return branch(name, raw, data, flag)
    arguments = [apply(item, data, flag) for item in raw]
    if name == "var":
        at: Any = data
        for part in arguments[0].split("."):
            at = at.get(part) if isinstance(at, dict) else None
        return at
    if name == "fractional":
        named = not isinstance(arguments[0], list)
        return fractional(flag, data, arguments[0] if named else None, arguments[1:] if named else arguments)
    if name == "cat":
        return "".join("" if item is None else text(item) for item in arguments)
    return operate(name, arguments)


def branch(name: str, raw: list[Any], data: dict[str, Any], flag: str) -> Any:
    """What is decided without looking at everything."""
    if name == "if":
        for place in range(0, len(raw) - 1, 2):
            if true(apply(raw[place], data, flag)):
                return apply(raw[place + 1], data, flag)
        return apply(raw[-1], data, flag) if len(raw) % 2 else None
    found = None
    for item in raw:
        found = apply(item, data, flag)
        if true(found) is (name == "or"):
            break
    return found


def operate(name: str, arguments: list[Any]) -> Any:
    first, second, *rest = [*arguments, None, None][: max(2, len(arguments))]
    if name in ORDERS:
        pairs = [(first, second), *((second, third) for third in rest)]
        return all(ordered(name, a, b) for a, b in pairs)
    if name in ("starts_with", "ends_with"):
        if not isinstance(first, str):
            return None
        return first.startswith(second) if name == "starts_with" else first.endswith(second)
    if name == "in":
        if isinstance(second, list):
            return any(strict(first, item) for item in second)
        return isinstance(second, str) and first is not None and text(first) in second
    simple = {
        "!": lambda: not true(first),
        "!!": lambda: true(first),
        "==": lambda: loose(first, second),
        "!=": lambda: not loose(first, second),
        "===": lambda: strict(first, second),
        "!==": lambda: not strict(first, second),
        "sem_ver": lambda: sem_ver(first, second, rest[0]),
    }
    return simple[name]()


LITERALS: list[Any] = [18, 5.5, "18", "a@b.co", "pro", "", True, False, 0, 1, "x"]
NAMES = ["age", "email", "tier", "ver", "list", "beta", "user.name", "n"]


def condition(chance: random.Random, depth: int = 0) -> Any:
    """A random condition."""
    variable = {"var": chance.choice(NAMES)}
    literal = chance.choice(LITERALS)
    kinds: dict[str, Any] = {
        "compared": lambda: {chance.choice(["==", "!=", "===", "!==", *ORDERS]): [variable, literal]},
        "turned": lambda: {chance.choice(["==", "!=", "===", "!==", *ORDERS]): [literal, variable]},
        "null": lambda: {chance.choice(["===", "!=="]): [variable, None]},
        "between": lambda: {chance.choice(["<", "<="]): [1, variable, 20]},
        "in": lambda: {"in": [variable, chance.sample(LITERALS, 3)]},
        "has": lambda: {"in": [chance.choice(["a", "x", 18, True]), {"var": chance.choice(["list", "email"])}]},
        "starts": lambda: {"starts_with": [variable, chance.choice(["a", "pr", ""])]},
        "ends": lambda: {"ends_with": [variable, chance.choice(["co", "o"])]},
        "version": lambda: {
            "sem_ver": [
                {"var": "ver"},
                chance.choice(["=", "!=", "^", "~", *ORDERS]),
                chance.choice(["1.2.3", "2.0.0-rc.1", "v1.2", "1"]),
            ]
        },
        "var": lambda: variable,
        "literal": lambda: chance.random() < 0.5,
    }
    if depth < 3:
        kinds["not"] = lambda: {"!": condition(chance, depth + 1)}
        kinds["sure"] = lambda: {"!!": [condition(chance, depth + 1)]}
        for name in ("and", "or"):
            kinds[name] = lambda name=name: {name: [condition(chance, depth + 1) for _ in range(chance.randint(1, 3))]}
    return kinds[chance.choice(list(kinds))]()


def targeting(chance: random.Random, depth: int = 0) -> Any:
    """A random targeting: variants `true`, `false`, `red` and none."""
    kind = chance.choice(["name", "name", "null", "split", "condition", *(["if"] * 3 if depth < 3 else [])])
    if kind == "name":
        return chance.choice(["true", "false", "red", True])
    if kind == "null":
        return None
    if kind == "condition":
        return chance.choice(
            [{"<": [{"var": "age"}, 18]}, {"!": [{"var": "beta"}]}, {"starts_with": [{"var": "tier"}, "p"]}]
        )
    if kind == "split":
        by = chance.choice(
            [[], [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}], [{"cat": ["s", {"var": "n"}]}]]
        )
        return {"fractional": [*by, ["true", 25], ["red", chance.choice([0, 50, -3])], ["false"]]}
    branches: list[Any] = []
    for _ in range(chance.randint(1, 2)):
        branches += [condition(chance), targeting(chance, depth + 1)]
    return {"if": branches + ([targeting(chance, depth + 1)] if chance.random() < 0.6 else [])}


def context(chance: random.Random) -> dict[str, Any]:
    """A random context."""
    found: dict[str, Any] = {name: chance.choice(LITERALS) for name in ("age", "email", "tier", "beta", "n")}
    found["ver"] = chance.choice(["1.2.3", "2.0.0-rc.1", "2.0.0", "v1.2.3", "1.2", "bad", "1.2.3+b", 1, 1.2])
    found["list"] = chance.choice([["a", "x"], [18], [], "xyz", {"a": 1}])
    found["user"] = {"name": chance.choice(LITERALS)}
    found["targetingKey"] = chance.choice([f"u{number}" for number in range(20)])
    return {name: value for name, value in found.items() if chance.random() < 0.8}
