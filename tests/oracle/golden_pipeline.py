"""ChronosPipeline.predict over more than one chunk: what is appended to the context and tokenized
anew."""

from unittest import mock

import torch

from common import save_tensors
from golden_forward import check_ids_are_certain
from golden_greedy import MIN_MARGIN, candidate, margins_of
from models import load_pipeline

HORIZON = 27  # two whole chunks of 10 and one of 7


class Watched:
    """A pipeline whose tokenizer inputs and logits are recorded; its tokens can be forced."""

    def __init__(self, pipeline, forced=None):
        self.tokenizer_calls, self.margins = [], []
        self.transform = pipeline.tokenizer.context_input_transform
        self.tokenizer, self.generate_tokens, self.forced = pipeline.tokenizer, pipeline.inner_model.generate, forced
        self.patches = [
            mock.patch.object(pipeline.tokenizer, "context_input_transform", self.tokenize),
            mock.patch.object(pipeline.inner_model, "generate", self.generate),
        ]

    def tokenize(self, context):
        token_ids, attention_mask, scale = self.transform(context)
        check_ids_are_certain(self.tokenizer, context, scale)
        self.tokenizer_calls.append((token_ids, attention_mask, scale))
        return token_ids, attention_mask, scale

    def generate(self, generation_config, **inputs):
        if self.forced is not None:
            start = torch.zeros(self.forced.shape[0] * self.forced.shape[1], 1, dtype=torch.long)
            return torch.cat([start, self.forced.flatten(0, 1)[:, : generation_config.max_new_tokens]], dim=1)
        generation_config.return_dict_in_generate = generation_config.output_logits = True
        out = self.generate_tokens(generation_config=generation_config, **inputs)
        self.margins.append(margins_of(torch.stack(out.logits)))
        return out.sequences

    def __enter__(self):
        for patch in self.patches:
            patch.start()
        return self

    def __exit__(self, *exception):
        for patch in self.patches:
            patch.stop()


def series():
    contexts = [candidate(30), candidate(31), candidate(32)[20:]]
    contexts.append(torch.cat([candidate(33), candidate(34), candidate(35)])[-80:])  # longer than context_length 64
    contexts.append(torch.full((30,), 4.0))
    return contexts


def greedy(pipeline, contexts):
    """With top_k 1 every sample is the same, so the forecast is deterministic."""
    with Watched(pipeline) as watched:
        samples = pipeline.predict(contexts, prediction_length=HORIZON, num_samples=3, top_k=1)
    assert (samples == samples[:, :1]).all()
    assert min(margins.min() for margins in watched.margins) > MIN_MARGIN
    for forecast, values in zip(samples[:, 0], contexts):  # series by series, without the batch's padding, the same comes out
        assert torch.allclose(pipeline.predict(values, prediction_length=HORIZON, num_samples=1, top_k=1)[0, 0], forecast, rtol=1e-5)
    return {"forecast": samples[:, 0], "chunk_scales": torch.stack([scale for _, _, scale in watched.tokenizer_calls])}


def forced(pipeline, contexts):
    """An even number of different samples: the lower median of each step is appended."""
    torch.manual_seed(12)
    tokens = torch.randint(0, 72, (len(contexts), 4, 10))
    with Watched(pipeline, tokens) as watched:
        samples = pipeline.predict(contexts, prediction_length=20, num_samples=4)
    input_ids, attention_mask, scale = watched.tokenizer_calls[1]
    return {
        "forced_tokens": tokens,
        "forced_values": samples[..., :10],
        "next_input_ids": input_ids,
        "next_attention_mask": attention_mask,
        "next_scale": scale,
    }


def make():
    pipeline = load_pipeline("tied")
    contexts = series()
    padded = torch.full((len(contexts), max(map(len, contexts))), torch.nan)
    for row, values in zip(padded, contexts):
        row[len(row) - len(values) :] = values
    save_tensors("pipeline", {"context": padded} | greedy(pipeline, contexts) | forced(pipeline, contexts))
