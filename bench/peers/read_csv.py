"""How long a file of a million rows takes: pandas.read_csv with parsed dates; ftgpu, which reads it
(tests/tools/ftgpu_read_csv); and ftgpu data insights, a whole process that reads it and computes
its figures besides. The best of several runs, wall time and processor time in seconds, on the cores
that this process may use (pandas uses one).

usage: read_csv.py BUILD [ROWS]
BUILD: a directory with the programs. Needs pandas; files go to a temporary directory.
"""

import gzip
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

RUNS = 7


def processor_time():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def best(work):
    """The least wall and processor time of some runs."""
    walls, processors = [], []
    for _ in range(RUNS):
        wall, processor = time.perf_counter(), processor_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(processor_time() - processor)
    return min(walls), min(processors)


def files(rows):
    """name, table, the target's name, its id column or None, pandas' format of the dates or None,
    how it is written."""
    rng = np.random.default_rng(1)
    minutes = pd.date_range("2000-01-01", periods=rows, freq="min")
    wide = pd.DataFrame(
        {
            "timestamp": minutes.strftime("%Y-%m-%d %H:%M:%S"),
            "target": np.round(rng.normal(100, 10, rows), 2),
            "SMA_20": np.round(rng.normal(100, 10, rows), 9),
            "SMA_50": np.round(rng.normal(100, 10, rows), 1),
            "Volume": rng.integers(0, 1_000_000, rows),
            "Volatility": rng.random(rows),
        }
    )
    target = np.round(100 + rng.standard_normal(rows).cumsum(), 4)
    hours = pd.DataFrame({"timestamp": pd.date_range("2000-01-01", periods=rows, freq="h"), "target": target})
    us = hours.assign(timestamp=hours["timestamp"].dt.strftime("%m/%d/%Y %H:%M"))
    days = np.resize(pd.date_range("2000-01-01", periods=1000).strftime("%Y-%m-%d"), rows)
    items = pd.DataFrame({"item_id": [f"item_{i // 1000}" for i in range(rows)], "timestamp": days, "target": target})
    yield "timestamp,target", hours, None, None, "data.csv", {}
    yield "item_id,timestamp,target", items, "item_id", None, "data.csv", {}
    yield "timestamp,target, compressed by gzip", hours, None, None, "data.csv.gz", {}
    yield "timestamp,target, dates as 01/31/2000 00:00", us, None, "%m/%d/%Y %H:%M", "data.csv", {}
    yield "timestamp and five columns", wide, None, None, "data.csv", {}
    yield "the same, semicolons and decimal commas", wide, None, None, "data.csv", {"sep": ";", "decimal": ","}


def main():
    build, rows = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    print(f"{rows} rows, pandas {pd.__version__}; seconds of wall time (of processor time); ratio of wall times")
    with tempfile.TemporaryDirectory() as directory:
        for name, table, item, date_format, file_name, options in files(rows):
            path = Path(directory) / file_name
            text = table.to_csv(index=False, **options).encode()
            path.write_bytes(gzip.compress(text) if file_name.endswith(".gz") else text)
            pandas_options = {"parse_dates": ["timestamp"], **options}
            if date_format:
                pandas_options["date_format"] = date_format
            pandas = best(lambda: pd.read_csv(path, **pandas_options))
            reading = [build / "ftgpu_read_csv", str(RUNS), path, "target"] + ([item] if item else [])
            read = [float(seconds) for seconds in subprocess.check_output(reading).split()]
            insights = [build / "ftgpu", "data", "insights", "--data", path, "--target", "target"] + (["--id", item] if item else [])
            whole = best(lambda: subprocess.run(insights, check=True, capture_output=True))
            print(
                f"{name}: pandas {pandas[0]:.3f} ({pandas[1]:.3f}); read {read[0]:.3f} ({read[1]:.3f}), {pandas[0] / read[0]:.1f} times as fast; "
                f"data insights {whole[0]:.3f} ({whole[1]:.3f}), {pandas[0] / whole[0]:.1f} times as fast",
                flush=True,
            )


main()
