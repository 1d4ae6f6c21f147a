"""The interaction of two hyperparameters: two-way analyses of variance by numpy's least squares and
scipy's F.

Needs numpy and scipy alone: python tests/oracle/golden_interaction.py"""

import json
import pathlib

import numpy as np
from scipy import stats

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"


def dummies(levels):
    return np.stack([levels == level for level in np.unique(levels)[1:]], axis=1).astype(float)


def rest(design, y):
    solution, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    return float(((y - design @ solution) ** 2).sum()), int(rank)


def case(a, b, y):
    one = np.ones((len(y), 1))
    da, db = dummies(a), dummies(b)
    pairs = [(i, j) for i in range(da.shape[1]) for j in range(db.shape[1])]
    products = np.stack([da[:, i] * db[:, j] for i, j in pairs], axis=1)
    additive, n_additive = rest(np.hstack([one, da, db]), y)
    full, n_full = rest(np.hstack([one, da, db, products]), y)
    freedom, residual = n_full - n_additive, len(y) - n_full
    f = (additive - full) / freedom / (full / residual)
    return {
        "a": a.tolist(), "b": b.tolist(), "y": y.tolist(), "f": f, "p_value": float(stats.f.sf(f, freedom, residual)),
        "share": (additive - full) / float(((y - y.mean()) ** 2).sum()), "freedom": freedom, "residual": residual,
    }


def main():
    rng = np.random.default_rng(0)
    cases = []
    for n, n_a, n_b, effect in [(12, 2, 2, 1.0), (30, 3, 2, 0.0), (60, 5, 4, 0.7), (40, 3, 3, 2.0)]:
        a, b = rng.integers(0, n_a, n), rng.integers(0, n_b, n)
        cases.append(case(a, b, a * 0.5 + b - effect * (a == 1) * (b == 1) + rng.normal(0, 0.3, n)))
    a, b = np.array([0, 0, 0, 1, 1, 1, 2, 2]), np.array([0, 0, 1, 0, 1, 1, 0, 0])  # a combination is missing
    cases.append(case(a, b, np.array([1.0, 2, 3, 5, 4, 4.5, 7, 6])))
    f = [{"f": x, "freedom": d1, "residual": d2, "p_value": float(stats.f.sf(x, d1, d2))}
         for x in (0.01, 0.5, 1, 3.7, 25, 400) for d1, d2 in ((1, 1), (1, 30), (4, 7), (16, 900))]
    text = json.dumps({"cases": cases, "f": f}, indent=1)
    (GOLDEN / "interaction.json").write_text(text + "\n")


main()
