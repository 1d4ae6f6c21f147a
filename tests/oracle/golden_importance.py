"""Importance of hyperparameters by pandas, scipy and Optuna; the Kolmogorov-Smirnov test and a
parabola by scipy and numpy.

Needs optuna, pandas and scipy alone, not torch: python tests/oracle/golden_importance.py"""

import json
import math
import pathlib
import warnings

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def distribution(values):
    """What ftgpu takes for the search space: the range of the values, logarithmic from a factor of
    ten on."""
    known = [v for v in values if v is not None]
    if any(isinstance(v, (str, bool)) for v in known):
        return CategoricalDistribution(list(dict.fromkeys(known)))
    low, high = min(known), max(known)
    log = low > 0 and high >= 10 * low
    whole = all(v == int(v) for v in known)
    return IntDistribution(int(low), int(high), log=log) if whole else FloatDistribution(low, high, log=log)


def importances(trials, losses):
    names = list(dict.fromkeys(name for trial in trials for name in trial))
    space = {name: distribution([trial.get(name) for trial in trials]) for name in names}
    study = optuna.create_study()
    for trial, loss in zip(trials, losses):
        params = {k: int(v) if isinstance(space[k], IntDistribution) else v for k, v in trial.items()}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions={k: space[k] for k in params}, value=loss)
        )
    return optuna.importance.get_param_importances(study)


def importance_case(n, seed, conditional):
    rng = np.random.default_rng(seed)
    trials, losses = [], []
    for _ in range(n):
        trial = {
            "learning_rate": float(rng.choice([1e-5, 1e-4, 5e-4, 1e-3, 1e-2])),
            "dropout_rate": float(np.round(rng.uniform(0, 0.3), 3)),
            "epochs": int(rng.choice([1, 3, 5, 10, 20])),
            "lora_rank": int(rng.choice([4, 8, 16])),
            "warmup": int(rng.integers(0, 500)),
            "adapter_type": str(rng.choice(["lora", "ln", "full"])),
            "window_shift": bool(rng.integers(0, 2)),
        }
        if conditional and trial["adapter_type"] != "lora":
            del trial["lora_rank"]
        loss = (math.log10(trial["learning_rate"]) + 3.5) ** 2 + 0.1 * trial["dropout_rate"] + rng.normal(0, 0.1)
        loss += {"lora": 0, "ln": 0.3, "full": 0.1}[trial["adapter_type"]]
        trials.append(trial)
        losses.append(float(loss))
    result = importances(trials, losses)
    data = pd.DataFrame(trials).assign(loss=losses)
    numeric = ["learning_rate", "dropout_rate", "epochs", "lora_rank", "warmup"]
    pearson = {c: data[c].corr(data.loss) for c in numeric}
    spearman = {c: data[c].corr(data.loss, method="spearman") for c in numeric}
    for c in numeric:
        pair = data[[c, "loss"]].dropna()
        assert abs(stats.spearmanr(pair[c], pair.loss).statistic - spearman[c]) < 1e-12
    return {"trials": trials, "losses": losses, "ped_anova": result, "pearson": pearson, "spearman": spearman}


def parabola(seed, n):
    rng = np.random.default_rng(seed)
    x = rng.choice([-5.0, -4.0, -3.3, -2.0], n)
    y = 0.3 * (x + 3.4) ** 2 + rng.normal(0, 0.3, n)
    design = np.stack([np.ones(n), x, x * x], 1)
    beta, rest = np.linalg.lstsq(design, y)[:2]
    t = beta[2] / math.sqrt(rest[0] / (n - 3) * np.linalg.inv(design.T @ design)[2, 2])
    return {"x": x.tolist(), "y": y.tolist(), "vertex": -beta[1] / (2 * beta[2]), "p_value": 2 * stats.t.sf(abs(t), n - 3)}


def student():
    return [{"t": t, "freedom": v, "p_value": 2 * stats.t.sf(t, v)} for t in [0.1, 1.0, 2.5, 7.0] for v in [1, 2, 3, 8, 31, 200]]


def two_samples(seed, n, m, shift, decimals):
    rng = np.random.default_rng(seed)
    a, b = np.round(rng.normal(0, 1, n), decimals), np.round(rng.normal(shift, 1.2, m), decimals)
    result = stats.ks_2samp(a, b)
    limit = stats.kstwobign.sf(math.sqrt(n * m / (n + m)) * result.statistic)
    return {"a": a.tolist(), "b": b.tolist(), "statistic": result.statistic, "p_value": result.pvalue, "limit": limit}


def make():
    save(
        "importance",
        {
            "cases": [importance_case(12, 1, False), importance_case(40, 2, False), importance_case(80, 3, True)],
            "parabolas": [parabola(4, 12), parabola(5, 40)],
            "student": student(),
        },
    )
    sizes = [(1, 1, 0, 2), (5, 7, 1, 3), (20, 20, 0.5, 1), (60, 24, 0.2, 2), (150, 70, 0, 4), (150, 70, 1.5, 4), (97, 41, 5, 4)]
    save("kolmogorov_smirnov", [two_samples(10 + i, *size) for i, size in enumerate(sizes)])


def save(name, value):
    (GOLDEN / f"{name}.json").write_text(json.dumps(value) + "\n")


if __name__ == "__main__":
    make()
