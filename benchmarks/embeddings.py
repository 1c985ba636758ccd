"""Embeddings over HTTP against the raw ONNX session, in one run: what share of the model's speed reaches callers."""

from statistics import median
from typing import Any

from benchmarks import report, servers
from benchmarks.embeddings_raw import raw_throughput, sample_texts

CASES = ((8, 16), (1, 32))


def run(rounds: int = 3, seconds: float = 5.0, texts: int = 512) -> list[dict[str, Any]]:
    """One row a case: texts a request and callers; rounds alternate between the raw session and the server.

    The raw session's best round is what counts. Where its slowest is far below, something else had the machine, and
    the ratio means nothing: contention slows the raw session, whose two threads wait for each other, more.
    """
    sample = sample_texts(texts)
    raw: list[float] = []
    served: dict[tuple[int, int], list[dict[str, Any]]] = {case: [] for case in CASES}
    with servers.lukhas(None, model="lukhas-embed-1") as server:
        for case in CASES:
            measure(server, sample, *case, seconds=1.0)
        for _ in range(rounds):
            raw.append(raw_throughput(sample, rounds=1))
            for case in CASES:
                served[case].append(measure(server, sample, *case, seconds=seconds))
        return [
            {
                "texts a request": size,
                "callers": callers,
                "texts/s": round(median(row["per_second"] for row in served[size, callers]) * size),
                "raw texts/s": round(max(raw)),
                "slowest raw round": round(min(raw)),
                "of the raw session": round(
                    median(row["per_second"] for row in served[size, callers]) * size / max(raw), 2
                ),
                "p50 ms": round(median(row["p50_ms"] for row in served[size, callers]), 1),
                "p99 ms": round(median(row["p99_ms"] for row in served[size, callers]), 1),
                "resident MiB": round(server.resident_mib()),
            }
            for size, callers in CASES
        ]


def measure(server: servers.Running, sample: list[str], size: int, callers: int, *, seconds: float) -> dict[str, Any]:
    """One round: the callers share out the whole sample, the same texts that the raw session gets."""
    bodies = [
        {"model": server.model, "input": sample[at : at + size], "encoding_format": "base64"}
        for at in range(0, len(sample), size)
    ]
    figures = servers.load(
        None, kind="closed", port=server.port, path="/v1/embeddings", key=server.key, bodies=bodies, callers=callers,
        seconds=seconds,
    )  # fmt: skip
    if figures["failed"]:
        raise RuntimeError(f"{figures['failed']} of {figures['requests']} requests failed")
    return figures


if __name__ == "__main__":
    report.write("embeddings", run())
