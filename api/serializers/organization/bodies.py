"""Bodies of the Admin API: every field is checked, and one that nobody knows is refused by name."""

from functools import cached_property
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.scopes import ADMIN_SCOPES, DEFAULT_SCOPES, unknown
from api.exceptions import InvalidValue, UnknownParameter, UnsupportedParameter
from api.serializers.fields import Array, Integer, Text, kind_of
from lukhas_site.http.serializers import SparseSerializer

OPTIONAL: dict[str, Any] = {"required": False}
NULLABLE: dict[str, Any] = {"required": False, "allow_null": True}
NAME_LENGTH = 200
YEAR = 31_536_000
"""In seconds: the longest that the specification lets a key live, unless it lives for good."""


class Body(SparseSerializer):
    """A JSON object of the fields declared, and no others.

    `unsupported` are fields of the specification that mean nothing here; null is no different from leaving them out.
    `within` is the place, with a dot, of an object that is itself a field: errors name the place in the whole body.
    """

    unsupported: ClassVar[frozenset[str]] = frozenset()
    within: ClassVar[str] = ""

    @cached_property
    def fields(self) -> Any:
        """Under their names, each knowing its place."""
        fields = super().fields
        for name, field in fields.items():
            field.field_name = f"{self.within}{name}"
        return fields

    def parse(self, body: dict[str, Any]) -> dict[str, Any]:
        """The values that were sent and are not null. Raises what is wrong with them."""
        for name, value in body.items():
            if name in self.unsupported:
                if value is not None:
                    raise UnsupportedParameter(
                        name, f"Unsupported parameter: '{name}' is not supported by this server."
                    )
            elif name not in self.fields:
                raise UnknownParameter(f"{self.within}{name[:64]}")
        return {name: value for name, value in self.run_validation(body).items() if value is not None}


class Nothing(Body):
    """An object without members, or no body at all."""


nothing = Nothing()


class Name(Text):
    """What something is called: 1 to 200 characters that can be printed, not all of them spaces."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=NAME_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text.isspace() or not text.isprintable():
            raise InvalidValue(
                f"Invalid '{self.param}': a name is made of characters that can be printed.", param=self.param
            )
        return text


class Lifetime(Integer):
    """How long a key works, in seconds, up to a year."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=YEAR, **kwargs)


class Texts(Array):
    """An array of strings."""

    def to_internal_value(self, data: Any) -> list[str]:
        items = super().to_internal_value(data)
        for at, item in enumerate(items):
            if not isinstance(item, str):
                raise InvalidValue(
                    f"Invalid '{self.param}[{at}]': expected a string, but got {kind_of(item)} instead.",
                    param=f"{self.param}[{at}]",
                    code="invalid_type",
                )
        return items


class Printable(Text):
    """A text of characters that can be printed."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.isprintable():
            raise InvalidValue(f"Invalid '{self.param}': characters that can be printed only.", param=self.param)
        return text


class MailAddresses(Texts):
    """E-mail addresses, each once."""

    def to_internal_value(self, data: Any) -> list[str]:
        addresses = super().to_internal_value(data)
        known: set[str] = set()
        for at, address in enumerate(addresses):
            param = f"{self.param}[{at}]"
            try:
                validate_email(address)
            except ValidationError as error:
                raise InvalidValue(f"Invalid '{param}': not an e-mail address.", param=param) from error
            if address.lower() in known:
                raise InvalidValue(f"Invalid '{param}': this address is there already.", param=param)
            known.add(address.lower())
        return addresses


class Scopes(Texts):
    """Scopes of a key of a project, each once. An empty array means all of them, as in the specification."""

    def to_internal_value(self, data: Any) -> list[str]:
        scopes = super().to_internal_value(data)
        strange = unknown(scopes) or [scope for scope in scopes if scope in ADMIN_SCOPES]
        if strange:
            raise InvalidValue(
                f"Invalid '{self.param}': '{strange[0][:64]}' is no scope that a key of a project can hold. It can "
                f"hold: {', '.join(DEFAULT_SCOPES)}.",
                param=self.param,
            )
        return list(dict.fromkeys(scopes)) or list(DEFAULT_SCOPES)
