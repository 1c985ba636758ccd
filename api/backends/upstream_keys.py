"""The API keys of upstreams, read from the environment at each call and kept nowhere."""

import os

import structlog

from api.catalog import Target
from api.exceptions import UpstreamError
from api.validators import is_own

log = structlog.get_logger(__name__)


def key_of(target: Target) -> str:
    """The upstream's API key; empty where it needs none.

    Raises `UpstreamError` where its variable is not set, cannot be sent as it is, or is one of this server's own,
    however that came to be stored.
    """
    name = target.api_key_env
    if not name:
        return ""
    if is_own(name):
        log.error("upstream_key_refused", upstream=target.upstream, variable=name)
        raise UpstreamError
    key = os.environ.get(name, "").strip()
    if not key:
        log.error("upstream_key_missing", upstream=target.upstream, variable=name)
        raise UpstreamError
    if not (key.isascii() and key.isprintable()):
        log.error("upstream_key_unusable", upstream=target.upstream, variable=name)
        raise UpstreamError
    return key
