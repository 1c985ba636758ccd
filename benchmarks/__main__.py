"""`make bench`: the short version of every benchmark, less than five minutes on two cores."""

import subprocess
import sys

from benchmarks import embeddings, events, flags, flags_http, gateway, hot_path, limits, privacy, report, streams

gateway.short()
report.write("hot_path", hot_path.run(rounds=2, seconds=1))
report.write("embeddings", embeddings.run(rounds=2, seconds=2))
report.write("streams", streams.run(rounds=1))
report.write("limits", limits.run(rounds=2))
report.write("flags", flags.run(rounds=2))
report.write("flags_ruleset", flags.compiling(rounds=2))
report.write("flags_http", flags_http.run(rounds=2, seconds=1))
report.write("flags_kill_switch", flags_http.kill_switch(rounds=2))
report.write("events", events.run(rounds=2, seconds=2))
report.write("privacy", privacy.run(rounds=100))
# In a process of its own, for it needs settings of its own.
subprocess.run([sys.executable, "-m", "benchmarks.usage"], check=True)
