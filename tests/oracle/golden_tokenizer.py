"""MeanScaleUniformBins of the real Chronos-T5 models over contexts of every kind."""

import numpy as np
import torch
from chronos.chronos import ChronosConfig

from common import save_tensors
from models import chronos_config

N_CONTEXTS = 200
PREDICTION_LENGTH = 24


def context_lengths(rng):
    """Most are short, so that the file stays small; the long ones lie round the cut at 512."""
    special = [1, 1, 1, 2, 2, 3, 511, 512, 513, 600, 590, 550]
    return special + list(rng.integers(1, 31, N_CONTEXTS - len(special)))


def series(kind, n, rng):
    t = np.arange(n)
    if kind == "walk":
        return 100 + np.cumsum(rng.normal(size=n))
    if kind == "negative":
        return -50 - 10 * np.sin(t / 3) + rng.normal(size=n)
    if kind == "constant":
        return np.full(n, rng.choice([0.0, 1.0, -3.5, 1e-30, 1e30]))
    if kind == "zeros":
        return np.where(rng.random(n) < 0.5, 0.0, rng.normal(size=n))
    if kind == "magnitudes":
        return rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-30, 30, n)
    if kind == "tiny":
        return 1e-30 * rng.normal(size=n)
    if kind == "huge":
        return 1e30 * rng.normal(size=n)
    if kind == "spike":  # reaches both ends of the bins
        return np.where(rng.random(n) < 0.05, rng.choice([-1000.0, 1000.0], n), rng.normal(size=n))
    return rng.standard_t(2, n)  # "heavy"


KINDS = ["walk", "negative", "constant", "zeros", "magnitudes", "tiny", "huge", "spike", "heavy"]


def make():
    rng = np.random.default_rng(20250101)
    config = ChronosConfig(**chronos_config(PREDICTION_LENGTH) | {"n_tokens": 4096, "context_length": 512})
    tokenizer = config.create_tokenizer()

    contexts, ids, masks, scales = [], [], [], []
    for index, length in enumerate(context_lengths(rng)):
        values = series(KINDS[index % len(KINDS)], length, rng).astype(np.float32)
        missing = 1.0 if index % 25 == 0 else [0.0, 0.0, 0.1, 0.3, 0.9][index % 5]
        values[rng.random(length) < missing] = np.nan
        context = torch.from_numpy(values)
        token_ids, mask, scale = tokenizer.context_input_transform(context[None])
        contexts.append(context), ids.append(token_ids[0]), masks.append(mask[0]), scales.append(scale)
    scales = torch.cat(scales)

    label_context = torch.arange(0, N_CONTEXTS, 8)
    future = [scales[i] * torch.from_numpy(rng.normal(size=PREDICTION_LENGTH) * 5).float() for i in label_context]
    label_values = torch.stack(future)
    label_values[torch.from_numpy(rng.random(label_values.shape) < 0.15)] = torch.nan
    label_values[0] = torch.nan
    label_values[1, :4] = torch.tensor([1e30, -1e30, 0.0, -0.0])
    label_values[2, :2] = scales[label_context[2]] * torch.tensor([1e21, -1e21])  # beyond the outermost boundaries
    label_ids, label_mask = tokenizer.label_input_transform(label_values, scales[label_context])
    label_ids[~label_mask] = -100

    decode_ids = torch.cat([torch.arange(10), torch.from_numpy(rng.integers(0, 4096, 200)), torch.arange(4086, 4096)])
    decode_scale = torch.tensor([1.0, 3.7e-12, 2.9e20])
    decode_values = tokenizer.output_transform(decode_ids.expand(3, 1, -1), decode_scale)[:, 0]

    def offsets(parts):
        return torch.tensor([0] + [len(part) for part in parts]).cumsum(0)

    save_tensors(
        "tokenizer",
        {
            "context_values": torch.cat(contexts),
            "context_offsets": offsets(contexts),
            "scale": scales,
            "ids": torch.cat(ids),
            "mask": torch.cat(masks),
            "ids_offsets": offsets(ids),
            "label_context": label_context,
            "label_values": label_values,
            "label_ids": label_ids,
            "decode_ids": decode_ids,
            "decode_scale": decode_scale,
            "decode_values": decode_values,
            "centers": tokenizer.centers,
            "boundaries": tokenizer.boundaries,
        },
    )
