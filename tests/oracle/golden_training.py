"""Traces of AdamW as PEFT's users train: learning rate schedules, 20 steps of each adapter kind,
and going on from a trained adapter."""

import numpy as np
import torch
from transformers import get_scheduler

from common import relative_error, save_json, save_tensors
from golden_adapters import load_adapter, save_adapter, trained_tensors
from golden_forward import tokenize
from models import load_model, load_pipeline
from precision import Bf16Products, in_double

N_BATCHES, BATCH_SIZE, CONTEXT = 4, 4, 24
STEPS = 20
RECIPE = {
    "steps": STEPS,
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "max_grad_norm": 1.9,
    "lr_scheduler": "linear",
    "warmup_steps": 4,
    "total_steps": STEPS,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
}
TRACES = {  # name: (adapter, changes to the recipe); clipping must bind in some steps and not in others
    "lora": ("lora_qv", {}),
    "ln": ("ln", {"lr_scheduler": "cosine", "learning_rate": 8e-3, "max_grad_norm": 0.7}),
    "full": (None, {"lr_scheduler": "constant_with_warmup", "max_grad_norm": 2.5}),
}


def training_batches(pipeline):
    """Short noisy waves; batches differ in padding, missing values and missing labels."""
    rng = np.random.default_rng(11)
    horizon = pipeline.model.config.prediction_length
    batches = []
    for _ in range(N_BATCHES):
        t = np.arange(CONTEXT + horizon)
        waves = 20 + 8 * np.sin(t / rng.uniform(1, 4, (BATCH_SIZE, 1))) + rng.normal(size=(BATCH_SIZE, len(t)))
        values = torch.tensor(waves, dtype=torch.float32)
        values[torch.from_numpy(rng.random(values.shape) < 0.05)] = torch.nan
        context, target = values.split([CONTEXT, horizon], dim=1)
        context[0, : rng.integers(0, 14)] = torch.nan
        batches.append(tokenize(pipeline.tokenizer, context, target))
    return batches


def train(model, batches, recipe):
    """Losses before each step, gradient norms before clipping, the learning rate of each step."""
    parameters = list(trained_tensors(model).values())
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=recipe["learning_rate"], betas=recipe["betas"], eps=recipe["eps"], weight_decay=recipe["weight_decay"]
    )
    scheduler = get_scheduler(recipe["lr_scheduler"], optimizer, recipe["warmup_steps"], recipe["total_steps"])
    log = {"losses": [], "grad_norms": [], "learning_rates": []}
    for step in range(recipe["steps"]):
        loss = model(**batches[step % len(batches)]).loss
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, recipe["max_grad_norm"])
        log["losses"].append(loss.item())
        log["grad_norms"].append(norm.item())
        log["learning_rates"].append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return {key: torch.tensor(value) for key, value in log.items()}


def start(adapter):
    return load_adapter(adapter, "tied") if adapter else load_model("tied")


def check_bounds(name, adapter, batches, recipe, log):
    """The bounds on f32 and bf16 losses can be met; the trace learns something; clipping sometimes
    binds."""
    model = start(adapter)
    with in_double(model):
        exact = train(model, batches, recipe)
    with Bf16Products():
        coarse = train(start(adapter), batches, recipe)
    losses, norms = log["losses"], log["grad_norms"]
    gap, coarse_gap = [((other["losses"] - losses) / losses).abs().max().item() for other in (exact, coarse)]
    first, last = losses[: len(batches)].mean(), losses[-len(batches) :].mean()
    bound = (norms > recipe["max_grad_norm"]).double().mean().item()
    print(f"  {name}: double {gap:.1e}, bf16 {coarse_gap:.1e}; loss {first:.3f} to {last:.3f}; norms {norms.min():.2f} to {norms.max():.2f}, {bound:.0%} clipped")
    assert gap < 2e-5 and coarse_gap < 1.5e-2
    assert 0.1 < bound < 0.9 and (recipe["steps"] < STEPS or last < 0.95 * first)


def write_trace(name, adapter, batches, recipe, log):
    stacked = {key: torch.stack([batch[key] for batch in batches]) for key in batches[0]}
    save_tensors(name, stacked | log)
    save_json(name, {"model": "model_tied", "adapter": adapter and f"adapter_{adapter}"} | recipe)


def make_schedules():
    cases = []
    for name in ["linear", "cosine", "constant", "constant_with_warmup"]:
        for warmup, total in [(0, 10), (3, 10), (5, 5), (8, 20), (1, 1)]:
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            scheduler = get_scheduler(name, optimizer, warmup, total)
            multipliers = []
            for _ in range(total + 1):
                multipliers.append(scheduler.get_last_lr()[0])
                optimizer.step()
                scheduler.step()
            cases.append({"name": name, "warmup_steps": warmup, "total_steps": total, "multipliers": multipliers})
    save_json("schedules", cases)


def make():
    make_schedules()
    batches = training_batches(load_pipeline("tied"))
    for name, (adapter, changes) in TRACES.items():
        recipe = RECIPE | changes
        model = start(adapter)
        log = train(model, batches, recipe)
        check_bounds(name, adapter, batches, recipe, log)
        write_trace(f"trace_{name}", adapter, batches, recipe, log)
        if name == "lora":
            save_adapter(model, "lora_trained", "tied")

    recipe = RECIPE | {"steps": 8, "total_steps": 8, "warmup_steps": 0, "max_grad_norm": 2.0}
    log = train(load_adapter("lora_trained", "tied"), batches, recipe)
    check_bounds("continue", "lora_trained", batches, recipe, log)
    write_trace("continue_lora", "lora_trained", batches, recipe, log)
