"""Tuning a model on a set (bench/accuracy.sh --tune) as a user would: `ftgpu sweep`, then `ftgpu
best` chooses a trial by validation. Validation and test together say whether to take it.

Both splits lie in the history: nothing of what is forecast later takes part.
"""

import json
import shlex
import shutil
import subprocess
import sys

from histories import write_histories

# How far to train is what is sought: where tuning does harm, less of it does less. Under a
# constant schedule the shorter is a part of the longer one's training.
LEARNING_RATES, EPOCHS = (2e-4, 5e-4), (1, 3)
SHARED = ["lora_targets=q+k+v+o+wi+wo", "batch_size=16", "lr_scheduler=constant", "keep=last"]
# About as much to compute for every set: so many windows trained on in all epochs, and
# evaluated of a split, where contexts are full; up to 4 times as many where they are
# shorter.
CONTEXT, TRAINED_WINDOWS, EVALUATED_WINDOWS = 512, 1000, 64
LEAST_WINDOWS = 200  # before the last three horizons of a set; fewer is too little history to tune on
# Of val and of test, each: this share of a series' rows, but at least one horizon, and no
# more than make so many windows of the set.
SHARE, JUDGED_WINDOWS = 0.15, 256
SAMPLES = 50


class Splits:
    """How the histories of a set are cut. Of several windows of a series the first alone is tuned
    on: no later one's truth is in it."""

    def __init__(self, entry, windows):
        first = {}
        for w in windows:
            first.setdefault(w.series, w)
        h, most = entry.horizon, -(-JUDGED_WINDOWS // len(first))
        # (window, rows of val and of test each)
        cut = [(w, h * max(1, min(most, int(SHARE * len(w.history) / h)))) for w in first.values()]
        self.cut = [(w, judged) for w, judged in cut if len(w.history) >= 2 * judged + 2 * h]
        self.rows = [len(w.history) - 2 * judged for w, judged in self.cut]
        self.is_enough = sum((len(w.history) - 1) // h - 3 for w, _ in self.cut) >= LEAST_WINDOWS

    def write(self, folder, name):
        """{"train": path, ...}"""
        paths = {part: folder / f"{name}-{part}.csv" for part in ("train", "val", "test")}
        write_histories(paths["train"], [(w, None, -2 * judged) for w, judged in self.cut])
        write_histories(paths["val"], [(w, -2 * judged, -judged) for w, judged in self.cut])
        write_histories(paths["test"], [(w, -judged, None) for w, judged in self.cut])
        return paths


def settings_of(rows, horizon):
    """Options of `ftgpu sweep`. rows: of each series in train."""
    # A series' windows have all contexts up to its length.
    context = sum(min(CONTEXT, n / 2) for n in rows) / len(rows)
    scale = min(4, CONTEXT / context)
    # No shorter than a quarter of the horizon: windows would be almost the same.
    stride = max(1, horizon // 4, int(sum(rows) * max(EPOCHS) / (TRAINED_WINDOWS * scale)))
    options = ["--eval-windows", str(int(EVALUATED_WINDOWS * scale)), "--eval-samples", str(SAMPLES)]
    for setting in [*SHARED, f"prediction_length={horizon}", f"window_stride={stride}"]:
        options += ["--set", setting]
    for name, values in (("learning_rate", LEARNING_RATES), ("epochs", EPOCHS)):
        options += ["--grid", f"{name}={','.join(map(str, values))}"]
    return options


def tune(arguments, model, entry, windows, folder):
    """(the best trial's adapter, whether to take it); None where there is too little history."""
    splits = Splits(entry, windows)
    if not splits.is_enough:
        return None
    results = folder / f"{entry.name}-tuned"
    shutil.rmtree(results, ignore_errors=True)
    command = [arguments.ftgpu, "sweep", "--model", str(model), "--target", "value", "--id", "id"]
    command += ["--timestamp", "timestamp", "--results", str(results), "--name", entry.name, "--quiet"]
    for part, path in splits.write(folder, entry.name).items():
        command += [f"--{part}", str(path)]
    command += ["--season", str(entry.seasonality), *settings_of(splits.rows, entry.horizon)]
    if ran(command + shlex.split(arguments.tune_options)) is None:
        return None
    # By mase, in which all series count alike: wql is that of the largest.
    best = ran([arguments.ftgpu, "best", "--metric", "mase", "--results", str(results), "--format", "json"])
    if best is None:
        return None
    (folder / f"{entry.name}-best.json").write_text(best, encoding="utf-8")
    best = json.loads(best)
    return results / best["experiment_id"] / "adapter", is_taken(best)


def is_taken(best):
    """Whether the best trial is better than the untuned model over val and test, MASE and WQL, on
    average. One period alone misleads: all series of a set rise and fall together."""
    before = best["run"]["baseline_metrics"]["zero_shot"]
    pairs = [(best[s][m], before[s][m]) for s in ("val_metrics", "test_metrics") for m in ("mase", "wql")]
    return sum(tuned / untuned - 1 for tuned, untuned in pairs) < 0


def ran(command):
    """The command's output; None, with a message, where it fails."""
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == 0:
        return run.stdout
    print(f"{shlex.join(command)} fails:\n{run.stderr.strip()}", file=sys.stderr)
    return None
