"""The distribution of the next token after EOS suppression, temperature, top-k and top-p, by the
processors that generate() itself builds."""

import torch
from transformers import GenerationConfig

from common import save_tensors
from models import load_model

VOCAB = 72
SETTINGS = [  # temperature, top_k, top_p
    (1.0, 50, 1.0),
    (1.0, 0, 1.0),
    (0.7, 50, 1.0),
    (1.5, 0, 0.9),
    (1.0, 5, 0.5),
    (2.0, 20, 0.8),
    (0.1, 0, 0.95),
    (0.01, 0, 1.0),
    (1.0, 1, 1.0),
    (1.0, 0, 0.01),
    (1.0, 200, 0.99),
]


def rows():
    torch.manual_seed(3)
    ties = torch.randn(VOCAB)
    for k in [5, 20, 50]:  # three equal values round the k-th of the tokens other than EOS
        order = torch.cat([ties[:1], ties[2:]]).argsort(descending=True)
        order = order + (order > 0)
        ties[order[k - 2 : k + 1]] = ties[order[k - 1]].item()
    peaked = torch.randn(VOCAB)
    peaked[40] = 30.0
    flat = torch.linspace(0, 0.05, VOCAB)[torch.randperm(VOCAB)]
    eos_first = torch.randn(VOCAB)
    eos_first[1] = 8.0
    pad_first = torch.randn(VOCAB) - 3
    pad_first[0], pad_first[2] = 1.0, 0.5
    return torch.stack([3 * torch.randn(VOCAB), ties, peaked, flat, 80 * torch.randn(VOCAB), eos_first, pad_first])


def processors(model, temperature, top_k, top_p):
    """What generate() builds for ChronosModel.forward's configuration."""
    config = GenerationConfig(
        min_new_tokens=10,
        max_new_tokens=10,
        do_sample=True,
        num_return_sequences=20,
        eos_token_id=1,
        pad_token_id=0,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    config, _ = model._prepare_generation_config(config)
    model._prepare_special_tokens(config, kwargs_has_attention_mask=True, device="cpu")
    return model._get_logits_processor(config, input_ids_seq_length=1, device="cpu")


def check_clear_cut(scores, logits, top_p):
    """Top-p's cut lies between different logits, and not within rounding of the threshold: any
    correct implementation agrees."""
    ascending, order = scores.double().sort()
    sums = ascending.softmax(-1).cumsum(-1)
    assert ((sums - (1 - top_p)).abs() > 1e-5).all()
    cut = (sums <= 1 - top_p).sum()
    assert cut in (0, len(scores)) or ascending[cut - 1] < ascending[cut]


def make():
    model = load_model("tied")
    logits = rows()
    start = torch.zeros(len(logits), 1, dtype=torch.long)
    probabilities = []
    for temperature, top_k, top_p in SETTINGS:
        before_top_p = processors(model, temperature, top_k, 1.0)(start, logits.clone())
        if top_p < 1:
            for row, row_logits in zip(before_top_p, logits):
                check_clear_cut(row, row_logits, top_p)
        scores = processors(model, temperature, top_k, top_p)(start, logits.clone())
        probabilities.append(scores.softmax(-1))
    probabilities = torch.stack(probabilities)
    kept = (probabilities[4, 1] > 0).sum().item(), (probabilities[0, 1] > 0).sum().item()
    print(f"  ties: top-k 50 keeps {kept[1]}, top-k 5 with top-p 0.5 keeps {kept[0]}")
    assert kept[1] > 50 and not probabilities[:, :, 1].any()
    save_tensors("sampling", {"logits": logits, "settings": torch.tensor(SETTINGS), "probabilities": probabilities})
