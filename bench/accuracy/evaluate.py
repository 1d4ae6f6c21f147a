"""Accuracy of Chronos-T5 models on real series that they never saw, by the protocol of Chronos'
evaluation. Started by bench/accuracy.sh.

The last `horizon` rows of a series are held out. MASE is the mean of |y - median| over the seasonal
error of the history, over series; WQL is the sum of the quantile losses at 0.1, ..., 0.9, each
doubled, over 9 times the sum of |y|, over the set. A relative score is that of the seasonal naive
forecast's, and a group's is the geometric mean of its sets'. Intervals are 95 %: the series of
each set are drawn again, with replacement.
"""

import argparse
import csv
import hashlib
import math
import os
import pathlib
import shlex
import subprocess
import sys
import time

import numpy as np
import pandas as pd

import sets
from histories import write_histories
from tuning import tune

QUANTILES = np.arange(1, 10) / 10
QUICK = 200  # series a set
REPEATS = 1000  # of the bootstrap
CONTEXT = 4096  # rows of history in the CSV: more than a model looks back
STATISTICS_ROWS = 1000  # the history that AutoETS and AutoTheta see
NAIVE = "seasonal naive"
STATISTICS = ("AutoETS", "AutoTheta")

# Scores that Chronos' authors published with their code (scripts/evaluation/results), of
# series that are in the competitions' package too.
with open(pathlib.Path(__file__).with_name("published.csv"), encoding="utf-8") as f:
    PUBLISHED = {(r["set"], r["model"]): (float(r["MASE"]), float(r["WQL"])) for r in csv.DictReader(f)}
COMPETITIONS = [name for name, model in PUBLISHED if model == NAIVE]
OTHER_SERIES = "tourism_yearly"  # its published scores must be of other series: docs/pretrained.md


class Window:
    """One forecast: the history (with dates), and what came after it."""

    def __init__(self, series, name, start, freq, history, truth):
        self.series, self.name, self.start, self.freq = series, name, start, freq
        self.history, self.truth = history, truth


def windows_of(entry, quick):
    series = sets.series_of(entry)
    if quick and len(series) > QUICK:
        chosen = np.random.default_rng(0).choice(len(series), QUICK, replace=False)
        series = [series[i] for i in sorted(chosen)]
    result = []
    for name, start, values in series:
        for w in range(entry.windows, 0, -1):
            end = len(values) - (w - 1) * entry.horizon
            window_name = name if entry.windows == 1 else f"{name}#{w}"
            history, truth = values[: end - entry.horizon], values[end - entry.horizon : end]
            result.append(Window(name, window_name, start, entry.freq, history, truth))
    return result


def seasonal_error(history, seasonality):
    if seasonality >= len(history):
        seasonality = 1
    return np.nanmean(np.abs(history[seasonality:] - history[:-seasonality]))


def seasonal_naive(window, entry):
    """(9, horizon): the same for all quantiles. A missing value is taken from a season before."""
    history, m = window.history.copy(), entry.seasonality
    for i in range(m, len(history)):
        if math.isnan(history[i]):
            history[i] = history[i - m]
    season = history[-m:]
    season = np.where(np.isnan(season), history[np.isfinite(history)][-1], season)
    return np.tile(np.resize(season, entry.horizon), (9, 1))


# Of one window: the scaled error, the sum of quantile losses, the sum of |y|.
def score(window, entry, forecast):
    known = np.isfinite(window.truth)
    truth, forecast = window.truth[known], forecast[:, known]
    scale = seasonal_error(window.history, entry.seasonality)
    mase = np.abs(truth - forecast[4]).mean() / scale if scale > 0 and len(truth) else np.nan
    difference = truth - forecast
    q = QUANTILES[:, None]
    loss = 2 * np.maximum(q * difference, (q - 1) * difference).mean(axis=0).sum()
    return mase, loss, np.abs(truth).sum()


def totals(scores, draw=None):
    """MASE and WQL of a set; for each row of indices in `draw`, if there is one. scores: (windows,
    3)."""
    scores = scores if draw is None else scores[draw]
    return np.nanmean(scores[..., 0], axis=-1), scores[..., 1].sum(axis=-1) / scores[..., 2].sum(axis=-1)


def statistics(entry, windows, cache):
    """{name: [(9, horizon), ...]} by statsforecast; what was computed before comes from the cache.
    """
    tag = repr((entry.freq, entry.horizon, entry.seasonality, STATISTICS_ROWS)).encode()
    keys = [hashlib.sha256(tag + w.history.tobytes()).hexdigest() for w in windows]
    result = {}
    for name in STATISTICS:
        file = cache / f"{entry.name}-{name}.npz"
        known = dict(np.load(file)) if file.exists() else {}
        missing = {k: w for k, w in zip(keys, windows) if k not in known}
        if missing:
            begin = time.time()
            known.update(zip(missing, statistical_forecasts(name, entry, list(missing.values()))))
            cache.mkdir(parents=True, exist_ok=True)
            temporary = cache / f"{entry.name}-{name}-{os.getpid()}.npz"
            np.savez(temporary, **known)
            os.replace(temporary, file)
            print(f"{entry.name}: {name} of {len(missing)} in {time.time() - begin:.0f} s", file=sys.stderr)
        result[name] = [known[k] for k in keys]
    return result


def statistical_forecasts(name, entry, windows):
    """(windows, 9, horizon)"""
    from statsforecast import StatsForecast
    from statsforecast import models

    tables = []
    for i, w in enumerate(windows):
        values = pd.Series(w.history[-STATISTICS_ROWS:]).interpolate(limit_direction="both").to_numpy()
        tables.append(pd.DataFrame({"unique_id": i, "ds": np.arange(len(values)), "y": values}))
    # AutoETS has no seasons longer than 24.
    season = 1 if name == "AutoETS" and entry.seasonality > 24 else entry.seasonality
    engine = StatsForecast(
        models=[getattr(models, name)(season_length=season, alias="x")],
        freq=1,
        n_jobs=1,
        fallback_model=models.SeasonalNaive(season_length=entry.seasonality, alias="x"),
    )
    columns = ["x-lo-80", "x-lo-60", "x-lo-40", "x-lo-20", "x", "x-hi-20", "x-hi-40", "x-hi-60", "x-hi-80"]
    out = engine.forecast(df=pd.concat(tables), h=entry.horizon, level=[20, 40, 60, 80])
    out = out.sort_values(["unique_id", "ds"], kind="stable")[columns].to_numpy(float)
    forecast = out.reshape(len(windows), entry.horizon, 9).transpose(0, 2, 1)
    # The point forecast where there is no interval, as for a constant series.
    return np.where(np.isfinite(forecast), forecast, forecast[:, 4:5])


def ftgpu_forecasts(arguments, model, entry, windows, folder, adapter=None):
    """(windows, 9, horizon), and the seconds of the command; None where it fails."""
    data, out = folder / f"{entry.name}.csv", folder / f"{entry.name}-forecast.csv"
    write_histories(data, [(w, -CONTEXT, None) for w in windows])
    command = [arguments.ftgpu, "forecast", "--model", str(model), "--data", str(data), "--target", "value", "--id", "id"]
    command += ["--timestamp", "timestamp", "--horizon", str(entry.horizon), "--out", str(out)]
    command += ["--adapter", str(adapter)] if adapter else []
    command += ["--quantiles", ",".join(f"{q:.1f}" for q in QUANTILES), *shlex.split(arguments.options)]
    begin = time.time()
    run = subprocess.run(command, capture_output=True, text=True)
    seconds = time.time() - begin
    if run.returncode:
        print(f"{entry.name}: ftgpu forecast fails: {shlex.join(command)}\n{run.stderr.strip()}", file=sys.stderr)
        return None, seconds
    table = pd.read_csv(out, dtype={"item_id": str}, keep_default_na=False)
    rows = dict(list(table.groupby("item_id", sort=False)))
    columns = [f"{q:.1f}" for q in QUANTILES]
    forecast = np.array([rows[w.name][columns].to_numpy(float).T for w in windows])
    if not np.isfinite(forecast).all():
        print(f"{entry.name}: a forecast is not finite: {shlex.join(command)}", file=sys.stderr)
        return None, seconds
    return forecast, seconds


def protocol():
    """Seasonal naive against its published scores; False where one is off by more than 0.1 %."""
    good = True
    print("| set | MASE | published | off by | WQL | published | off by |")
    print("|---|---|---|---|---|---|---|")
    by_name = {s.name: s for s in sets.SETS}
    rows = [(name, by_name[name], windows_of(by_name[name], False)) for name in COMPETITIONS]
    entry = by_name["m1_yearly"]
    monash = [Window(str(i), str(i), None, None, v[:-6], v[-6:]) for i, v in enumerate(sets.monash_m1_yearly())]
    rows.append(("m1_yearly, as published", entry, monash))
    for name, entry, windows in rows:
        mine = totals(np.array([score(w, entry, seasonal_naive(w, entry)) for w in windows]))
        other = PUBLISHED[entry.name, NAIVE]
        off = [m / o - 1 for m, o in zip(mine, other)]
        good &= name == OTHER_SERIES or max(map(abs, off)) <= 0.001
        print(f"| {name} | {mine[0]:.6f} | {other[0]:.6f} | {off[0]:+.5%} | {mine[1]:.6f} | {other[1]:.6f} | {off[1]:+.5%} |")
    print(
        "\nm1_yearly: the published file has 3 series rounded to 2 digits; aeon's package has it (last row).\n"
        "tourism_yearly: presumably the published file has other series than the package. Not counted."
    )
    return good


def relative(scores, names, model, draws):
    """Of sets: relative MASE and WQL, each (value, low, high); the share of better series, ties
    halved."""
    logs, draw_logs, wins = [], [], []
    for name in names:
        mine, naive = scores[name][model], scores[name][NAIVE]
        logs.append([math.log(a / b) for a, b in zip(totals(mine), totals(naive))])
        pair = zip(totals(mine, draws[name]), totals(naive, draws[name]))
        draw_logs.append([np.log(a / b) for a, b in pair])
        known = np.isfinite(mine[:, 0])
        wins.append(np.mean((mine[known, 0] < naive[known, 0]) + 0.5 * (mine[known, 0] == naive[known, 0])))
    value = np.exp(np.mean(logs, axis=0))
    low, high = np.exp(np.percentile(np.mean(draw_logs, axis=0), [2.5, 97.5], axis=-1))
    return [(value[k], low[k], high[k]) for k in (0, 1)] + [np.mean(wins)]


def row_of(name, figures):
    (mase, wql, wins) = figures
    cells = [f"{v:.3f} ({low:.3f} to {high:.3f})" for v, low, high in (mase, wql)]
    return f"| {name} | {cells[0]} | {cells[1]} | {100 * wins:.0f} % |"


def beside_published(scores, names, order, draws):
    """Lines: the relative scores over a group's sets with published ones."""
    names = [n for n in names if n in COMPETITIONS and n != OTHER_SERIES]
    if not names:
        return []
    lines = [f"Beside published scores, on {', '.join(names)}:", ""]
    lines += ["| model | relative MASE | relative WQL | series better than seasonal naive |", "|---|---|---|---|"]
    lines += [row_of(m, relative(scores, names, m, draws)) for m in order[1:] if all(m in scores[n] for n in names)]
    for model in dict.fromkeys(m for _, m in PUBLISHED if m != NAIVE):
        ratios = [np.divide(PUBLISHED[n, model], PUBLISHED[n, NAIVE]) for n in names]
        mase, wql = np.exp(np.mean(np.log(ratios), axis=0))
        lines.append(f"| {model}, published | {mase:.3f} | {wql:.3f} | |")
    return lines + [""]


def report(scores, order, draws, seconds, quick):
    """Lines of Markdown: for each group the relative scores, then each set's."""
    lines = []
    for group in ("development", "held-out"):
        names = [s.name for s in sets.SETS if s.name in scores and s.group == group]
        if not names:
            continue
        n = sum(len(scores[name][NAIVE]) for name in names)
        lines += [f"## {group}: {len(names)} sets, {n} forecasts", ""]
        lines += ["| model | relative MASE | relative WQL | series better than seasonal naive |", "|---|---|---|---|"]
        lines += [f"| {NAIVE} | 1 | 1 | |"]
        for model in order[1:]:
            have = [name for name in names if model in scores[name]]
            note = "" if len(have) == len(names) else f", {len(have)} sets"
            if have:
                lines.append(row_of(model + note, relative(scores, have, model, draws)))
        lines.append("")
        if not quick:
            lines += beside_published(scores, names, order, draws)
        lines += ["| set | model | MASE | WQL | relative MASE | relative WQL | series better | seconds |"]
        lines.append("|---|---|---|---|---|---|---|---|")
        for name in names:
            for model in order:
                if model not in scores[name]:
                    continue
                mase, wql = totals(scores[name][model])
                took = f"{seconds[name][model]:.1f}" if model in seconds[name] else ""
                figures = [(1, 1, 1), (1, 1, 1), 0.5] if model == NAIVE else relative(scores, [name], model, draws)
                cells = [f"{v:.3f}" if model == NAIVE else f"{v:.3f} ({a:.3f} to {b:.3f})" for v, a, b in figures[:2]]
                wins = "" if model == NAIVE else f"{100 * figures[2]:.0f} %"
                lines.append(f"| {name} | {model} | {mase:.4f} | {wql:.4f} | {cells[0]} | {cells[1]} | {wins} | {took} |")
        lines.append("")
    return lines


def evaluate(arguments):
    chosen = [s for s in sets.SETS if arguments.group in (s.group, "all")]
    if arguments.sets:
        wanted = arguments.sets.split(",")
        missing = set(wanted) - {s.name for s in sets.SETS}
        if missing:
            sys.exit(f"accuracy: no such set: {', '.join(sorted(missing))}")
        chosen = [s for s in sets.SETS if s.name in wanted]
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    models = [pathlib.Path(m) for m in arguments.model]
    labels = [str(m) for m in models] if len({m.name for m in models}) < len(models) else [m.name for m in models]
    scores, seconds, draws, failures = {}, {}, {}, 0
    for entry in chosen:
        windows = windows_of(entry, arguments.quick)
        forecasts = {NAIVE: [seasonal_naive(w, entry) for w in windows]}
        if not arguments.no_statistics:
            forecasts |= statistics(entry, windows, pathlib.Path(arguments.cache))
        seconds[entry.name] = {}
        for label, model in zip(labels, models):
            forecast, seconds[entry.name][label] = ftgpu_forecasts(arguments, model, entry, windows, out)
            if forecast is None:
                failures += 1
            else:
                forecasts[label] = forecast
            tuned = tune(arguments, model, entry, windows, out) if arguments.tune else None
            if tuned:
                adapter, is_taken = tuned
                forecast, seconds[entry.name][f"{label} tuned"] = ftgpu_forecasts(
                    arguments, model, entry, windows, out, adapter
                )
                if forecast is not None:
                    forecasts[f"{label} tuned"] = forecast
                    forecasts[f"{label} chosen"] = forecast if is_taken else forecasts[label]
        of_set = {m: np.array([score(w, entry, f) for w, f in zip(windows, fs)]) for m, fs in forecasts.items()}
        scores[entry.name] = of_set
        # The same series for all models, whatever other sets there are.
        generator = np.random.default_rng(int.from_bytes(hashlib.sha256(entry.name.encode()).digest()[:8], "little"))
        draws[entry.name] = generator.integers(len(windows), size=(REPEATS, len(windows)))
        without = int(np.isnan(of_set[NAIVE][:, 0]).sum())
        line = "  ".join(f"{m} {totals(s)[0]:.3f} {totals(s)[1]:.4f}" for m, s in of_set.items())
        note = f"  ({without} without MASE: constant or missing)" if without else ""
        print(f"{entry.name}: {len(windows)} forecasts; MASE and WQL: {line}{note}", file=sys.stderr)
    order = [NAIVE] + ([] if arguments.no_statistics else list(STATISTICS))
    more = (" tuned", " chosen") if arguments.tune else ()
    order += [name for label in labels for name in (label, *(label + m for m in more))]
    lines = report(scores, order, draws, seconds, arguments.quick)
    (out / "accuracy.md").write_text("\n".join(lines), encoding="utf-8")
    with open(out / "scores.csv", "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["set", "model", "MASE", "WQL"])
        writer.writerows([s, m, *map(float, totals(v))] for s, of_set in scores.items() for m, v in of_set.items())
    print("\n".join(lines))
    return failures == 0


def main():
    parser = argparse.ArgumentParser(prog="bench/accuracy.sh")
    parser.add_argument("--model", action="append", default=[], metavar="DIR", help="may be given several times")
    parser.add_argument("--group", choices=["development", "held-out", "all"], default="development")
    parser.add_argument("--sets", default="", metavar="A,B", help="only these, of whichever group")
    parser.add_argument("--quick", action="store_true", help=f"a fixed sample of at most {QUICK} series a set")
    parser.add_argument("--tune", action="store_true", help="also tuned by a sweep on each set's histories: minutes a set")
    parser.add_argument("--tune-options", default="", metavar="'OPTION...'", help="more for ftgpu sweep")
    parser.add_argument("--no-statistics", action="store_true", help="without AutoETS and AutoTheta")
    parser.add_argument("--protocol", action="store_true", help="only check the protocol by published scores")
    parser.add_argument("--list", action="store_true", help="only print the table of sets")
    parser.add_argument("--ftgpu", default="build/ftgpu", metavar="PROGRAM")
    parser.add_argument("--options", default="", metavar="'OPTION...'", help="more for ftgpu forecast")
    parser.add_argument("--out", default="build/accuracy", metavar="DIR", help="for accuracy.md and the CSV files")
    parser.add_argument("--cache", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(sets.table()))
        return 0
    good = protocol() if arguments.protocol else evaluate(arguments)
    return 0 if good else 1


sys.exit(main())
