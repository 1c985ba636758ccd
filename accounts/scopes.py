"""What a key may be allowed to do. This table is the only list of scopes; docs/authentication.md prints it."""

from collections.abc import Collection

SCOPES: dict[str, str] = {
    "model.read": "List and retrieve models.",
    "model.request": "Call models: chat, completions, embeddings, responses, moderations.",
    "responses.write": "Store, retrieve and delete responses.",
    "files.write": "Upload, list, download and delete files, and batches made of them.",
    "flags.read": "Evaluate feature flags, read them, and switch them off with a reason.",
    "flags.write": "Create, change and delete feature flags.",
    "events.write": "Send analytics events.",
    "events.erase": "Erase what analytics keeps of a session or a user.",
    "usage.read": "Read usage and costs.",
    "admin.*": "Administer the organisation: users, projects, keys, limits, audit log. Admin keys only.",
    "metrics.read": "Read /metrics, which tells of the whole server. Admin keys only.",
}
ADMIN_SCOPES: tuple[str, ...] = ("admin.*", "metrics.read")
DEFAULT_ADMIN_SCOPES: tuple[str, ...] = ("admin.*",)
DEFAULT_SCOPES: tuple[str, ...] = tuple(scope for scope in SCOPES if scope not in ADMIN_SCOPES)

PUBLISHABLE_SCOPES: tuple[str, ...] = ("events.write", "flags.read")
"""What a key that everybody can read may be allowed."""


def covers(held: Collection[str], needed: str) -> bool:
    """Returns whether `held` contains `needed` itself or the wildcard of its family: `admin.*` covers `admin.keys`."""
    return needed in held or f"{needed.partition('.')[0]}.*" in held


def unknown(scopes: Collection[str]) -> list[str]:
    """Returns those of `scopes` that the table does not have, in the order given."""
    return [scope for scope in scopes if scope not in SCOPES]
