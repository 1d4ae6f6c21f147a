"""Data insights by pandas, from three small CSV files."""

import numpy as np
import pandas as pd
from scipy import stats

from common import GOLDEN, save_json

TARGET, DATE = "Close", "Date"


def frame(name, start, n, rng):
    close = np.round(100 + np.cumsum(rng.normal(size=n)) + 2 * np.sin(np.arange(n) / 5), 2)
    if name == "train":
        close[60:66] = close[60]  # a constant stretch
        close[90], close[91] = 0.0, -1.25  # a return of infinity after a price of zero, and a change of sign
    volume = rng.integers(1000, 9000, n).astype(float)
    close[rng.random(n) < 0.02] = np.nan
    volume[rng.random(n) < 0.05] = np.nan
    return pd.DataFrame(
        {
            DATE: pd.bdate_range(start, periods=n).strftime("%Y-%m-%d"),
            TARGET: close,
            "Volume": volume,
            "Sector": rng.choice(["energy", "metals, rare", ""], n),
            "SMA_5": np.round(pd.Series(close).rolling(5).mean(), 4),
            "Flag": 1,  # constant: no correlation
        }
    )


def quality(data):
    missing = int(data.drop(columns=DATE).isna().sum().sum())
    return {
        "n_rows": len(data),
        "n_cols": len(data.columns),
        "missing_values": missing,
        "missing_pct": missing / (len(data) * (len(data.columns) - 1)),
        "numeric_cols": len(data.select_dtypes("number").columns),
        "date_range": f"{data[DATE].iloc[0]} to {data[DATE].iloc[-1]}",
    }


def returns(data):
    return data[TARGET].pct_change(fill_method=None).replace([np.inf, -np.inf], np.nan)


def distribution(r):
    return {
        "mean": r.mean(),
        "std": r.std(),
        "skewness": r.skew(),
        "kurtosis": r.kurt(),
        "min": r.min(),
        "max": r.max(),
        "median": r.median(),
    }


def volatility(r):
    rolling = r.rolling(20).std()
    exact = np.array([np.nan] * 19 + [np.std(r.to_numpy()[i - 20 : i], ddof=1) for i in range(20, len(r) + 1)])
    assert np.allclose(rolling, exact, rtol=1e-7, atol=0, equal_nan=True)  # pandas' online algorithm has not drifted here
    return rolling * np.sqrt(252)


def regimes(data):
    v = volatility(returns(data))
    threshold = v.median()
    return {
        "volatility_threshold": threshold,
        "high_vol_periods": int((v > threshold).sum()),
        "low_vol_periods": int((v <= threshold).sum()),
        "volatility_mean": v.mean(),
        "volatility_std": v.std(),
        "volatility_min": v.min(),
        "volatility_max": v.max(),
    }


def returns_test(train, test):
    a, b = returns(train).dropna(), returns(test).dropna()
    result = stats.ks_2samp(a, b)  # exact for samples of up to 10,000
    return {
        "ks_statistic": result.statistic,
        "ks_pvalue": result.pvalue,
        "train_returns": len(a),
        "test_returns": len(b),
    }


def correlations(data):
    others = [column for column in data.select_dtypes("number").columns if column != TARGET]
    return {f"corr_with_{column}": data[TARGET].corr(data[column]) for column in others}


WORDS = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"]
WORDS += ["NULL", "NaN", "None", "n/a", "nan", "null"]


def make_words():
    """All that pandas.read_csv takes for a missing value, and what looks like it; columns without a
    name or with another's."""
    rng = np.random.default_rng(9)
    n = 60
    lines = ["Date,Close,Volume,Volume,,Lower,Note,Change,Flag"]
    for i, date in enumerate(pd.date_range("2023-01-01", periods=n).strftime("%Y-%m-%d")):
        word = WORDS[i % len(WORDS)]
        close = word if i >= 40 else f"{rng.normal(100, 1):.3f}"
        lower = "na" if i == 7 else str(i)  # a word of another letter case: a text column
        change = "inf" if i == 5 else "-Infinity" if i == 9 else f"{rng.normal():.4f}"
        cells = [close, word if i % 3 == 0 else i * i, i % 7, word, lower, word or "text", change, i % 2 == 0]
        lines.append(",".join([date] + [str(cell) for cell in cells]))
    path = GOLDEN / "insights_words.csv"
    path.write_text("\n".join(lines) + "\n")
    data = pd.read_csv(path)
    levels = data.select_dtypes("number").corr()[TARGET].drop(TARGET)  # pairwise complete; infinite values are left out
    save_json(
        "insights_words",
        {
            "train_quality": quality(data),
            "target_distribution": distribution(returns(data)),
            "correlations": {f"corr_with_{column}": levels[column] for column in levels.index},
        },
        indent=None,
    )


def make():
    make_words()
    rng = np.random.default_rng(8)
    data = {}
    for name, start, n in [("train", "2020-01-01", 180), ("val", "2020-09-09", 30), ("test", "2020-10-21", 70)]:
        path = GOLDEN / f"insights_{name}.csv"
        frame(name, start, n, rng).to_csv(path, index=False)
        data[name] = pd.read_csv(path)
    train_returns = returns(data["train"])
    save_json(
        "insights",
        {f"{name}_quality": quality(part) for name, part in data.items()}
        | {
            "target_distribution": distribution(train_returns),
            "train_regimes": regimes(data["train"]),
            "test_regimes": regimes(data["test"]),
            "returns_test": returns_test(data["train"], data["test"]),
            "correlations": correlations(data["train"]),
            "train_returns": train_returns.to_numpy(),
            "train_volatility": volatility(train_returns).to_numpy(),
        },
        indent=None,
    )
