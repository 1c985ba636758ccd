"""How Django reaches the database."""

from pathlib import Path
from typing import Any

from lukhas_site.environment import SQLITE, Environment


def configured(env: Environment, url: str, directory: Path, *, pool: int) -> dict[str, Any]:
    """PostgreSQL, with a pool of so many connections in each process, where the URL names one; else SQLite, in the
    directory unless the URL names a file, tuned for many readers. Raises ImproperlyConfigured for another URL."""
    config: dict[str, Any] = {"ENGINE": SQLITE, "NAME": str(directory / "lukhas.sqlite3")}
    if url:
        config = env.database(url)
    if config["ENGINE"] == SQLITE:
        directory.mkdir(parents=True, exist_ok=True)
        config["TEST"] = {"NAME": str(directory / "tests.sqlite3")}
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=10000;",
            **config.get("OPTIONS", {}),
        }
        return config
    # A connection that died with the server is replaced before it is used, and a network that swallows packets is
    # noticed within seconds.
    config["CONN_HEALTH_CHECKS"] = True
    config["OPTIONS"] = {
        "connect_timeout": 3,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "pool": {"min_size": 1, "max_size": pool, "timeout": 3},
        **config.get("OPTIONS", {}),
    }
    return config
