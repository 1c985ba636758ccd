"""A JSON schema as a GBNF grammar: whatever text satisfies the grammar is a JSON value that satisfies the schema.

The grammar may be narrower than the schema, never wider: objects hold their declared members in the declared order,
white space is fixed, strings need no `\\u` escapes, lengths and counts end at 1,000. A keyword that a grammar cannot
hold (`pattern`, `uniqueItems`, `not`, …) raises `SchemaNotHeld`; without `strict` such keywords are passed over.
Keywords are those of JSON Schema 2020-12, https://json-schema.org/draft/2020-12; formats are annotations there, and
known ones are held all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jsonschema

from api.engines.llama_form import check_form, check_size
from api.engines.llama_grammar import Path, Rules, SchemaNotHeld, compact, literal
from api.engines.llama_merging import ANNOTATIONS, NotMergeable, apart, both, inferred_type
from api.engines.llama_numerals import FORMATS, NoNumber, integer, number

LONGEST = 1_000
"""Characters of a string and items of an array whose number the schema bounds or leaves open above."""

_MOST_LEVELS = 64
_META = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)

_NEVER_HELD = frozenset({"not", "if", "then", "else", "pattern", "multipleOf", "$dynamicRef", "$recursiveRef"}) | {
    *("dependentRequired", "dependentSchemas", "dependencies", "propertyNames", "patternProperties"),
    *("unevaluatedProperties", "contains", "minContains", "maxContains", "uniqueItems", "unevaluatedItems"),
}
# Keywords that are checked on each value of `enum`: those that look at nothing within it, and run no pattern.
_CHECKED = frozenset({"type", "enum", "required", "minLength", "maxLength", "minItems", "maxItems"}) | {
    *("minProperties", "maxProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}


def json_object() -> str:
    """The grammar of any JSON object."""
    return Rules().grammar("object")


def grammar(schema: Any, *, strict: bool) -> str:
    """The grammar of JSON values that satisfy the schema. Raises SchemaNotHeld."""
    rules = Rules()
    return rules.grammar(add_schema(rules, schema, strict=strict))


def add_schema(rules: Rules, schema: Any, *, strict: bool) -> str:
    """Adds what the schema needs to the rules, and returns the name of the rule that is the schema. Raises
    SchemaNotHeld."""
    check_size(schema)
    check_form(schema)
    return _Converter(rules, schema, strict=strict).rule(schema, (), frozenset())


class _Converter:
    """Turns one schema into rules. `bare` are the references followed since the last character of output: to meet one
    of them again would be a rule that begins with itself."""

    def __init__(self, rules: Rules, root: Any, *, strict: bool) -> None:
        self.rules = rules
        self.root = root
        self.strict = strict
        self.by_reference: dict[str, str] = {}
        self.level = 0

    def rule(self, schema: Any, path: Path, bare: frozenset[str]) -> str:
        """The name of a rule for the schema."""
        if schema is False:
            raise SchemaNotHeld(path, "nothing satisfies 'false'")
        if schema is True:
            return "value"
        self.level += 1
        if self.level > _MOST_LEVELS:
            raise SchemaNotHeld((), "the schema is nested too deeply")
        rule = self.rule_of_object(schema, path, bare)
        self.level -= 1
        return rule

    def rule_of_object(self, schema: Mapping[str, Any], path: Path, bare: frozenset[str]) -> str:
        known = {key: value for key, value in schema.items() if key not in ANNOTATIONS}
        if "$ref" in known:
            return self.reference(known, path, bare)
        self.refuse(known, path)
        for word in ("allOf", "anyOf", "oneOf"):
            if word in known:
                return self.combined(word, known, path, bare)
        if "const" in known or "enum" in known:
            return self.chosen(known, path)
        kind = known.get("type", inferred_type(known))
        if kind is None:
            return "value"
        if isinstance(kind, list):
            return self.rules.add(" | ".join(self.rule({**known, "type": one}, path, bare) for one in kind))
        rule: str = getattr(self, f"of_{kind}")(known, path)
        return rule

    def refuse(self, schema: Mapping[str, Any], path: Path) -> None:
        if self.strict and (found := sorted(_NEVER_HELD & schema.keys() - _idle(schema))):
            raise SchemaNotHeld(path, f"'{found[0]}' is not supported")

    def reference(self, schema: dict[str, Any], path: Path, bare: frozenset[str]) -> str:
        name = schema.pop("$ref")
        if name in bare:
            raise SchemaNotHeld(path, f"the reference '{name[:100]}' leads back to itself")
        target = self.resolve(name, path)
        if schema:
            return self.rule(self.merged([target, schema], path), path, bare | {name})
        if name not in self.by_reference:
            self.by_reference[name] = self.rules.add()
            self.rules.define(self.by_reference[name], self.rule(target, (name,), bare | {name}))
        return self.by_reference[name]

    def resolve(self, name: str, path: Path) -> Any:
        """The place in the same document that a `#/…` reference names (RFC 6901)."""
        place = self.root
        for step in name.removeprefix("#").split("/")[1:] if name.startswith("#") else [name]:
            step = step.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - RFC 6901, 4: the step unescaped
            if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
                place = place[int(step)]
            elif isinstance(place, dict) and step in place:
                place = place[step]
            else:
                raise SchemaNotHeld(path, f"the reference '{name[:100]}' leads nowhere")
        if not _META.is_valid(place):  # whatever stands where no keyword expects a schema
            raise SchemaNotHeld(path, f"the reference '{name[:100]}' leads to no schema")
        return place

    def merged(self, schemas: Sequence[Any], path: Path) -> Any:
        try:
            whole = schemas[0]
            for one in schemas[1:]:
                whole = both(whole, one)
        except NotMergeable as error:
            raise SchemaNotHeld(path, str(error)) from error
        return whole

    def combined(self, word: str, schema: dict[str, Any], path: Path, bare: frozenset[str]) -> str:
        branches = schema.pop(word)
        if word == "allOf":
            return self.rule(self.merged([schema, *self.followed(branches, path, bare)], path), path, bare)
        if word == "oneOf" and self.strict and not apart(self.followed(branches, path, bare)):
            raise SchemaNotHeld(path, "'oneOf' is only supported where its branches cannot overlap")
        if schema:
            branches = [self.merged([schema, one], path) for one in self.followed(branches, path, bare)]
        names = [self.rule(one, (*path, word, str(at)), bare) for at, one in enumerate(branches) if one is not False]
        if not names:
            raise SchemaNotHeld(path, f"nothing satisfies '{word}'")
        return self.rules.add(" | ".join(dict.fromkeys(names)))

    def followed(self, schemas: Iterable[Any], path: Path, bare: frozenset[str]) -> list[Any]:
        """The schemas, where they are mere references what these lead to."""
        found = []
        for schema in schemas:
            seen = set(bare)
            while isinstance(schema, dict) and "$ref" in schema:
                name, rest = schema["$ref"], {key: value for key, value in schema.items() if key != "$ref"}
                if name in seen or len(seen) > _MOST_LEVELS:
                    raise SchemaNotHeld(path, f"the reference '{name[:100]}' leads back to itself")
                seen.add(name)
                schema = self.merged([self.resolve(name, path), rest], path)  # noqa: PLW2901 - one reference after the other
            found.append(schema)
        return found

    def chosen(self, schema: dict[str, Any], path: Path) -> str:
        values = [schema.pop("const")] if "const" in schema else schema.pop("enum")
        if self.strict and (others := sorted(schema.keys() - _CHECKED)):
            raise SchemaNotHeld(path, f"'{others[0]}' is not supported beside 'enum' or 'const'")
        rest = jsonschema.Draft202012Validator({key: schema[key] for key in schema.keys() & _CHECKED})
        fitting = [literal(compact(value)) for value in values if rest.is_valid(value)]
        if not fitting:
            raise SchemaNotHeld(path, "none of its values satisfies the rest of the schema")
        return self.rules.add(" | ".join(dict.fromkeys(fitting)))

    def of_null(self, _schema: Mapping[str, Any], _path: Path) -> str:
        return self.rules.add('"null"')

    def of_boolean(self, _schema: Mapping[str, Any], _path: Path) -> str:
        return self.rules.add('"true" | "false"')

    def of_integer(self, schema: Mapping[str, Any], path: Path) -> str:
        low, high, without_low, without_high = _bounds(schema)
        low = low + 1 if low is not None and without_low and float(low).is_integer() else low
        high = high - 1 if high is not None and without_high and float(high).is_integer() else high
        try:
            return self.rules.add(integer(low, high))
        except NoNumber as error:
            raise SchemaNotHeld(path, str(error)) from error

    def of_number(self, schema: Mapping[str, Any], path: Path) -> str:
        low, high, without_low, without_high = _bounds(schema)
        try:
            return self.rules.add(number(low, high, without_low=without_low, without_high=without_high))
        except NoNumber as error:
            raise SchemaNotHeld(path, str(error)) from error

    def of_string(self, schema: Mapping[str, Any], path: Path) -> str:
        if not schema.keys() & {"minLength", "maxLength"}:
            form = FORMATS.get(schema.get("format", ""))
            return "string" if form is None else self.rules.add(f'"\\"" {form} "\\""')
        least, most = _span(schema, "minLength", "maxLength", path)
        return self.rules.add(f'"\\"" char{{{least},{most}}} "\\""')

    def of_array(self, schema: Mapping[str, Any], path: Path) -> str:
        least, most = _span(schema, "minItems", "maxItems", path)
        first = schema.get("prefixItems", [])[:most]
        items = [self.rule(one, (*path, "prefixItems", str(at)), frozenset()) for at, one in enumerate(first)]
        rest = schema.get("items", not first or least > len(first))
        least, most = max(least - len(items), 0), most - len(items)
        if rest is False or not most:
            if least:
                raise SchemaNotHeld(path, "'minItems' asks for more items than are allowed")
            return self.rules.add(f'"[" {_listed(items)} "]"')
        item = self.rule(rest, (*path, "items"), frozenset())
        if items:
            return self.rules.add(f'"[" {_listed(items)} (", " {item}){{{least},{most}}} "]"')
        some = f'{item} (", " {item}){{{max(least - 1, 0)},{most - 1}}}'
        return self.rules.add(f'"[" {some} "]"' if least else f'"[" ({some})? "]"')

    def of_object(self, schema: Mapping[str, Any], path: Path) -> str:
        least, most = _span(schema, "minProperties", "maxProperties", path)
        properties = dict(schema.get("properties", {}))
        others = schema.get("additionalProperties", True)
        required = list(dict.fromkeys(schema.get("required", ())))
        for name in required:
            properties.setdefault(name, others)
        if not properties and others is not False and most:
            return self.mapping(others, least, most, path)
        if len(properties) > schema.get("maxProperties", len(properties)):
            properties = {name: one for name, one in properties.items() if name in required}
        if not least <= len(required) <= schema.get("maxProperties", len(required)):
            raise SchemaNotHeld(path, "'minProperties' or 'maxProperties' does not agree with what is required")
        pairs = []
        for name, one in properties.items():
            if one is False and name not in required:
                continue
            value = self.rule(one, (*path, "properties", name), frozenset())
            pairs.append((f"{literal(compact(name) + ': ')} {value}", name in required))
        return self.rules.add(f'"{{" {self.members(pairs)} "}}"')

    def mapping(self, others: Any, least: int, most: int, path: Path) -> str:
        """An object of any names. A name may come twice, so that no more than one is sure."""
        if least > 1:
            raise SchemaNotHeld(path, "'minProperties' is not supported beyond 1")
        pair = f'string ": " {self.rule(others, (*path, "additionalProperties"), frozenset())}'
        some = self.rules.add(f'{pair} (", " {pair}){{0,{most - 1}}}')
        return self.rules.add(f'"{{" {some} "}}"' if least else f'"{{" {some}? "}}"')

    def members(self, pairs: Sequence[tuple[str, bool]]) -> str:
        """The pairs in their order, those that are not required being optional. Two rules a pair: what may follow when
        nothing is written yet, and when something is, which then needs a comma."""
        later = first = '""'
        for pair, required in reversed(pairs):
            begun = self.rules.add(f"{pair} {later}")
            more = f'", " {begun}'
            first = begun if required else f"{begun} | {first}"
            later = self.rules.add(more if required else f"({more}) | {later}")
        return f"({first})"


def _idle(schema: Mapping[str, Any]) -> set[str]:
    """Keywords that ask for nothing with the value that they have."""
    idle = {key for key in ("then", "else") if "if" not in schema}
    idle |= {key for key in ("minContains", "maxContains") if "contains" not in schema}
    return idle | {key for key in ("uniqueItems",) if schema.get(key) is False}


def _bounds(schema: Mapping[str, Any]) -> tuple[float | None, float | None, bool, bool]:
    """The lower and the upper bound, and whether each is itself without."""
    lows = [(schema[key], key != "minimum") for key in ("minimum", "exclusiveMinimum") if key in schema]
    highs = [(schema[key], key == "maximum") for key in ("maximum", "exclusiveMaximum") if key in schema]
    low, without_low = max(lows, default=(None, False))
    high, with_high = min(highs, default=(None, True))
    return low, high, without_low, not with_high


def _span(schema: Mapping[str, Any], lower: str, upper: str, path: Path) -> tuple[int, int]:
    least, most = int(schema.get(lower, 0)), min(int(schema.get(upper, LONGEST)), LONGEST)
    if least > most:
        raise SchemaNotHeld(path, f"'{lower}' is more than '{upper}' or than {LONGEST}")
    return least, most


def _listed(items: Iterable[str]) -> str:
    return ' ", " '.join(items) or '""'
