"""How long a file of a million rows takes to be read: pandas.read_csv with parsed dates, and ftgpu (with its data insights).

usage: read_csv.py FTGPU [ROWS]        needs pandas; files go to a temporary directory
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd


def best_of(times, work):
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
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
        for name, frame, options, pandas_options in [
            ("dates as 2000-01-01 00:00:00", data, {}, {}),
            ("dates as 01/31/2000 00:00", us, {}, {"date_format": "%m/%d/%Y %H:%M"}),
            ("semicolons and decimal commas", data, {"sep": ";", "decimal": ","}, {"sep": ";", "decimal": ","}),
        ]:
            path = Path(directory) / "data.csv"
            frame.to_csv(path, index=False, **options)
            command = [ftgpu, "data", "insights", "--data", path, "--target", "Close", "--format", "json"]
            ours = best_of(3, lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
            pandas = best_of(3, lambda: pd.read_csv(path, parse_dates=["Date"], **pandas_options))
            print(f"{name}: {rows} rows, pandas {pandas:.2f} s, ftgpu {ours:.2f} s: {pandas / ours:.1f} times as fast", flush=True)


main()
