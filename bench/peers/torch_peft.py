"""The work of `ftgpu bench train` and `ftgpu bench forecast`, done by PyTorch + PEFT and by
ChronosPipeline on the CPU (versions: tests/oracle/requirements.txt).

  python bench/peers/torch_peft.py train    --size small --dtype fp32 --threads 2 --steps 3
  python bench/peers/torch_peft.py forecast --size small --dtype bf16 --threads 2 --steps 1

train: forward, backward, clipping and AdamW on a LoRA (rank 8, q + v) of a fresh model, dropout on;
bf16 is autocast.
forecast: ChronosPipeline.predict of all series in one batch; bf16 is a model in bf16, as Chronos
recommends it.
One JSON object on stdout. tokens_per_second counts, for train, every encoder and
decoder token of a step (EOS included); for forecast, every token drawn.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

SIZES = {  # d_model, d_ff, heads, d_kv, layers of each stack
    "nano": (64, 256, 4, 16, 2),
    "tiny": (256, 1024, 4, 64, 4),
    "mini": (384, 1536, 8, 64, 4),
    "small": (512, 2048, 8, 64, 6),
    "base": (768, 3072, 12, 64, 12),
    "large": (1024, 4096, 16, 64, 24),
}
N_TOKENS = 4096


# The packages are imported where they are used: torch_gpu.py measures what is there.


def fresh_model(size, attention=None):
    """A T5 of random weights; attention: transformers' attn_implementation."""
    from transformers import T5Config, T5ForConditionalGeneration

    d_model, d_ff, n_heads, d_kv, n_layers = SIZES[size]
    torch.manual_seed(0)
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=N_TOKENS,
            d_model=d_model,
            d_ff=d_ff,
            num_heads=n_heads,
            d_kv=d_kv,
            num_layers=n_layers,
            initializer_factor=1.0 if size == "nano" else 0.05,
            decoder_start_token_id=0,
            attn_implementation=attention,
        )
    )


def with_lora(model):
    """The model with a LoRA to train, and its trainable parameters."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=["q", "v"], lora_dropout=0.1)).train()
    return model, [parameter for parameter in model.parameters() if parameter.requires_grad]


def fresh_pipeline(size, context_length, prediction_length):
    from chronos import ChronosPipeline
    from chronos.chronos import ChronosConfig, ChronosModel

    model = fresh_model(size)
    config = ChronosConfig(
        tokenizer_class="MeanScaleUniformBins",
        tokenizer_kwargs={"low_limit": -15.0, "high_limit": 15.0},
        context_length=context_length,
        prediction_length=prediction_length,
        n_tokens=N_TOKENS,
        n_special_tokens=2,
        pad_token_id=0,
        eos_token_id=1,
        use_eos_token=True,
        model_type="seq2seq",
        num_samples=20,
        temperature=1.0,
        top_k=50,
        top_p=1.0,
    )
    return ChronosPipeline(tokenizer=config.create_tokenizer(), model=ChronosModel(config=config, model=model))


def random_walks(rows, length):
    return 100 + torch.randn(rows, length).cumsum(dim=1)


def timed(step, arguments):
    """Seconds of each of arguments.steps runs, after one that is not counted."""
    seconds = []
    for _ in range(arguments.steps + 1):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def bench_train(arguments):
    pipeline = fresh_pipeline(arguments.size, arguments.context, arguments.prediction)
    context, target = random_walks(arguments.batch, arguments.context + arguments.prediction).split([arguments.context, arguments.prediction], dim=1)
    input_ids, attention_mask, scale = pipeline.tokenizer.context_input_transform(context)
    labels, _ = pipeline.tokenizer.label_input_transform(target, scale)
    batch = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}

    model, parameters = with_lora(pipeline.inner_model)
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01)
    autocast = torch.autocast("cpu", torch.bfloat16) if arguments.dtype == "bf16" else contextlib.nullcontext()

    def step():
        optimizer.zero_grad()
        with autocast:
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return timed(step, arguments), input_ids.numel() + labels.numel()


def bench_forecast(arguments):
    pipeline = fresh_pipeline(arguments.size, arguments.context, arguments.horizon)
    pipeline.inner_model.eval()
    if arguments.dtype == "bf16":
        pipeline.inner_model.bfloat16()
    context = random_walks(arguments.series, arguments.context)

    def step():
        samples = pipeline.predict(context, prediction_length=arguments.horizon, num_samples=arguments.samples)
        assert samples.shape == (arguments.series, arguments.samples, arguments.horizon)

    return timed(step, arguments), arguments.series * arguments.samples * arguments.horizon


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["train", "forecast"])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=3, help="timed repetitions, after one that is not counted")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--batch", type=int, default=8, help="train: sequences a step")
    parser.add_argument("--prediction", type=int, default=64, help="train: label length")
    parser.add_argument("--series", type=int, default=32, help="forecast: series")
    parser.add_argument("--horizon", type=int, default=64, help="forecast: steps ahead, one chunk")
    parser.add_argument("--samples", type=int, default=20, help="forecast: paths a series")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    seconds, tokens = (bench_train if arguments.job == "train" else bench_forecast)(arguments)
    result = vars(arguments) | {
        "torch": torch.__version__,
        "seconds_per_step": statistics.median(seconds),
        "seconds": seconds,
        "tokens_per_second": tokens / statistics.median(seconds),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
