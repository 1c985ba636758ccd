"""`make bench`: the short version of every benchmark, about three minutes on two cores."""

from benchmarks import embeddings, hot_path, limits, report, streams

report.write("hot_path", hot_path.run(rounds=3, seconds=3))
report.write("embeddings", embeddings.run(rounds=3, seconds=4))
report.write("streams", streams.run(rounds=3))
report.write("limits", limits.run(rounds=3))
