"""A month of made-up but realistic traffic, the same every time: days and nights, weekends, projects of several sizes,
a rollout whose new model is slower by a planted fifth and costs less, and an hour in which an upstream fails."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analytics.records import EPOCH, Record
from tests.analytics.recorded import record

DAYS = 30
FLAG = "assistant-model"
SLOWER = 1.2
"""How much longer the new variant takes."""
SINCE = 12
"""The day from which on the flag rolls the new model out: to a fifth, and a week later to a half."""
FAILING = 21
"""The day on which an upstream fails in the afternoon."""


@dataclass(frozen=True, slots=True)
class Source:
    """Requests of one key: how many a day, for which model, how many tokens, how long, and what a token costs in
    micro-dollars."""

    project_id: str
    key_id: str
    model: str
    daily: float
    endpoint: str = "/v1/chat/completions"
    tokens: tuple[int, int] = (600, 250)
    seconds: float = 2.2
    price: tuple[float, float] = (5, 15)
    streamed: float = 0.7
    follows: bool = False
    """Whether it is the flag that chooses the model."""


def sources(projects: Sequence[tuple[str, Sequence[str]]], scale: float = 1.0) -> list[Source]:
    """The sources of three projects, each given with the ids of two keys."""
    (shop, (web, mobile)), (support, (desk, mail)), (search, (index, query)) = projects
    return [
        Source(shop, web, "assistant-large", 150 * scale, follows=True),
        Source(shop, mobile, "assistant-large", 70 * scale, follows=True),
        Source(support, desk, "assistant-large", 45 * scale, tokens=(2400, 420), seconds=4.1),
        Source(support, mail, "assistant-small", 60 * scale, tokens=(900, 120), seconds=0.9, price=(0.4, 1.6)),
        Source(search, index, "embed-small", 35 * scale, "/v1/embeddings", (3800, 0), 0.35, (0.1, 0), 0),
        Source(search, query, "embed-small", 80 * scale, "/v1/embeddings", (24, 0), 0.05, (0.1, 0), 0),
    ]


def busy(at: datetime) -> float:
    """How busy an hour is: most in the early afternoon, hardly at night, and half as much at weekends."""
    day = 0.15 + max(0.0, math.sin((at.hour - 6) / 15 * math.pi)) if 6 <= at.hour <= 21 else 0.15
    return day / 15 * (0.45 if at.weekday() >= 5 else 1)


def month(until: datetime, organization_id: str, found: Sequence[Source]) -> Iterator[Record]:
    """The requests of thirty days, of which the last is that of `until`, and goes to the last whole hour before it."""
    chance = random.Random(20)
    first = until.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    number = 0
    for hours in range((until - first) // timedelta(hours=1)):
        hour = first + timedelta(hours=hours)
        growth = 0.75 + hours / (DAYS * 24) / 2
        for source in found:
            wanted = source.daily * busy(hour) * growth
            for _ in range(int(wanted) + (chance.random() < wanted % 1)):
                number += 1
                at = hour + timedelta(seconds=chance.random() * 3600)
                yield _one(chance, number, at, (hours // 24, hour.hour), organization_id, source)


def _one(
    chance: random.Random, number: int, at: datetime, when: tuple[int, int], organization_id: str, source: Source
) -> Record:
    day, hour = when
    variant = ""
    if source.follows and day >= SINCE:
        variant = "next" if chance.random() < (0.2 if day < SINCE + 7 else 0.5) else "current"
    new = variant == "next"
    status = chance.choices([200, 400, 429, 499, 500, 504], [970, 8, 9, 6, 4, 3])[0]
    if day == FAILING and hour in {13, 14} and source.model == "assistant-large" and chance.random() < 0.4:
        status = 503
    input_tokens = max(1, int(chance.lognormvariate(math.log(source.tokens[0]), 0.6)))
    cached = int(input_tokens * 0.7) if source.tokens[1] and chance.random() < 0.3 else 0
    output_tokens = int(chance.lognormvariate(math.log(source.tokens[1]), 0.5)) if source.tokens[1] else 0
    if status >= 400:
        output_tokens = output_tokens // 3 if status == 499 else 0
    seconds = chance.lognormvariate(math.log(source.seconds), 0.5) * (1 + 0.6 * busy(at)) * (SLOWER if new else 1)
    seconds *= 0.05 if status in {400, 429} else 3 if status in {503, 504} else 1
    stream = chance.random() < source.streamed
    price = 0.7 if new else 1.0
    cost = (input_tokens - cached / 2) * source.price[0] + output_tokens * source.price[1]
    return record(
        number,
        at=(at - EPOCH) // timedelta(microseconds=1),
        organization_id=organization_id,
        project_id=source.project_id,
        key_id=source.key_id,
        user_id="",
        endpoint=source.endpoint,
        model="assistant-next" if new else source.model,
        flag=FLAG if variant else "",
        variant=variant,
        stream=stream,
        status=status,
        input_tokens=input_tokens,
        cached_tokens=cached,
        output_tokens=output_tokens,
        reasoning_tokens=0,
        cost_micro=int(cost * price) if status in {200, 499} else 0,
        first_token_us=int(seconds * 180_000 * chance.uniform(0.7, 1.4)) if stream and status in {200, 499} else None,
        duration_us=int(seconds * 1e6),
    )
