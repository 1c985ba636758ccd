"""One system's evaluations, timed: `python -m benchmarks.flags_peers NAME` prints microseconds for each.

Runs in the interpreter that has the system, so it imports nothing that is not asked for. A thousand callers take turns,
so that none of them is answered from a cache of one.
"""

import itertools
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

CALLERS = 1000
CALLS = 20_000
COUNTRIES = ("DE", "FR", "US")
Ask = Callable[[int], Any]
"""Evaluates the flag for a caller by number."""


def country(number: int) -> str:
    return COUNTRIES[number % len(COUNTRIES)]


def lukhas() -> Ask:
    from benchmarks.flags import flag_data  # noqa: PLC0415 - only ours has it
    from features.compiling import compile_ruleset  # noqa: PLC0415 - see above
    from features.definitions import FlagDefinition  # noqa: PLC0415 - see above

    ruleset = compile_ruleset([FlagDefinition.from_data(flag_data("new-ui"))], [], "production")
    contexts = [{"targetingKey": f"user-{number}", "country": country(number)} for number in range(CALLERS)]
    return lambda number: ruleset.evaluate("new-ui", contexts[number]).value


def lukhas_client() -> Ask:
    """Through OpenFeature's SDK, as code of the process asks; each evaluation is counted."""
    import django  # noqa: PLC0415 - only ours has it

    os.environ["DJANGO_SETTINGS_MODULE"] = "lukhas_site.settings"
    os.environ.setdefault("LUKHAS_DATA_DIR", tempfile.mkdtemp(prefix="lukhas-benchmark-"))
    django.setup()
    from openfeature.evaluation_context import EvaluationContext  # noqa: PLC0415 - Django had to be set up

    from benchmarks.flags import flag_data  # noqa: PLC0415 - see above
    from features.client import client  # noqa: PLC0415 - see above
    from features.definitions import FlagDefinition  # noqa: PLC0415 - see above
    from features.exposures import exposures  # noqa: PLC0415 - see above
    from features.loading import Compiled, Rulesets  # noqa: PLC0415 - see above
    from features.ruleset import watch  # noqa: PLC0415 - see above

    flags = {b"": FlagDefinition.from_data(flag_data("new-ui"))}
    watch.rulesets = Rulesets(1, {"org-benchmark": Compiled("org-benchmark", b"", {}, flags, (), {})})
    watch.failed = "there is no database"
    exposures.keeper.started = True  # nor a thread that writes to it
    asked = client("org-benchmark")
    contexts = [EvaluationContext(f"user-{number}", {"country": country(number)}) for number in range(CALLERS)]
    return lambda number: asked.get_boolean_value("new-ui", False, contexts[number])


def growthbook() -> Ask:
    from growthbook import GrowthBook  # noqa: PLC0415 - a peer's

    condition = {"country": {"$in": ["DE", "FR"]}}
    rule = {"condition": condition, "force": True, "coverage": 0.25, "hashAttribute": "id"}
    asked = GrowthBook(features={"new-ui": {"defaultValue": False, "rules": [rule]}})
    attributes = [{"id": f"user-{number}", "country": country(number)} for number in range(CALLERS)]

    def ask(number: int) -> Any:
        asked.set_attributes(attributes[number])
        return asked.is_on("new-ui")

    return ask


def flagd() -> Ask:
    from openfeature.contrib.tools.flagd.core import FlagdCore  # noqa: PLC0415 - a peer's
    from openfeature.evaluation_context import EvaluationContext  # noqa: PLC0415 - a peer's

    split = {"fractional": [["on", 25], ["off", 75]]}
    targeting = {"if": [{"in": [{"var": "country"}, ["DE", "FR"]]}, split, "off"]}
    variants = {"on": True, "off": False}
    core = FlagdCore()
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": "off", "targeting": targeting}
    core.set_flags({"flags": {"new-ui": flag}})
    contexts = [
        EvaluationContext(targeting_key=f"user-{number}", attributes={"country": country(number)})
        for number in range(CALLERS)
    ]
    return lambda number: core.resolve_boolean_value("new-ui", False, contexts[number]).value


def openfeature() -> Ask:
    from hashlib import sha256  # noqa: PLC0415 - for this one only

    from openfeature import api  # noqa: PLC0415 - a peer's
    from openfeature.evaluation_context import EvaluationContext  # noqa: PLC0415 - a peer's
    from openfeature.flag_evaluation import FlagResolutionDetails, Reason  # noqa: PLC0415 - a peer's
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider  # noqa: PLC0415 - a peer's

    def decide(flag: Any, context: Any) -> Any:
        """It has no splits of its own: the cheapest that is even."""
        digest = sha256(f"new-ui{context.targeting_key}".encode()).digest()
        inside = context.attributes["country"] in ("DE", "FR") and int.from_bytes(digest[:4], "big") % 100 < 25
        variant = "on" if inside else "off"
        return FlagResolutionDetails(value=flag.variants[variant], variant=variant, reason=Reason.TARGETING_MATCH)

    flag = InMemoryFlag("off", {"on": True, "off": False}, context_evaluator=decide)
    api.set_provider(InMemoryProvider({"new-ui": flag}))
    client = api.get_client()
    contexts = [
        EvaluationContext(targeting_key=f"user-{number}", attributes={"country": country(number)})
        for number in range(CALLERS)
    ]
    return lambda number: client.get_boolean_value("new-ui", False, contexts[number])


def waffle() -> Ask:
    """It knows no countries; a quarter of users, from the cache in the process that Django has by default."""
    import django  # noqa: PLC0415 - a peer's
    from django.conf import settings  # noqa: PLC0415 - a peer's

    apps = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "waffle"]
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    settings.configure(
        INSTALLED_APPS=apps, DATABASES={"default": database}, DEFAULT_AUTO_FIELD="django.db.models.AutoField"
    )
    django.setup()
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415 - Django had to be set up
    from django.core.management import call_command  # noqa: PLC0415 - see above
    from django.test import RequestFactory  # noqa: PLC0415 - see above
    from waffle import flag_is_active  # noqa: PLC0415 - see above
    from waffle.models import Flag  # noqa: PLC0415 - see above

    call_command("migrate", verbosity=0)
    Flag.objects.create(name="new-ui", percent=25)
    requests = [RequestFactory().get("/") for _ in range(CALLERS)]
    for request in requests:
        request.user = AnonymousUser()
    return lambda number: flag_is_active(requests[number], "new-ui")


SYSTEMS: dict[str, Callable[[], Ask]] = {
    "LUKHAS": lukhas,
    "LUKHAS, by the SDK": lukhas_client,
    "growthbook": growthbook,
    "flagd": flagd,
    "openfeature": openfeature,
    "waffle": waffle,
}


def main(name: str) -> None:
    logging.disable()
    ask = SYSTEMS[name]()
    answers = [bool(ask(number)) for number in range(CALLERS)]
    share = sum(answers) / CALLERS
    if not 0.1 < share < 0.3:
        raise RuntimeError(f"{name} answers yes to {share:.0%} of callers, which is another question")
    numbers = list(itertools.islice(itertools.cycle(range(CALLERS)), CALLS))
    begin = time.perf_counter()
    for number in numbers:
        ask(number)
    print(json.dumps((time.perf_counter() - begin) / CALLS * 1e6))


if __name__ == "__main__":
    main(sys.argv[1])
