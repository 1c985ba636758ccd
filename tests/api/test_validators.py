"""What may stand in the catalog: addresses of upstreams, and names of variables that hold their keys."""

import pytest
from django.core.exceptions import ValidationError

from api.models import Upstream
from api.validators import base_url, key_variable


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1",
        "https://api.openai.com/v1",
        "http://ollama:11434/v1",
        "http://model_server/v1/",
        "http://10.0.0.7:8000",
        "http://[::1]:8000/v1",
        "http://192.168.1.4/v1beta/openai",
        "https://пример.рф/v1",
        "http://169.253.1.1/v1",
        "http://metadata.example.com/v1",
    ],
)
def test_servers_on_private_networks_and_by_any_name_can_be_upstreams(url: str) -> None:
    base_url(url)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "scheme"),
        ("localhost:11434/v1", "scheme"),
        ("ftp://example.com/v1", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("//example.com/v1", "scheme"),
        ("http://", "invalid"),
        ("http:///v1", "invalid"),
        ("http://:80/v1", "invalid"),
        ("http://host:0/v1", "invalid"),
        ("http://host:99999/v1", "invalid"),
        ("http://host:port/v1", "invalid"),
        ("http://[::1/v1", "invalid"),
        ("http://exa mple.com/v1", "invalid"),
        ("http://example.com/v1\n", "invalid"),
        ("http://example.com\\@evil/v1", "invalid"),
        ("http://example.com/v1?key=1", "invalid"),
        ("http://example.com/v1#x", "invalid"),
        ("http://user:secret@example.com/v1", "credentials"),
        ("http://user@example.com/v1", "credentials"),
        ("http://169.254.169.254/v1", "metadata"),
        ("http://169.254.0.1:8000/v1", "metadata"),
        ("http://2852039166/v1", "metadata"),
        ("http://0xa9fea9fe/v1", "metadata"),
        ("http://0xa9.254.43518/v1", "metadata"),
        ("http://１６９.254.169.254/v1", "metadata"),
        ("http://[fe80::1]/v1", "metadata"),
        ("http://[fe80::1%25eth0]/v1", "metadata"),
        ("http://[::ffff:169.254.169.254]/v1", "metadata"),
        ("http://[fd00:ec2::254]/v1", "metadata"),
        ("http://100.100.100.200/v1", "metadata"),
        ("http://metadata.google.internal/v1", "metadata"),
        ("http://Metadata.Google.Internal./v1", "metadata"),
        ("http://metadata/v1", "metadata"),
    ],
)
def test_what_cannot_be_an_upstream_is_refused(url: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        base_url(url)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "_k", "my_key2", "MY_LUKHAS_KEY"])
def test_any_variable_may_hold_a_key(name: str) -> None:
    key_variable(name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SECRET_KEY", "own"),
        ("DATABASE_URL", "own"),
        ("REDIS_URL", "own"),
        ("LUKHAS_SECRET_KEY_FALLBACKS", "own"),
        ("lukhas_anything", "own"),
        ("sk-proj-abc", "invalid"),
        ("2KEY", "invalid"),
        ("KEY ", "invalid"),
        ("KEY\n", "invalid"),
    ],
)
def test_this_servers_own_secrets_and_keys_themselves_are_no_variables(name: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        key_variable(name)
    assert caught.value.code == code


def test_the_models_validate_with_these() -> None:
    upstream = Upstream(name="bad name", base_url="ftp://x", api_key_env="SECRET_KEY")
    with pytest.raises(ValidationError) as caught:
        upstream.clean_fields()
    assert set(caught.value.message_dict) == {"name", "base_url", "api_key_env"}
