"""Requests whose model could not be asked, for every deployment of it is left alone.

They reached no model, and are counted with the other refused ones; but where a rollout sent them there, they are on
record against its variant: or a variant that fails so badly that nobody is sent to its servers any more would look, to
whoever compares it or guards it, as if nobody wanted it.
"""

from time import perf_counter

from accounts.principal import Principal
from analytics import usage
from analytics.records import Record, encode
from api import metrics
from api.catalog import Target
from api.refusals import UpstreamsDown
from api.requests import Request, Rollout
from lukhas_site.http.exchange import Exchange

MILLION = 1_000_000


def record(
    request: Request,
    caller: Principal,
    exchange: Exchange,
    target: Target,
    rollout: Rollout,
    endpoint: str,
    at: int,
    client: tuple[str, str],
) -> None:
    """Records a request that `rollout` sent to a model which cannot be asked: it used nothing. `at` is when it came in,
    in microseconds since 1970, and `client` what the caller's program is, with its version."""
    exchange.recorded = True
    found = Record(
        request_id=exchange.request_id,
        at=at,
        organization_id=caller.organization_id,
        project_id=caller.project_id or "",
        key_id=caller.key_id,
        user_id=caller.owner_id,
        endpoint=endpoint,
        model_asked=request.model,
        model=target.model,
        upstream=target.upstream,
        attempts=0,
        flag=rollout.flag,
        variant=rollout.variant or "",
        stream=request.stream,
        status=UpstreamsDown.status_code,
        error_code=UpstreamsDown.code,
        input_tokens=0,
        cached_tokens=0,
        output_tokens=0,
        reasoning_tokens=0,
        estimated=False,
        cost_micro=0,
        first_token_us=None,
        duration_us=int((perf_counter() - exchange.started) * MILLION),
        cache_hit=False,
        client_language=client[0],
        client_version=client[1],
    )
    line = encode(found)
    if not usage.journal.append(line):
        usage.journal.owe(line)
    metrics.observe(found)
