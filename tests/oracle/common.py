"""Where goldens live and how they are written."""

import json
import math
import os
import pathlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here may reach for the network

import numpy as np
import torch
from safetensors.torch import save_file
from transformers.utils import logging

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"

torch.set_num_threads(1)  # the order of sums must not depend on the machine's cores
torch.use_deterministic_algorithms(True)
logging.set_verbosity_error()
logging.disable_progress_bar()


def save_tensors(name, tensors, directory=GOLDEN):
    """Writes <directory>/<name>.safetensors: floats as F32, integers as I32, scalars with shape
    (1)."""
    narrow = {torch.float64: torch.float32, torch.int64: torch.int32}
    out = {}
    for key, value in tensors.items():
        value = torch.as_tensor(value).detach()
        value = value.to(narrow.get(value.dtype, value.dtype)).contiguous().clone()
        out[key] = value.reshape(1) if value.ndim == 0 else value
    write_file(out, directory / f"{name}.safetensors")


def write_file(tensors, path, metadata=None):
    save_file(tensors, path, metadata)
    path.chmod(0o644)


def to_json(value):
    """Numbers and lists for JSON: numpy's types become Python's, what is not finite becomes null.
    """
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def save_json(name, value, indent=2, directory=GOLDEN):
    text = json.dumps(to_json(value), indent=indent, allow_nan=False)
    (directory / f"{name}.json").write_text(text + "\n")


def relative_error(value, reference):
    """Norm of the difference over norm of the reference, in double."""
    value, reference = value.double(), reference.double()
    return ((value - reference).norm() / reference.norm()).item()
