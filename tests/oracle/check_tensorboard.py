"""Reads event files that ftgpu wrote by TensorBoard, and compares them with results.json.

    ftgpu export --results R --tensorboard T
    python tests/oracle/check_tensorboard.py R T

Needs tensorboard alone."""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

EPOCH = ("loss", "val_loss", "learning_rate", "grad_norm", "tokens_per_second")


def scalars_of(record):
    """{tag: [(step, value)]} of results.json; what is null is left out."""
    scalars = {}
    for epoch in record["training_history"]:
        for tag in EPOCH:
            if epoch[tag] is not None:
                scalars.setdefault(tag, []).append((epoch["epoch"], epoch[tag]))
    for split in ("train", "val", "test"):
        for metric, value in record[f"{split}_metrics"].items():
            if value is not None:
                scalars[f"{split}/{metric}"] = [(len(record["training_history"]), value)]
    return scalars


def hparams_of(events):
    start, end = plugin_data_pb2.HParamsPluginData(), plugin_data_pb2.HParamsPluginData()
    contents = events.PluginTagToContent("hparams")
    start.ParseFromString(contents["_hparams_/session_start_info"])
    end.ParseFromString(contents["_hparams_/session_end_info"])
    values = {}
    for name, value in start.session_start_info.hparams.items():
        values[name] = getattr(value, value.WhichOneof("kind"))
    return values, end.session_end_info.status


def differences(record, events):
    expected = scalars_of(record)
    if set(events.Tags()["scalars"]) != set(expected):
        yield f"tags: {sorted(set(events.Tags()['scalars']) ^ set(expected))}"
    for tag in set(events.Tags()["scalars"]) & set(expected):
        read = [(e.step, e.value) for e in events.Scalars(tag)]
        same = len(read) == len(expected[tag]) and all(
            step == s and math.isclose(value, v, rel_tol=1e-6, abs_tol=1e-12)  # stored in single precision
            for (step, value), (s, v) in zip(read, expected[tag])
        )
        if not same:
            yield f"{tag}: {read} instead of {expected[tag]}"
    values, status = hparams_of(events)
    if values != {k: v for k, v in record["hyperparams"].items() if v is not None}:
        yield f"hyperparameters: {values}"
    if status != (api_pb2.STATUS_SUCCESS if record["error"] is None else api_pb2.STATUS_FAILURE):
        yield f"status: {status}"


def main():
    results, runs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    count, wrong = 0, 0
    for run in sorted(p for p in runs.iterdir() if p.is_dir()):
        record = json.loads((results / run.name / "results.json").read_text())
        events = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        count += 1
        for difference in differences(record, events):
            wrong += 1
            print(f"{run.name}: {difference}")
    print(f"{count} runs, {wrong} differences")
    return wrong > 0 or count == 0


if __name__ == "__main__":
    sys.exit(main())
