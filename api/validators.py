"""What may stand in the catalog, for the admin and the management commands alike."""

from functools import lru_cache

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from features.problems import KEY_RULE, is_key
from lukhas_site.http.destinations import http_url

model_id = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*\Z", "Letters, digits and . _ : / @ + - only, beginning with a letter or digit."
)
_variable_name = RegexValidator(r"^[A-Za-z_][A-Za-z0-9_]*\Z", "The name of an environment variable, not its value.")

# This server's own secrets: as an upstream's key they would be sent to that upstream.
OWN_VARIABLES = frozenset({"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "EMAIL_URL"})
OWN_PREFIX = "LUKHAS_"


@lru_cache(maxsize=256)
def is_own(name: str) -> bool:
    """Returns whether a variable is one of this server's own, in whatever letters."""
    return name.upper() in OWN_VARIABLES or name.upper().startswith(OWN_PREFIX)


def key_variable(name: str) -> None:
    """Raises ValidationError unless `name` can name an environment variable, and not one of this server's own."""
    _variable_name(name)
    if is_own(name):
        raise ValidationError(f"{name} is a setting of this server and is never sent to an upstream.", code="own")


def flag_key(text: str) -> None:
    """Raises ValidationError unless `text` can be the key of a feature flag."""
    if not is_key(text):
        raise ValidationError(f"It {KEY_RULE}.", code="invalid")


def base_url(value: str) -> None:
    """Raises ValidationError unless `value` is an absolute http(s) URL that may be called with a key.

    Private networks are allowed, for that is where model servers stand. Credentials, query, fragment, and addresses
    where clouds hand out a machine's credentials are not.
    """
    http_url(value)
    if "?" in value or "#" in value:
        raise ValidationError("The URL ends with its path: no query, no fragment.", code="invalid")
