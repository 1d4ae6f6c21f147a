"""Encoder output, logits and loss of both models, with padding and missing values inside."""

import numpy as np
import torch

from common import relative_error, save_tensors
from models import load_pipeline
from precision import Bf16Products, in_double

CONTEXT = 40


def batch_values(prediction_length):
    """(5, context) and (5, prediction_length): full, short, missing inside, all missing, constant.
    """
    rng = np.random.default_rng(7)
    n = CONTEXT + prediction_length
    t = np.arange(n)
    rows = [
        50 + np.cumsum(rng.normal(size=n)) * 10,
        np.sin(t / 4) * 3 + rng.normal(size=n),
        0.01 * (t % 7 - 3.0) + 0.002 * rng.normal(size=n),
        10 * rng.normal(size=n),
        np.full(n, -2.5),
    ]
    values = torch.tensor(np.stack(rows), dtype=torch.float32)
    context, target = values.split([CONTEXT, prediction_length], dim=1)
    context[1, :23] = torch.nan
    context[2, torch.from_numpy(rng.random(CONTEXT) < 0.25)] = torch.nan
    context[3] = torch.nan
    target[0, 2], target[2, -3:] = torch.nan, torch.nan
    return context, target


def check_ids_are_certain(tokenizer, values, scale):
    """No value lies so near a bin's boundary that a scale summed in another order could move it to
    the next bin."""
    scaled = (values / scale[:, None]).flatten()
    scaled = scaled[~scaled.isnan()]
    distance = (scaled[:, None] - tokenizer.boundaries).abs() / scaled[:, None].abs()
    assert distance.min() > 1e-5


def tokenize(tokenizer, context, target):
    input_ids, attention_mask, scale = tokenizer.context_input_transform(context)
    check_ids_are_certain(tokenizer, torch.cat([context, target], dim=1), scale)
    labels, label_mask = tokenizer.label_input_transform(target, scale)
    labels[~label_mask] = -100
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}


def forward_batch(pipeline):
    """The batch of forward_<kind>.safetensors, which the gradients use too."""
    values = batch_values(pipeline.model.config.prediction_length)
    return tokenize(pipeline.tokenizer, *values), values


def make():
    for kind in ["tied", "untied"]:
        pipeline = load_pipeline(kind)
        model = pipeline.inner_model
        batch, (context, target) = forward_batch(pipeline)
        with torch.no_grad():
            out = model(**batch)
            with Bf16Products():
                out_bf16 = model(**batch)
            with in_double(model):
                out_double = model(**batch)
        seen = batch["attention_mask"]
        for name, value in [("encoder_last_hidden_state", seen), ("logits", slice(None))]:
            exact = relative_error(out[name][value], out_double[name][value])
            coarse = relative_error(out_bf16[name][value], out_double[name][value])
            print(f"  {kind} {name}: f32 {exact:.1e}, bf16 {coarse:.1e} from double")
            assert exact < 2.5e-6 and coarse < 2.5e-2
        save_tensors(
            f"forward_{kind}",
            batch
            | {
                "context": context,
                "target": target,
                "encoder_output": out.encoder_last_hidden_state,
                "logits": out.logits,
                "loss": out.loss,
            },
        )
