"""The CSV files of histories that ftgpu reads."""

import csv
import math

import pandas as pd


def write_histories(path, parts):
    """parts: [(window, begin, end), ...]: the rows begin:end of each window's history."""
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f)
        out.writerow(["id", "timestamp", "value"])
        for w, begin, end in parts:
            dates = pd.date_range(w.start, periods=len(w.history), freq=w.freq)[begin:end]
            form = "%Y-%m-%d %H:%M:%S" if dates.freqstr in ("h", "30min") else "%Y-%m-%d"
            for date, value in zip(dates.strftime(form), w.history[begin:end]):
                out.writerow([w.name, date, "" if math.isnan(value) else repr(float(value))])
