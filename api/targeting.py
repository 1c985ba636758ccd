"""Who a rollout takes a caller for, and what its rules may ask: names and sizes, never a prompt. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from accounts.principal import Principal
from api.exceptions import InvalidValue
from api.requests import Request
from features.rules import TARGETING_KEY

HEADER = "x-lukhas-targeting-key"
MAX_LENGTH = 512
"""In characters, of every text that a rule may see."""
_IN_META = "HTTP_X_LUKHAS_TARGETING_KEY"
_AGENT = re.compile(r"(?:Async)?(?:Azure)?OpenAI/([A-Za-z]+) (\S+)")


def presented(headers: Mapping[str, Any]) -> str:
    """The targeting key of the caller's own header, from the META of the request; empty where there is none.

    Raises InvalidValue where it is longer than 512 characters or not UTF-8, also for a model that is not rolled out:
    else callers would learn of it on the day on which a rollout begins.
    """
    raw = headers.get(_IN_META)
    if not raw:
        return ""
    try:
        key: str = raw.encode("latin-1").decode().strip()
    except UnicodeError:
        key = ""
    if len(key) > MAX_LENGTH or (not key and raw.strip()):
        raise InvalidValue(f"{HEADER} must be UTF-8 and at most {MAX_LENGTH} characters long.")
    return key


def context(request: Request, caller: Principal, key: str, headers: Mapping[str, Any]) -> dict[str, str]:
    """What the flag is asked with. `key` is what `presented` gave.

    Callers are told apart by that, else by `safety_identifier`, `user`, the owner of the key, the project.
    """
    body = request.body
    who = key or _text(body.get("safety_identifier")) or _text(body.get("user")) or caller.owner_id or caller.project_id
    language, version = _sdk(headers)
    attributes = {
        TARGETING_KEY: who,
        "project": caller.project_id,
        "key_id": caller.key_id,
        "role": caller.role and caller.role.value,
        "model": request.model,
        "sdk_language": language,
        "sdk_version": version,
    }
    return {name: value for name, value in attributes.items() if value}


def _text(value: object) -> str:
    return value[:MAX_LENGTH] if isinstance(value, str) else ""


def _sdk(headers: Mapping[str, Any]) -> tuple[str, str]:
    """Language, in lower case, and version of OpenAI's SDK; empty where it is not one."""
    language = headers.get("HTTP_X_STAINLESS_LANG")
    if language:
        return language[:MAX_LENGTH].lower(), headers.get("HTTP_X_STAINLESS_PACKAGE_VERSION", "")[:MAX_LENGTH]
    found = _AGENT.match(headers.get("HTTP_USER_AGENT", "")[:MAX_LENGTH])
    return (found[1].lower(), found[2]) if found else ("", "")
