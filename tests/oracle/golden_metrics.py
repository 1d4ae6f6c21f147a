"""Forecast metrics in double, written after their definitions; wql as GluonTS'
MeanWeightedSumQuantileLoss over 0.1 ... 0.9."""

import numpy as np

from common import save_json

LEVELS = np.arange(1, 10) / 10


def quotient(numerator, denominator):
    return numerator / denominator if denominator > 0 else np.nan


def directions(truth, point, last_observation):
    """Signs of both changes at the steps where the truth's change is known; the step before a
    window is the last observation."""
    before = last_observation[:, None]
    truth_change = np.diff(np.hstack([before, truth]))
    point_change = np.diff(np.hstack([before, point]))
    known = ~np.isnan(truth_change)
    return np.sign(truth_change[known]), np.sign(point_change[known])


def metrics(truth, samples, last_observation, train, season):
    point = np.median(samples, axis=1)
    quantiles = np.quantile(samples, LEVELS, axis=1)  # (9, n_windows, horizon)
    known = ~np.isnan(truth)
    y, f, q = truth[known], point[known], quantiles[:, known]
    if len(y) == 0:
        return dict.fromkeys(["mae", "rmse", "mase", "directional_accuracy", "smape", "wql", "coverage_80"])
    error = np.abs(y - f)
    naive = np.nanmean(np.abs(train[season:] - train[:-season]))
    both = np.abs(y) + np.abs(f)
    quantile_losses = 2 * np.abs((y - q) * ((q >= y) - LEVELS[:, None])).sum(axis=1)
    truth_sign, point_sign = directions(truth, point, last_observation)
    return {
        "mae": error.mean(),
        "rmse": np.sqrt((error**2).mean()),
        "mase": quotient(error.mean(), naive),
        "directional_accuracy": (truth_sign == point_sign).mean(),
        "smape": np.divide(2 * error, both, out=np.zeros_like(error), where=both > 0).mean(),
        "wql": np.mean([quotient(loss, np.abs(y).sum()) for loss in quantile_losses]),
        "coverage_80": ((q[0] <= y) & (y <= q[-1])).mean(),
    }


def case(name, season, rng, train, truth, spread, n_samples, last_observation=None):
    """Forecasts that miss the truth by about their spread; numbers have few digits so that the file
    stays small."""
    centre = np.nan_to_num(truth) + rng.normal(size=truth.shape) * spread
    samples = centre[:, None] + rng.normal(size=(len(truth), n_samples, truth.shape[1])) * spread
    samples, truth, train = np.round(samples, 2), np.round(truth, 3), np.round(train, 3)
    if last_observation is None:
        last_observation = np.round(truth[:, 0] + rng.normal(size=len(truth)), 2)
    return {
        "name": name,
        "season": season,
        "train": train,
        "last_observation": last_observation,
        "truth": truth,
        "samples": samples,
        "expected": metrics(truth, samples, last_observation, train, season),
    }


def make():
    rng = np.random.default_rng(5)
    walk = 100 + np.cumsum(rng.normal(size=60))
    plain = case("plain", 1, rng, walk, walk[40:60].reshape(4, 5) + 3, 2.0, 9)

    truth = 20 + np.cumsum(rng.normal(size=(4, 6)), axis=1)
    truth[0, 2], truth[1, 0], truth[2, -2:], truth[3] = np.nan, np.nan, np.nan, np.nan
    train = np.sin(np.arange(40)) * 5 + rng.normal(size=40)
    train[[3, 4, 20, 33]] = np.nan
    missing = case("missing_truth", 7, rng, train, truth, 1.5, 10, np.array([19.5, 20.0, np.nan, 21.0]))

    truth = np.array([[0.0, 0.0, 1.5, -1.5], [0.0, 2.0, 2.0, 2.0]])
    zeros = case("zeros_and_flat_steps", 2, rng, rng.normal(size=12), truth, 1.0, 5, np.array([0.0, 0.0]))
    zeros["samples"] = np.round(zeros["samples"])  # many ties, medians of exactly zero
    zeros["expected"] = metrics(truth, zeros["samples"], zeros["last_observation"], zeros["train"], 2)

    constant = case("constant_series", 1, rng, np.full(10, 7.0), np.full((2, 4), 7.0), 0.5, 8, np.array([7.0, 7.0]))
    all_zero = case("zero_truth", 1, rng, rng.normal(size=10), np.zeros((2, 3)), 0.5, 4, np.array([1.0, -1.0]))
    nothing = case("no_truth", 1, rng, rng.normal(size=10), np.full((1, 3), np.nan), 1.0, 3, np.array([1.0]))
    one_sample = case("one_sample", 3, rng, rng.normal(size=15), 5 + rng.normal(size=(2, 3)), 1.0, 1)
    save_json("metrics", [plain, missing, zeros, constant, all_zero, nothing, one_sample], indent=None)
