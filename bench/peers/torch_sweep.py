"""The 18 configurations of bench/sweep.sh, one after the other, by PyTorch + PEFT + ChronosPipeline
(versions: tests/oracle/requirements.txt).

  python bench/peers/torch_sweep.py --model DIR --data DIR --threads 2 --dtype fp32

What a careful user would write, and no more: the model is read once, every window is tokenized
once, a batch is padded to its own longest context, LoRA is merged before forecasts, and all windows
of the splits are forecast in large batches. Windows, their order, batches, schedules, clipping,
samples and metrics are ftgpu's; only dropout's masks, LoRA's first values and the draws come from
another generator.

--data: a directory with train.csv, val.csv and test.csv, as `ftgpu data demo` writes it. One JSON
object on stdout: seconds of training (steps and val_loss), of evaluation (forecasts and metrics,
the model before tuning included) and of all from the first import on, and each configuration's
losses and metrics.
"""

import time

STARTED = time.perf_counter()

import argparse
import contextlib
import csv
import itertools
import json
import os
import pathlib
import resource

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from chronos import ChronosPipeline
from peft import LoraConfig, get_peft_model
from transformers import get_scheduler

GRID = {"learning_rate": [1e-4, 5e-4], "epochs": [3, 5, 10], "weight_decay": [0.0, 0.01, 0.1]}
QUANTILES = np.arange(1, 10) / 10
SPLITS = ("train", "val", "test")
SITE_WINDOWS = 0x5A3B1E01


def philox(key, counter):
    """One block of Philox 4x32-10, as in base/philox.h: the order of the windows comes from it."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c3 ^ k1, p0 & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def draw(seed, epoch, index, bound):
    key = philox((seed, 0x66746770), (epoch, SITE_WINDOWS, 0, 0))[:2]
    return (philox(key, (index >> 2, 0, 0, 0))[index & 3] * bound) >> 32


def training_starts(rows, length, seed, epoch):
    """First label rows of an epoch's windows, in the order of their use."""
    last = rows - length - draw(seed, epoch, 0, length)
    starts = list(range(last - (last - length) // length * length, last + 1, length))
    for i in range(len(starts) - 1, 0, -1):
        j = draw(seed, epoch, i, i + 1)
        starts[i], starts[j] = starts[j], starts[i]
    return starts


class Data:
    """One series: float32 values, and where its splits begin."""

    def __init__(self, directory, target):
        columns = []
        for split in SPLITS:
            with open(pathlib.Path(directory) / f"{split}.csv", newline="") as file:
                columns.append([float(row[target]) for row in csv.DictReader(file)])
        self.values = np.array(list(itertools.chain.from_iterable(columns)))
        self.tensor = torch.tensor(self.values, dtype=torch.float32)
        self.starts = np.cumsum([0] + [len(column) for column in columns]).tolist()

    def context(self, start, length):
        return self.tensor[max(0, start - length) : start]


class Batches:
    """Tokens of every batch that any configuration trains on or takes its val_loss of, made once.
    """

    def __init__(self, pipeline, data, arguments, epochs):
        self.pipeline, self.data, self.arguments = pipeline, data, arguments
        size, length = arguments.batch, arguments.prediction
        self.epochs = []
        for epoch in range(epochs):
            starts = training_starts(data.starts[1], length, arguments.seed, epoch)
            self.epochs.append([self.tokens(starts[i : i + size]) for i in range(0, len(starts), size)])
        starts = range(data.starts[1], data.starts[2], length)
        self.validation = [self.tokens(starts[i : i + size]) for i in range(0, len(starts), size)]

    def tokens(self, starts):
        tokenizer, length, end = self.pipeline.tokenizer, self.arguments.prediction, self.data.starts[2]
        contexts = [self.data.context(start, self.arguments.context) for start in starts]
        longest = max(len(context) for context in contexts)
        padded = torch.full((len(starts), longest), torch.nan)
        targets = torch.full((len(starts), length), torch.nan)
        for i, (start, context) in enumerate(zip(starts, contexts)):
            padded[i, longest - len(context) :] = context
            target = self.data.tensor[start : min(start + length, end)]  # the last window of validation may be shorter
            targets[i, : len(target)] = target
        input_ids, attention_mask, scale = tokenizer.context_input_transform(padded)
        labels, labels_mask = tokenizer.label_input_transform(targets, scale)
        labels[~labels_mask] = -100
        batch = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
        return {name: value.to(self.arguments.device) for name, value in batch.items()}

    def steps(self, epochs):
        return sum(len(self.epochs[epoch]) for epoch in range(epochs))


class Spent:
    """Adds up the time of its `with` blocks: on the clock, and of the processor."""

    def __init__(self):
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self):
        self.started = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        self.seconds += time.perf_counter() - self.started[0]
        self.cpu_seconds += time.process_time() - self.started[1]


def lengths_of(pipeline, arguments):
    """The pipeline's own lengths become those of the sweep."""
    for config in (pipeline.model.config, pipeline.tokenizer.config):
        config.context_length, config.prediction_length = arguments.context, arguments.prediction


def train(model, batches, config, autocast):
    """History of (loss, val_loss) an epoch."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=config["learning_rate"], weight_decay=config["weight_decay"])
    schedule = get_scheduler(batches.arguments.scheduler, optimizer, 0, batches.steps(config["epochs"]))
    history = []
    for epoch in range(config["epochs"]):
        model.train()
        losses = []
        for batch in batches.epochs[epoch]:
            optimizer.zero_grad()
            with autocast():
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        model.eval()
        total = counted = 0
        with torch.inference_mode(), autocast():
            for batch in batches.validation:
                n = int((batch["labels"] != -100).sum())
                total, counted = total + model(**batch).loss.item() * n, counted + n
        history.append({"epoch": epoch + 1, "loss": float(np.mean(losses)), "val_loss": total / counted})
    return history


def metrics_of(samples, truth, before, scale):
    """samples: (paths, steps), truth: (steps), before: (steps) the last known value before each
    step's window or the step itself."""
    point = np.median(samples, axis=0)
    quantiles = np.quantile(samples, QUANTILES, axis=0)
    error = truth - point
    previous_truth, previous_point = before
    pinball = 2 * np.abs((truth - quantiles) * ((truth <= quantiles) - QUANTILES[:, None]))
    mae = np.abs(error).mean()
    return {
        "mae": mae,
        "rmse": np.sqrt((error**2).mean()),
        "mase": mae / scale,
        "directional_accuracy": (np.sign(point - previous_point(point)) == np.sign(truth - previous_truth)).mean(),
        "smape": (2 * np.abs(error) / (np.abs(truth) + np.abs(point))).mean(),
        "wql": (pinball.sum(axis=1) / np.abs(truth).sum()).mean(),
        "coverage_80": ((truth >= quantiles[0]) & (truth <= quantiles[-1])).mean(),
    }


def evaluate(pipeline, data, arguments):
    """Metrics of every split."""
    length, metrics = arguments.prediction, {}
    windows = [
        (split, start) for split in range(3) for start in range(data.starts[split], data.starts[split + 1], length) if start > 0
    ]
    contexts = [data.context(start, arguments.context) for _, start in windows]
    samples = []
    for i in range(0, len(windows), arguments.series):
        samples.append(pipeline.predict(contexts[i : i + arguments.series], prediction_length=length, num_samples=arguments.samples))
    samples = torch.cat(samples).float().numpy().astype(np.float64)
    scale = np.abs(np.diff(data.values[: data.starts[1]])).mean()
    for split in range(3):
        chosen = [i for i, (of, _) in enumerate(windows) if of == split]
        ends = [min(windows[i][1] + length, data.starts[split + 1]) for i in chosen]
        paths = np.concatenate([samples[i][:, : end - windows[i][1]] for i, end in zip(chosen, ends)], axis=1)
        rows = np.concatenate([np.arange(windows[i][1], end) for i, end in zip(chosen, ends)])
        first = np.isin(rows, [windows[i][1] for i in chosen])
        previous_truth = data.values[rows - 1]

        def previous_point(point):
            return np.where(first, previous_truth, np.roll(point, 1))

        metrics[SPLITS[split]] = metrics_of(paths, data.values[rows], (previous_truth, previous_point), scale)
    return metrics


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--target", default="Close")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="fp32", help="bf16: autocast in training, a bf16 model in forecasts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--prediction", type=int, default=24)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--series", type=int, default=32, help="windows that are forecast in one batch")
    parser.add_argument("--scheduler", default="linear")
    parser.add_argument("--attention", default=None, help="transformers' attn_implementation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=18, help="train only the first N configurations")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)

    options = {"attn_implementation": arguments.attention} if arguments.attention else {}
    pipeline = ChronosPipeline.from_pretrained(arguments.model, dtype=torch.float32, device_map=arguments.device, **options)
    lengths_of(pipeline, arguments)
    autocast = (lambda: torch.autocast(arguments.device, torch.bfloat16)) if arguments.dtype == "bf16" else contextlib.nullcontext
    data = Data(arguments.data, arguments.target)
    base = pipeline.inner_model
    configs = [dict(zip(GRID, values)) for values in itertools.product(*GRID.values())][: arguments.first]

    spent = {"training": Spent(), "evaluation": Spent()}
    with spent["training"]:
        batches = Batches(pipeline, data, arguments, max(config["epochs"] for config in configs))

    def evaluate_now():
        pipeline.model.model = base.to(torch.bfloat16) if arguments.dtype == "bf16" else base
        base.eval()
        return evaluate(pipeline, data, arguments)

    with spent["evaluation"]:
        results = [{"zero_shot": evaluate_now()}]
    weights = {name: value.clone() for name, value in base.state_dict().items()}
    for config in configs:
        with spent["training"]:
            if arguments.dtype == "bf16":
                base.float()
            base.load_state_dict(weights)
            tuned = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, target_modules=["q", "v"], lora_dropout=0.1))
            history = train(tuned, batches, config, autocast)
        with spent["evaluation"]:
            base = tuned.merge_and_unload()
            results.append({"config": config, "history": history, "metrics": evaluate_now()})

    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            vars(arguments)
            | {
                "torch": torch.__version__,
                "training_seconds": spent["training"].seconds,
                "evaluation_seconds": spent["evaluation"].seconds,
                "seconds": time.perf_counter() - STARTED,
                "training_cpu_seconds": spent["training"].cpu_seconds,
                "evaluation_cpu_seconds": spent["evaluation"].cpu_seconds,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "peak_rss_bytes": usage.ru_maxrss * 1024,
                "results": results,
            }
        )
    )


if __name__ == "__main__":
    main()
