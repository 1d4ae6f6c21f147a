"""How long a file of a million rows takes to be read, in seconds of processor time: by pandas.read_csv with parsed dates, and by
ftgpu, as forecast with the smallest model reads it (whose own time, with a file of ten rows, is subtracted).

usage: read_csv.py FTGPU [ROWS]        needs pandas; files go to a temporary directory
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd


def processor_time():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def best_of(times, work):
    seconds = []
    for _ in range(times):
        started = processor_time()
        work()
        seconds.append(processor_time() - started)
    return min(seconds)


def make(rows):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "Date": pd.date_range("2000-01-01", periods=rows, freq="min").strftime("%Y-%m-%d %H:%M:%S"),
            "Close": np.round(rng.normal(100, 10, rows), 2),
            "SMA_20": np.round(rng.normal(100, 10, rows), 9),
            "SMA_50": np.round(rng.normal(100, 10, rows), 1),
            "Volume": rng.integers(0, 1_000_000, rows),
            "Volatility": rng.random(rows),
        }
    )


def main():
    ftgpu, rows = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    data = make(rows)
    us = data.assign(Date=pd.to_datetime(data["Date"]).dt.strftime("%m/%d/%Y %H:%M"))
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory) / "nano"
        subprocess.run([ftgpu, "model", "init", "--size", "nano", "--out", model], check=True, stdout=subprocess.DEVNULL)

        def forecast(path):
            command = [ftgpu, "forecast", "--model", model, "--data", path, "--target", "Close", "--horizon", "1"]
            command += ["--num-samples", "1", "--threads", "1"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        for name, frame, options, pandas_options in [
            ("dates as 2000-01-01 00:00:00", data, {}, {}),
            ("dates as 01/31/2000 00:00", us, {}, {"date_format": "%m/%d/%Y %H:%M"}),
            ("semicolons and decimal commas", data, {"sep": ";", "decimal": ","}, {"sep": ";", "decimal": ","}),
        ]:
            path, few = Path(directory) / "data.csv", Path(directory) / "few.csv"
            frame.to_csv(path, index=False, **options)
            frame.tail(30).to_csv(few, index=False, **options)
            ours = best_of(5, lambda: forecast(path)) - best_of(5, lambda: forecast(few))
            pandas = best_of(5, lambda: pd.read_csv(path, parse_dates=["Date"], **pandas_options))
            print(f"{name}: {rows} rows, pandas {pandas:.2f} s, ftgpu {ours:.2f} s: {pandas / ours:.1f} times as fast", flush=True)


main()
