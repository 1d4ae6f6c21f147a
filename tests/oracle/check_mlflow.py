"""Compares what an MLflow server has with the results that ftgpu sent to it.

    mlflow server --port 5055 --backend-store-uri sqlite:///m.db --artifacts-destination art &
    ftgpu export --results R --mlflow http://127.0.0.1:5055
    python tests/oracle/check_mlflow.py http://127.0.0.1:5055

Needs mlflow alone. Run it where ftgpu ran: the tag ftgpu.directory leads to results.json."""

import json
import pathlib
import sys

from mlflow.tracking import MlflowClient


def differences(client, run):
    record = json.loads((pathlib.Path(run.data.tags["ftgpu.directory"]) / "results.json").read_text())
    for key, value in record["hyperparams"].items():
        stored = run.data.params.get(key)
        same = value is None or stored == (str(value).lower() if isinstance(value, bool) else value)
        if not same and not (isinstance(value, (int, float)) and float(stored) == value):
            yield f"{key}: {stored} instead of {value}"
    for split in ("train", "val", "test"):
        for key, value in record[f"{split}_metrics"].items():
            if value is not None and run.data.metrics.get(f"{split}_{key}") != value:
                yield f"{split}_{key}: {run.data.metrics.get(f'{split}_{key}')} instead of {value}"
    losses = {m.step: m.value for m in client.get_metric_history(run.info.run_id, "loss")}
    if losses != {e["epoch"]: e["loss"] for e in record["training_history"]}:
        yield f"losses: {losses}"
    artifacts = {a.path for folder in (None, "adapter") for a in client.list_artifacts(run.info.run_id, folder)}
    if record["error"] is None and "adapter/adapter_model.safetensors" not in artifacts:
        yield f"artifacts: {artifacts}"
    if run.info.status != ("FINISHED" if record["error"] is None else "FAILED"):
        yield f"status: {run.info.status}"


def main():
    client = MlflowClient(sys.argv[1])
    runs, wrong = 0, 0
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id], max_results=1000):
            runs += 1
            for difference in differences(client, run):
                wrong += 1
                print(f"{run.info.run_name}: {difference}")
    print(f"{runs} runs, {wrong} differences")
    return wrong > 0 or runs == 0


if __name__ == "__main__":
    sys.exit(main())
