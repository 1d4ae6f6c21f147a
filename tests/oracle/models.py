"""Small random Chronos-T5 models that can show a fault: initialisation factor 1, norm weights that
are not 1, a strong relative bias."""

import json

import torch
from chronos import ChronosPipeline
from transformers import T5Config, T5ForConditionalGeneration

from common import GOLDEN, relative_error, write_file


def chronos_config(prediction_length):
    return {
        "tokenizer_class": "MeanScaleUniformBins",
        "tokenizer_kwargs": {"low_limit": -15.0, "high_limit": 15.0},
        "context_length": 64,
        "prediction_length": prediction_length,
        "n_tokens": 72,
        "n_special_tokens": 2,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "use_eos_token": True,
        "model_type": "seq2seq",
        "num_samples": 20,
        "temperature": 1.0,
        "top_k": 50,
        "top_p": 1.0,
    }


T5_COMMON = {
    "architectures": ["T5ForConditionalGeneration"],
    "model_type": "t5",
    "is_encoder_decoder": True,
    "vocab_size": 72,
    "d_model": 24,
    "d_kv": 16,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "relative_attention_num_buckets": 32,
    "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6,
    "initializer_factor": 1.0,
    "feed_forward_proj": "relu",
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "use_cache": True,
}
T5_OF = {
    "tied": {"num_heads": 3, "d_ff": 32, "relative_attention_max_distance": 128, "chronos_config": chronos_config(10)},
    "untied": {
        "num_heads": 2,
        "d_ff": 40,
        "relative_attention_max_distance": 32,
        "tie_word_embeddings": False,
        "chronos_config": chronos_config(8),
    },
}
STORED_AS = {"tied": torch.bfloat16, "untied": torch.float16}


def random_weights(kind, seed):
    """Parameters by name, already rounded to the type they are stored in."""
    torch.manual_seed(seed)
    model = T5ForConditionalGeneration(T5Config(**T5_COMMON, **T5_OF[kind]))
    weights = {}
    for name, value in model.state_dict().items():
        value = value.detach().clone()
        if name.endswith("embed_tokens.weight") or (name == "lm_head.weight" and kind == "tied"):
            continue
        if name.endswith("norm.weight"):
            value = 1 + 0.2 * torch.randn_like(value)
        if name == "decoder.final_layer_norm.weight" and kind == "tied":
            value *= torch.sign(torch.randn_like(value))  # or each token would predict itself, and greedy paths stand still
        if name.endswith("relative_attention_bias.weight"):
            value *= 20
        if name == "lm_head.weight":
            value = torch.randn_like(value)
        weights[name] = value.to(STORED_AS[kind])
    return weights


def write_model(kind, seed):
    directory = GOLDEN / f"model_{kind}"
    directory.mkdir(exist_ok=True)
    dtype = str(STORED_AS[kind]).removeprefix("torch.")
    if kind == "tied":  # as transformers writes it today
        T5Config(**T5_COMMON, **T5_OF[kind], dtype=dtype).save_pretrained(directory)
    else:  # as older versions wrote it: no scale_decoder_outputs, tie_word_embeddings decides
        config = T5_COMMON | T5_OF[kind] | {"torch_dtype": dtype}
        (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    write_file(random_weights(kind, seed), directory / "model.safetensors", metadata={"format": "pt"})


def load_pipeline(kind):
    # Eager attention is the plainest statement of the formula, and what precision.py can
    # round inside of.
    pipeline = ChronosPipeline.from_pretrained(GOLDEN / f"model_{kind}", dtype=torch.float32, attn_implementation="eager")
    # generate() of transformers 5.24 makes num_layers caches for num_decoder_layers
    # blocks, and fails where there are more of these.
    pipeline.inner_model.generation_config.use_cache = False
    pipeline.inner_model.eval()
    return pipeline


def load_model(kind):
    return load_pipeline(kind).inner_model


def make(seeds={"tied": 11, "untied": 8}):
    for kind, seed in seeds.items():
        write_model(kind, seed)
        model = load_model(kind)
        tied = model.lm_head.weight is model.shared.weight
        assert tied == (kind == "tied") and model.config.scale_decoder_outputs == tied
        assert tied or relative_error(model.lm_head.weight, model.shared.weight) > 1
        assert model.dtype == torch.float32 and len(model.config.chronos_config) == 14
