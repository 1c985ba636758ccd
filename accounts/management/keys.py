"""What commands have in common that name an API key, or tell of one."""

from django.core.management.base import CommandError

from accounts import keys
from accounts.models import ApiKey

KEY_HELP = "the id (key_…), the whole key, or its start as it is shown, if only one key starts so"


def find_key(text: str) -> ApiKey:
    """Returns the key with this id or this text. Raises CommandError, which does not repeat `text`: it may be a key."""
    found = ApiKey.objects.with_owners()
    key = found.filter(public_id=text).first() or found.of_text(text)
    if key is None:
        raise CommandError(f"There is no key {keys.masked(text)}: give its id (key_…) or the whole key.")
    return key


def pick_key(text: str) -> ApiKey:
    """As `find_key`, and also by the start that is shown of a key (`sk-lukhas-Ab3d`, or `sk-lukhas-Ab3d…wxyz`).

    Where several start so, the CommandError lists their ids.
    """
    start, _, end = text.partition("…")
    alike = list(ApiKey.objects.with_owners().filter(prefix=start, last_four__endswith=end).order_by("pk"))
    if not alike:
        return find_key(text)
    if len(alike) > 1:
        raise CommandError(f"Several keys start so: name one by its id. {', '.join(key.public_id for key in alike)}")
    return alike[0]


def named(key: ApiKey) -> str:
    """The key in a sentence."""
    return f"{key.public_id} {key} of {key.owner}"
