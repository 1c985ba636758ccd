"""The secret key of an installation that was given none: made once, kept in the data directory."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def read_or_create(path: Path) -> str:
    """The key in the file at `path`, made (mode 0600, at once whole) on first use.

    Two processes that start together end with the same key: the file is linked into place only if there is none.
    Raises ImproperlyConfigured where the file is empty or can be neither read nor made.
    """
    try:
        if not path.exists():
            create(path)
        key = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"The secret key cannot be kept in {path}: {error.strerror}. Set SECRET_KEY, or LUKHAS_DATA_DIR to a "
            "directory that can be written."
        ) from error
    if not key:
        raise ImproperlyConfigured(f"{path} is empty. Put the secret key back, or delete the file to get a new one.")
    return key


def create(path: Path) -> None:
    """Makes the file with a new key, unless another process is first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
