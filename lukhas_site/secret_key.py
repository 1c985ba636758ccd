"""The secret key of an installation that was given none: made once, kept in the data directory."""

import os
import secrets
from pathlib import Path


def read_or_create(path: Path) -> str:
    """The key in the file at `path`, made (mode 0600, at once whole) on first use.

    Raises OSError where the file can be neither read nor made. Two processes that start together end with the same
    key: the file is linked into place only if there is none.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:
            return path.read_text().strip()
        finally:
            draft.unlink()
    return path.read_text().strip()
