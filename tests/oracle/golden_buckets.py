"""Relative position buckets, both directions."""

import torch
from transformers.models.t5.modeling_t5 import T5Attention

from common import save_tensors


def make():
    distance = torch.arange(-600, 601)
    tensors = {"distance": distance}
    for buckets, max_distance in [(32, 128), (32, 32)]:
        for name, bidirectional in [("bidirectional", True), ("causal", False)]:
            bucket = T5Attention._relative_position_bucket(distance, bidirectional, buckets, max_distance)
            tensors[f"{name}_{buckets}_{max_distance}"] = bucket.to(torch.uint8)
    save_tensors("relative_buckets", tensors)
