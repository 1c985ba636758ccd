"""manage.py flag, as tests run it."""

import json
from io import StringIO
from typing import Any

from django.core.management import call_command


def flag(*arguments: str) -> str:
    """What the command writes."""
    return both(*arguments)[0]


def both(*arguments: str) -> tuple[str, str]:
    """What it writes, and what it warns of."""
    out, err = StringIO(), StringIO()
    call_command("flag", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def as_json(*arguments: str) -> Any:
    return json.loads(flag(*arguments, "--json"))
