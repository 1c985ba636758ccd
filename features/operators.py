"""What each operator does with a value of the context: pure, and never raising.

`comparison(condition)` gives a function from the value to True, False, or None where the value is nothing that the
operator can compare. `predicate(condition)` gives one from the whole context to True or False, see `Condition`. Values
are compared by kind: the number 1 is neither the text "1" nor true, but it is 1.0.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from operator import eq, ge, gt, le, lt
from typing import Any

from features import loose, operands
from features.bucketing import encoded
from features.conditions import Condition
from features.operands import Unreadable

Context = Mapping[str, Any]
Comparison = Callable[[Any], bool | None]
Holds = Callable[[Context], bool]


def finder(attribute: str) -> Callable[[Context], Any]:
    """A function that gives the attribute of a context; None where it is missing or null."""
    first, *rest = attribute.split(".")
    if not rest:
        return lambda context: context.get(attribute)

    def find(context: Context) -> Any:
        if attribute in context:
            return context[attribute]
        found = context.get(first)
        for name in rest:
            if not isinstance(found, Mapping):
                return None
            found = found.get(name)
        return found

    return find


def predicate(condition: Condition) -> Holds:
    """Does a context meet the condition?"""
    attribute, negate, otherwise = condition.attribute, condition.negate, condition.otherwise
    if condition.operator == "exists":
        find_any = finder(attribute)
        return lambda context: (find_any(context) is None) is negate
    compare = comparison(condition)
    if "." in attribute:
        find = finder(attribute)

        def deep(context: Context) -> bool:
            found = compare(find(context))
            return otherwise if found is None else found is not negate

        return deep

    def holds(context: Context) -> bool:
        found = compare(context.get(attribute))
        return otherwise if found is None else found is not negate

    return holds


def comparison(condition: Condition) -> Comparison:
    """The operator with its values. A condition that no reader has seen may raise Unreadable here, and only here."""
    return COMPARISONS[condition.operator](condition)


def equality(condition: Condition) -> Comparison:
    """One of the values, of the same kind."""
    fold = condition.ignore_case
    values = condition.values
    texts = frozenset(value.lower() if fold else value for value in values if isinstance(value, str))
    switches = frozenset(value for value in values if isinstance(value, bool))
    numbers = frozenset(value for value in values if isinstance(value, int | float) and not isinstance(value, bool))

    def compare(value: Any) -> bool | None:
        if isinstance(value, str):
            return (value.lower() if fold else value) in texts
        if isinstance(value, bool):
            return value in switches
        return value in numbers if isinstance(value, int | float) else None

    return compare


def inequality(condition: Condition) -> Comparison:
    """None of the values."""
    equal = equality(condition)

    def compare(value: Any) -> bool | None:
        found = equal(value)
        return None if found is None else not found

    return compare


def containment(condition: Condition) -> Comparison:
    """A text that has one of the texts in it, or a list that has one of the values."""
    fold, equal = condition.ignore_case, equality(condition)
    texts = tuple(value.lower() if fold else value for value in condition.values if isinstance(value, str))

    def compare(value: Any) -> bool | None:
        if isinstance(value, str):
            whole = value.lower() if fold else value
            return any(text in whole for text in texts)
        return any(equal(item) for item in value) if isinstance(value, list | tuple) else None

    return compare


def affix(condition: Condition) -> Comparison:
    """Does a text start, or end, with one of the texts?"""
    fold, at_start = condition.ignore_case, condition.operator == "starts_with"
    texts = tuple(str(value).lower() if fold else str(value) for value in condition.values)

    def compare(value: Any) -> bool | None:
        if not isinstance(value, str):
            return None
        whole = value.lower() if fold else value
        return whole.startswith(texts) if at_start else whole.endswith(texts)

    return compare


def matching(condition: Condition) -> Comparison:
    """Does one of the patterns match somewhere in a text?"""
    patterns = [operands.compiled(operands.text(value), condition.ignore_case) for value in condition.values]

    def compare(value: Any) -> bool | None:
        if not isinstance(value, str) or len(value) > operands.LONGEST_MATCHED:
            return None
        try:
            return any(pattern.search(value) for pattern in patterns)
        except UnicodeEncodeError:  # half of a surrogate pair, which RE2 cannot read
            return None

    return compare


def reading(read: Callable[[Any], Any], decide: Callable[[Any, Any], bool]) -> Callable[[Condition], Comparison]:
    """Operators that read both sides, and compare what they read."""

    def make(condition: Condition) -> Comparison:
        values = [read(value) for value in condition.values]

        def compare(value: Any) -> bool | None:
            if value is None:
                return None
            try:
                found = read(value)
            except Unreadable:
                return None
            return any(decide(found, other) for other in values)

        return compare

    return make


def same_major(version: operands.Version, other: operands.Version) -> bool:
    return version[0] == other[0]


def same_minor(version: operands.Version, other: operands.Version) -> bool:
    return version[:2] == other[:2]


def membership(condition: Condition) -> Comparison:
    """Is an address in one of the networks? They are kept by their length, so that a thousand cost no more than one."""
    prefixes: dict[tuple[int, int], set[int]] = {}
    for value in condition.values:
        net = unmapped(operands.network(value))
        shift = net.max_prefixlen - net.prefixlen
        prefixes.setdefault((net.version, shift), set()).add(int(net.network_address) >> shift)

    def compare(value: Any) -> bool | None:
        if value is None:
            return None
        try:
            addresses = operands.addresses(value)
        except Unreadable:
            return None
        return any(
            found.version == version and int(found) >> shift in starts
            for (version, shift), starts in prefixes.items()
            for found in addresses
        )

    return compare


def unmapped(net: operands.Network) -> operands.Network:
    """An IPv4 network that is written as IPv6, as the IPv4 one."""
    if isinstance(net, IPv6Network) and net.prefixlen >= 96 and net.network_address.ipv4_mapped:
        return IPv4Network((int(net.network_address.ipv4_mapped), net.prefixlen - 96))
    return net


def hashed(condition: Condition) -> Comparison:
    """Is the SHA-256 of a text, in lower-case hexadecimal, one of the values?"""
    digests = frozenset(condition.values)

    def compare(value: Any) -> bool | None:
        return sha256(encoded(value)).hexdigest() in digests if isinstance(value, str) else None

    return compare


def domain(condition: Condition) -> Comparison:
    """Is what follows the first @ of an e-mail address, up to the next if there is one, in lower case one of the values
    as they stand?"""
    domains = frozenset(condition.values)

    def compare(value: Any) -> bool | None:
        if not isinstance(value, str) or "@" not in value:
            return None
        return value.split("@", 2)[1].lower() in domains

    return compare


def anything(decide: Callable[[Any, Any], bool]) -> Callable[[Condition], Comparison]:
    """Operators that have an answer to every value, and to a missing one."""

    def make(condition: Condition) -> Comparison:
        values = condition.values
        return lambda value: any(decide(value, other) for other in values)

    return make


def presence(_condition: Condition) -> Comparison:
    return lambda value: value is not None


def truth(_condition: Condition) -> Comparison:
    return loose.truthy


VERSIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "semver_eq": eq,
    "semver_gt": gt,
    "semver_gte": ge,
    "semver_lt": lt,
    "semver_lte": le,
    "semver_major": same_major,
    "semver_minor": same_minor,
}

COMPARISONS: Mapping[str, Callable[[Condition], Comparison]] = {
    "in": equality,
    "not_in": inequality,
    "equals": equality,
    "contains": containment,
    "starts_with": affix,
    "ends_with": affix,
    "regex": matching,
    "gt": reading(operands.number, gt),
    "gte": reading(operands.number, ge),
    "lt": reading(operands.number, lt),
    "lte": reading(operands.number, le),
    "before": reading(operands.microseconds, lt),
    "after": reading(operands.microseconds, gt),
    **{name: reading(operands.version, decide) for name, decide in VERSIONS.items()},
    "cidr": membership,
    "exists": presence,
    "sha256_in": hashed,
    "domain_in": domain,
    "truthy": truth,
    **{name: anything(decide) for name, decide in loose.ORDERS.items()},
    **{f"loose_{name}": reading(loose.version, decide) for name, decide in VERSIONS.items()},
}
