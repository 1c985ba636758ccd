"""Flags for code of this process, through OpenFeature's SDK: the ruleset that requests see, without HTTP.

    flags = client(organization="org-…", environment="production")
    flags.get_boolean_value("new-ui", False, EvaluationContext("user-7", {"plan": "pro"}))

Any thread and any task may ask, and the SDK raises for nothing. What is asked here is counted as what is asked over
HTTP is: see `features.exposures`. Tests say with `features.testing.override_flag` what a flag is to answer.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from django.db import DatabaseError
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, InvalidContextError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from accounts.models import Organization
from features.definitions import TARGETING_KEY
from features.evaluation import Evaluation
from features.exposures import exposures
from features.loading import Rulesets
from features.models.environments import PRODUCTION
from features.ruleset import watch

T = TypeVar("T")
Object = Sequence[FlagValueType] | Mapping[str, FlagValueType]
Details = FlagResolutionDetails
Convert = Callable[[Any], T]
"""A flag's value as it is asked for. Raises TypeError for one of another kind."""
PLAIN = frozenset({str, int, float, bool, type(None)})

overrides: ContextVar[tuple[tuple[str, Evaluation], ...]] = ContextVar("overrides", default=())
"""What flags answer instead here, the last that names a flag: see `features.testing`."""

_registering = threading.Lock()


def client(organization: Organization | str, environment: str = PRODUCTION) -> OpenFeatureClient:
    """Returns a client of the SDK for the flags of an organisation, or of its public id, in an environment.

    Reads nothing: the first evaluation does. All clients of one place share a provider, which the SDK knows by a domain
    of its own, so that whatever else the process has set up there stays as it is.
    """
    provider = RulesetProvider(organization, environment)
    found = api.get_client(provider.domain)
    with _registering:
        known = found.provider
        if not isinstance(known, RulesetProvider) or known.domain != provider.domain:
            api.set_provider_and_wait(provider, provider.domain)
    return found


class RulesetProvider(AbstractProvider):
    """Answers from the ruleset of this process: without SQL, but for the first time and after a change made here."""

    def __init__(self, organization: Organization | str, environment: str = PRODUCTION) -> None:
        super().__init__()
        self.organization = organization if isinstance(organization, str) else organization.public_id
        self.environment = environment
        self.domain = f"lukhas/{self.organization}/{environment}"

    def get_metadata(self) -> Metadata:
        return Metadata("LUKHAS")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> Details[bool]:
        return self._resolve(_boolean, flag_key, default_value, evaluation_context)

    async def resolve_boolean_details_async(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> Details[bool]:
        return await self._resolve_async(_boolean, flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> Details[str]:
        return self._resolve(_string, flag_key, default_value, evaluation_context)

    async def resolve_string_details_async(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> Details[str]:
        return await self._resolve_async(_string, flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> Details[int]:
        return self._resolve(_integer, flag_key, default_value, evaluation_context)

    async def resolve_integer_details_async(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> Details[int]:
        return await self._resolve_async(_integer, flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> Details[float]:
        return self._resolve(_float, flag_key, default_value, evaluation_context)

    async def resolve_float_details_async(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> Details[float]:
        return await self._resolve_async(_float, flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Object, evaluation_context: EvaluationContext | None = None
    ) -> Details[Object]:
        return self._resolve(_object, flag_key, default_value, evaluation_context)

    async def resolve_object_details_async(
        self, flag_key: str, default_value: Object, evaluation_context: EvaluationContext | None = None
    ) -> Details[Object]:
        return await self._resolve_async(_object, flag_key, default_value, evaluation_context)

    def _resolve(self, convert: Convert[T], key: str, default: T, context: EvaluationContext | None) -> Details[T]:
        found = _overridden(key)
        if found is None:
            with _not_ready():
                rulesets = watch.current_blocking()
            found = self._asked(rulesets, key, context)
        return _details(found, convert, default)

    async def _resolve_async(
        self, convert: Convert[T], key: str, default: T, context: EvaluationContext | None
    ) -> Details[T]:
        found = _overridden(key)
        if found is None:
            with _not_ready():
                rulesets = await watch.current()
            found = self._asked(rulesets, key, context)
        return _details(found, convert, default)

    def _asked(self, rulesets: Rulesets, key: str, context: EvaluationContext | None) -> Evaluation:
        """The answer, which counts. Raises InvalidContextError."""
        stage = rulesets.of_environment(self.organization, self.environment)
        found = stage.ruleset.evaluate(key, _plain_context(context or EvaluationContext()))
        exposures.count(stage, key, found)
        flag = stage.ruleset.flags.get(key)
        if flag is not None and flag.answers_floats and found.variant is not None:
            return replace(found, value=float(found.value))
        return found


def _details(found: Evaluation, convert: Convert[T], default: T) -> Details[T]:
    metadata: Mapping[str, Any] = found.metadata
    if found.error is not None:
        code = ErrorCode(found.error.code)
        return Details(default, code, found.error.details, Reason.ERROR, flag_metadata=metadata)
    if found.variant is None:
        return Details(default, reason=found.reason, flag_metadata=metadata)
    try:
        value = convert(found.value)
    except TypeError as error:
        return Details(default, ErrorCode.TYPE_MISMATCH, str(error), Reason.ERROR, found.variant, metadata)
    return Details(value, reason=Reason(found.reason), variant=found.variant, flag_metadata=metadata)


def _overridden(key: str) -> Evaluation | None:
    return next((found for name, found in reversed(overrides.get()) if name == key), None)


@contextmanager
def _not_ready() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise ProviderNotReadyError("the database is away, and the flags were never read") from error


def _plain_context(context: EvaluationContext) -> dict[str, Any]:
    """What rules are asked with: what JSON holds, and nothing else."""
    plain = {name: value if type(value) in PLAIN else _plain(name, value) for name, value in context.attributes.items()}
    if context.targeting_key is not None:
        who = context.targeting_key
        plain[TARGETING_KEY] = who if type(who) is str else _plain(TARGETING_KEY, who)
    return plain


def _plain(name: str, value: object) -> Any:
    """Dates and times become texts as in RFC 3339, UUIDs and enumerations what they stand for. Raises
    InvalidContextError for what JSON cannot hold."""
    try:
        return orjson.loads(orjson.dumps(value))
    except TypeError as error:
        raise InvalidContextError(f"{name} must be something that JSON holds") from error


def _boolean(value: Any) -> bool:
    return _exactly(bool, value, "boolean")


def _string(value: Any) -> str:
    return _exactly(str, value, "string")


def _integer(value: Any) -> int:
    return _exactly(int, value, "integer")


def _float(value: Any) -> float:
    return float(_exactly(int, value, "float")) if type(value) is int else _exactly(float, value, "float")


def _object(value: Any) -> Object:
    """A copy: the flag's own is shared by all who ask."""
    return deepcopy(_exactly(dict, value, "object"))


def _exactly(kind: type[T], value: Any, name: str) -> T:
    if type(value) is not kind:
        raise TypeError(f"the flag's value is no {name}")
    return value
