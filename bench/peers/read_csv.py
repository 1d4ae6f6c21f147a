"""How long a file of a million rows takes to be read, in seconds of processor time: by pandas.read_csv with parsed dates, and by
ftgpu, as forecast with the smallest model reads it (whose own time, with a file of ten rows, is subtracted). Files of one value a row
are read by data insights, which computes all of its figures besides, and pandas none.

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


def make_narrow(rows):
    """timestamp,target: hours of one series; and days of series of 1000 rows, with their ids."""
    rng = np.random.default_rng(2)
    target = np.round(100 + rng.standard_normal(rows).cumsum(), 4)
    hours = pd.DataFrame({"timestamp": pd.date_range("2000-01-01", periods=rows, freq="h"), "target": target})
    days = np.resize(pd.date_range("2000-01-01", periods=1000).strftime("%Y-%m-%d"), rows)
    items = pd.DataFrame({"item_id": [f"item_{i // 1000}" for i in range(rows)], "timestamp": days, "target": target})
    return hours, items


def main():
    ftgpu, rows = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    data = make(rows)
    us = data.assign(Date=pd.to_datetime(data["Date"]).dt.strftime("%m/%d/%Y %H:%M"))
    hours, items = make_narrow(rows)
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
        for name, frame, options in [("timestamp,target", hours, []), ("item_id,timestamp,target", items, ["--id", "item_id"])]:
            path = Path(directory) / "data.csv"
            frame.to_csv(path, index=False)
            command = [ftgpu, "data", "insights", "--data", path, "--target", "target", *options]
            ours = best_of(5, lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
            pandas = best_of(5, lambda: pd.read_csv(path, parse_dates=["timestamp"]))
            print(f"{name}: {rows} rows, pandas {pandas:.2f} s, ftgpu {ours:.2f} s: {pandas / ours:.1f} times as fast", flush=True)


main()
