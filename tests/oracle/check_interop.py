"""Shows that ftgpu and its references read each other's files.

  python tests/oracle/check_interop.py FTGPU [--tools DIR]

Uses the models and data of tests/golden, the program (`ftgpu run`, `ftgpu model merge`), and two
test tools, in --tools (default: beside ftgpu):
  ftgpu_logits MODEL [--adapter DIR] BATCH.safetensors OUT.safetensors
  ftgpu_train MODEL --adapter DIR TRACE.safetensors OUT.safetensors
BATCH holds input_ids, attention_mask, labels as forward_*.safetensors does, OUT logits and loss.
TRACE holds batches as trace_*.safetensors does, with the recipe in TRACE.json beside it, OUT
losses. Exit status 1 at the first disagreement.
"""

import argparse
import contextlib
import pathlib
import subprocess
import tempfile
import warnings

import torch
from chronos import ChronosPipeline
from peft import LNTuningConfig, LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM

from common import GOLDEN, relative_error, save_json, save_tensors
from golden_forward import forward_batch
from golden_training import RECIPE, train, training_batches
from models import load_model, load_pipeline

# What ftgpu trains and writes: (name, model, hyperparameters)
RUNS = [
    ("lora", "tied", {"lora_rank": 8}),
    ("lora_all", "untied", {"lora_rank": 5, "lora_alpha": 7.0, "lora_targets": "q+k+v+o+wi+wo", "use_rslora": "true"}),
    ("ln", "tied", {"adapter_type": "ln_tuning"}),
    ("full", "untied", {"adapter_type": "full"}),
]
COMMON = {"epochs": 3, "context_length": 32, "prediction_length": 8, "batch_size": 4, "learning_rate": 1e-3}

# What peft trains and ftgpu goes on with: (name, model, configuration)
PEFT_TRAINED = [
    ("lora", "tied", LoraConfig(r=6, lora_alpha=9, target_modules=["q", "v"], lora_dropout=0.0)),
    ("lora_all", "untied", LoraConfig(r=2, lora_alpha=4, target_modules=["q", "k", "v", "o", "wi", "wo"], lora_dropout=0.0, use_rslora=True)),
    ("ln", "untied", LNTuningConfig()),
]


class Ftgpu:
    """The commands under test, with a directory for what they write."""

    def __init__(self, program, tools, scratch):
        self.program, self.tools, self.scratch = program, tools, scratch

    @staticmethod
    def call(*command):
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if result.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}\nexit status {result.returncode}\n{result.stderr}")

    def run(self, name, kind, hyperparameters):
        """Trains an experiment; returns the directory with its adapter (a model for full)."""
        data = [word for split in ["train", "val", "test"] for word in (f"--{split}", GOLDEN / f"insights_{split}.csv")]
        settings = [word for key, value in hyperparameters.items() for word in ("--set", f"{key}={value}")]
        results = self.scratch / f"results_{name}"
        self.call(self.program, "run", "--model", GOLDEN / f"model_{kind}", *data, "--target", "Close", "--name", name,
                  "--results", results, "--device", "cpu", "--dtype", "f32", *settings)  # fmt: skip
        (adapter,) = results.glob("*/adapter")
        return adapter

    def merge(self, model, adapter):
        out = self.scratch / f"merged_{len(list(self.scratch.glob('merged_*')))}"
        self.call(self.program, "model", "merge", "--model", model, "--adapter", adapter, "--out", out)
        return out

    def tool(self, name, model, adapter, inputs):
        out = self.scratch / "out.safetensors"
        option = ["--adapter", adapter] if adapter else []
        self.call(self.tools / name, model, *option, inputs, out)
        return load_file(out)

    def logits(self, model, adapter, batch):
        inputs = self.scratch / "batch.safetensors"
        save_tensors("batch", batch, self.scratch)
        return self.tool("ftgpu_logits", model, adapter, inputs)

    def train(self, model, adapter, batches, recipe):
        save_tensors("trace", {key: torch.stack([batch[key] for batch in batches]) for key in batches[0]}, self.scratch)
        save_json("trace", recipe, directory=self.scratch)
        return self.tool("ftgpu_train", model, adapter, self.scratch / "trace.safetensors")["losses"]


@contextlib.contextmanager
def warnings_are_errors():
    """All but the two that peft 0.21 gives for its own adapters on T5 too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", "Unsupported layer type .*T5LayerNorm", UserWarning)
        yield


def load_strictly(model, adapter, trainable=False):
    """PeftModel.from_pretrained without a warning, and with exactly the file's tensors."""
    with warnings_are_errors():
        peft_model = PeftModel.from_pretrained(model, adapter, is_trainable=trainable).eval()
    loaded, file = get_peft_model_state_dict(peft_model, save_embedding_layers=False), load_file(adapter / "adapter_model.safetensors")
    assert loaded.keys() == file.keys(), loaded.keys() ^ file.keys()
    assert all(torch.equal(loaded[key], file[key].float()) for key in file)
    return peft_model


def load_model_strictly(directory):
    """A model directory with no tensor missing or left over, which ChronosPipeline accepts too."""
    _, info = AutoModelForSeq2SeqLM.from_pretrained(directory, dtype=torch.float32, output_loading_info=True)
    assert not any(info.values()), info
    with warnings_are_errors():
        return ChronosPipeline.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").inner_model.eval()


def expect(what, value, reference, bound):
    error = relative_error(value, reference)
    print(f"  {what}: {error:.1e}", flush=True)
    if not error < bound:
        raise SystemExit(f"{what}: differs by {error:.1e}, allowed {bound:.0e}")


def forward(model, batch):
    with torch.no_grad():
        return model(**batch).logits


def check_written_by_ftgpu(ftgpu):
    for name, kind, hyperparameters in RUNS:
        print(f"{name}, trained by ftgpu on model_{kind}")
        base = GOLDEN / f"model_{kind}"
        batch, _ = forward_batch(load_pipeline(kind))
        trained = ftgpu.run(name, kind, COMMON | hyperparameters)
        untrained = forward(load_model(kind), batch)
        if name == "full":
            ours = ftgpu.logits(trained, None, batch)["logits"]
            expect("model directory in ChronosPipeline", forward(load_model_strictly(trained), batch), ours, 1e-5)
        else:
            ours = ftgpu.logits(base, trained, batch)["logits"]
            expect("PEFT directory in peft", forward(load_strictly(load_model(kind), trained), batch), ours, 1e-5)
            merged = ftgpu.merge(base, trained)
            expect("merged model in ChronosPipeline", forward(load_model_strictly(merged), batch), ours, 1e-5)
            expect("merged model in ftgpu", ftgpu.logits(merged, None, batch)["logits"], ours, 1e-5)
        assert relative_error(ours, untrained) > 1e-4, "training has changed nothing: this shows nothing"


def check_trained_by_peft(ftgpu):
    for name, kind, config in PEFT_TRAINED:
        print(f"{name}, trained by peft on model_{kind}")
        base, directory = GOLDEN / f"model_{kind}", ftgpu.scratch / f"peft_{name}"
        pipeline = load_pipeline(kind)
        batch, batches = forward_batch(pipeline)[0], training_batches(pipeline)
        torch.manual_seed(99)
        model = get_peft_model(pipeline.inner_model, config).eval()
        train(model, batches, RECIPE)
        model.save_pretrained(directory, save_embedding_layers=False)

        ours = ftgpu.logits(base, directory, batch)
        expect("logits", ours["logits"], forward(model, batch), 1e-5)
        expect("loss", ours["loss"][0], model(**batch).loss, 1e-5)
        recipe = RECIPE | {"steps": 10, "total_steps": 10, "warmup_steps": 2}
        losses = train(load_strictly(load_model(kind), directory, trainable=True), batches, recipe)["losses"]
        expect("losses of 10 more steps", ftgpu.train(base, directory, batches, recipe), losses, 1e-4)

        file = directory / "adapter_model.safetensors"
        save_file({key: value.bfloat16() for key, value in load_file(file).items()}, file, {"format": "pt"})
        expect("logits, stored as bf16", ftgpu.logits(base, directory, batch)["logits"], forward(load_strictly(load_model(kind), directory), batch), 1e-5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ftgpu", type=pathlib.Path, help="the program")
    parser.add_argument("--tools", type=pathlib.Path, help="directory of ftgpu_logits and ftgpu_train (default: the program's)")
    arguments = parser.parse_args()
    program = arguments.ftgpu.absolute()
    with tempfile.TemporaryDirectory() as scratch:
        ftgpu = Ftgpu(program, (arguments.tools or program.parent).resolve(), pathlib.Path(scratch))
        check_written_by_ftgpu(ftgpu)
        check_trained_by_peft(ftgpu)
    print("ftgpu, peft and ChronosPipeline read each other's files")


if __name__ == "__main__":
    main()
