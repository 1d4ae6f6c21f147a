"""Greedy decoding of 64 tokens, EOS suppressed as ChronosModel.forward does it, from contexts whose
every choice is clear."""

import numpy as np
import torch
from transformers import GenerationConfig

from common import save_tensors
from golden_forward import check_ids_are_certain
from models import load_pipeline

STEPS = 64
CONTEXT = 48
CHOSEN = 3  # contexts kept a model
MIN_MARGIN, MIN_TOKENS = 2e-3, 16


def candidate(seed):
    """(CONTEXT) values, some shorter (left-padded), some with missing values."""
    rng = np.random.default_rng(seed)
    t = np.arange(CONTEXT)
    values = rng.normal() * 5 + np.cumsum(rng.normal(size=CONTEXT)) + 4 * np.sin(t / rng.uniform(1, 5))
    values[: [0, 0, 17][seed % 3]] = np.nan
    values[rng.random(CONTEXT) < [0, 0.2, 0][seed % 3]] = np.nan
    return torch.tensor(values, dtype=torch.float32)


def margins_of(logits):
    """(largest - second largest) / standard deviation over the last dimension, EOS left out."""
    kept = torch.cat([logits[..., :1], logits[..., 2:]], dim=-1)
    top = kept.topk(2).values
    return (top[..., 0] - top[..., 1]) / kept.std(dim=-1)


def decode(model, input_ids, attention_mask):
    """Tokens (STEPS) and margins (STEPS) of one sequence."""
    out = model.generate(
        input_ids=input_ids[None],
        attention_mask=attention_mask[None],
        generation_config=GenerationConfig(
            min_new_tokens=STEPS,
            max_new_tokens=STEPS,
            do_sample=False,
            eos_token_id=1,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
        ),
    )
    return out.sequences[0, 1:], margins_of(torch.cat(out.logits))


def make():
    for kind in ["tied", "untied"]:
        pipeline = load_pipeline(kind)
        found = []
        for seed in range(1000):
            if seed % 3 != len(found) % 3:  # one context of each kind
                continue
            context = candidate(seed)
            input_ids, attention_mask, scale = pipeline.tokenizer.context_input_transform(context[None])
            check_ids_are_certain(pipeline.tokenizer, context[None], scale)
            tokens, margins = decode(pipeline.inner_model, input_ids[0], attention_mask[0])
            if margins.min() > MIN_MARGIN and len(tokens.unique()) >= MIN_TOKENS:
                print(f"  {kind}: seed {seed}, {len(tokens.unique())} different tokens, margin at least {margins.min():.1e}")
                found.append((context, input_ids[0], attention_mask[0], tokens, margins))
            if len(found) == CHOSEN:
                break
        assert len(found) == CHOSEN
        names = ["context", "input_ids", "attention_mask", "tokens", "margins"]
        save_tensors(f"greedy_{kind}", dict(zip(names, map(torch.stack, zip(*found)))))
