"""TOML and YAML, read strictly: what is there twice is a mistake, as it is in TOML by itself."""

import re
import tomllib
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import yaml

from features.importing import file_problem
from features.problems import Invalid, Path, Problem

TOML, YAML = (".toml",), (".yaml", ".yml")
BARE = re.compile(r"[A-Za-z0-9_-]+")


class _Loader(yaml.SafeLoader):
    """YAML's plain types. PyYAML itself takes the last of several values of one name."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def parsed(content: bytes, suffix: str) -> Any:
    """What the file says. Raises Invalid where it is no file of the kind that its name's end stands for."""
    if too_large := file_problem(content):
        raise too_large
    try:
        text = content.decode()
        if suffix in TOML:
            return tomllib.loads(text, parse_float=Decimal)
        return _Loader(text).get_single_data()
    except (tomllib.TOMLDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        kind = "TOML" if suffix in TOML else "YAML"
        raise Invalid([Problem((), f"is not {kind}: {' '.join(str(error).split())}")]) from error


def dumped(tables: Any) -> str:
    """The tables as YAML."""
    text: str = yaml.safe_dump(tables, sort_keys=False, allow_unicode=True, width=120)
    return text


def place(path: Path) -> str:
    """Where something is in a file, as TOML would write it: `models."llama3.2:3b".deployments[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if BARE.fullmatch(step) else f'."{step}"'
    return text.removeprefix(".")


def told(problem: Problem) -> str:
    return f"{place(problem.path)}: {problem.message}" if problem.path else problem.message
