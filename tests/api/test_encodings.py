"""OpenAI's token encodings without a network: `api.engines.encodings`."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiktoken.load
import tiktoken.registry

from api.engines import encodings
from api.engines.encodings import ENCODINGS, UnknownToken, configure, decode, encoding


def forget() -> None:
    encodings._load.cache_clear()
    tiktoken.registry.ENCODINGS.clear()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty directory for the vocabularies, nothing loaded yet, and no network."""

    def refuse(address: str) -> bytes:
        raise AssertionError(f"fetched {address}")

    monkeypatch.setattr(tiktoken.load, "read_file", refuse)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    directory = tmp_path / "var" / "encodings"
    configure(directory)
    forget()
    yield directory
    forget()


@pytest.mark.parametrize(("name", "ids"), [("cl100k_base", [15339, 1917]), ("o200k_base", [24912, 2375])])
def test_token_ids_stand_for_the_text_that_openai_says(name: str, ids: list[int]) -> None:
    assert decode(name, ids) == "hello world"
    assert encoding(name).encode("hello world") == ids


@pytest.mark.parametrize("name", ENCODINGS)
def test_any_text_comes_back_from_its_token_ids(name: str) -> None:
    text = "Grüße, 世界! 🌍\n\tdef f(x): return x"
    assert decode(name, encoding(name).encode(text)) == text


def test_no_ids_are_no_text() -> None:
    assert decode("cl100k_base", []) == ""


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    world = encoding("cl100k_base").encode("🌍")
    assert len(world) > 1
    assert set(decode("cl100k_base", world[:1])) == {"\ufffd"}


def test_special_tokens_are_decoded_to_their_names() -> None:
    assert decode("cl100k_base", [15339, 100257]) == "hello<|endoftext|>"


@pytest.mark.parametrize("token", [-1, 100256, 100261, 100275, 100277, 2**31, 2**32 - 1, 2**63, 10**30, -(10**30)])
def test_an_id_that_the_encoding_lacks_is_refused_with_its_place(token: int) -> None:
    with pytest.raises(UnknownToken, match="is not in the encoding cl100k_base") as caught:
        decode("cl100k_base", [15339, 1917, token, -5])
    assert caught.value.index == 2
    assert isinstance(caught.value, ValueError)
    assert decode("cl100k_base", [15339]) == "hello"


def test_a_refusal_names_the_id_unless_it_is_absurdly_long() -> None:
    with pytest.raises(UnknownToken, match="Token id 100256 is"):
        decode("cl100k_base", [100256])
    with pytest.raises(UnknownToken, match="Token id a number of more than 20 digits is"):
        decode("cl100k_base", [10**5000])


def test_an_encoding_of_another_name_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="p50k_base"):
        encoding("p50k_base")


def test_the_directory_is_made_and_holds_nothing_but_the_vocabulary(offline: Path) -> None:
    encoding("cl100k_base")
    assert [file.name for file in offline.iterdir()] == ["9b5ad71b2ce5302211f9c61530b329a4922fc6a4"]


def test_a_vocabulary_unpacked_before_is_used_as_it_is(offline: Path) -> None:
    encoding("cl100k_base")
    (file,) = offline.iterdir()
    before = file.stat()
    forget()
    encoding("cl100k_base")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_damaged_vocabulary_is_replaced_without_a_network(offline: Path) -> None:
    encoding("cl100k_base")
    (file,) = offline.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    forget()
    assert decode("cl100k_base", [15339]) == "hello"
    assert file.read_bytes() == whole


def test_an_encoding_is_loaded_once_whatever_the_number_of_threads() -> None:
    with ThreadPoolExecutor(8) as threads:
        loaded = list(threads.map(encoding, ["cl100k_base"] * 8))
    assert {id(one) for one in loaded} == {id(encoding("cl100k_base"))}


def test_without_a_directory_a_temporary_one_serves_and_is_removed(
    offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert decode("cl100k_base", [15339]) == "hello"
    assert list(tmp_path.iterdir()) == []
    assert "TIKTOKEN_CACHE_DIR" not in os.environ
