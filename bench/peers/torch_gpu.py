"""The work of `gpu_bench` (bench/gpu_check), done by PyTorch on a GPU in bf16, each measurement by
itself.

  python bench/peers/torch_gpu.py --sizes small,base --batches 8,64 --seconds 120
  python bench/peers/torch_gpu.py --device cpu --sizes nano --batches 2 --context 32 \\
    --prediction 8 --series 2 --samples 2

train: forward, backward, clipping and AdamW of PEFT's LoRA (rank 8, q + v, dropout on) on a fresh
T5; frozen weights in bf16, the adapter in f32, autocast; with transformers' attention written out
(eager) and by scaled_dot_product_attention (sdpa); with --compiled by torch.compile.
forecast: ChronosPipeline.predict of all series in one batch, the model in bf16.
attention_forward, attention_backward: scaled_dot_product_attention with a bias that is added to the
scores, at the encoder's shape.

Lines of tab-separated values, the most telling measurements first: peer, what, size, batch,
seconds, tokens_per_second, detail. Tokens are counted as in torch_peft.py; attention has none.
Seconds are the median of a few, by CUDA's events. A measurement that fails has no seconds and its
reason in detail; after --seconds nothing more is begun, and what runs is cut off. No network, no
downloads. Exit status: 0 all was measured, 1 not all was.
"""

import time

STARTED = time.monotonic()

import argparse
import contextlib
import gc
import importlib.metadata
import itertools
import os
import signal
import statistics
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

from torch_peft import N_TOKENS, SIZES, fresh_model, fresh_pipeline, random_walks, with_lora

WARM_UP, LEAST_REPEATS = 2, 3
LONG = 10  # seconds after which no more repeats are begun than the least
CALLS = 20  # of attention in one graph


class TimeIsUp(BaseException):
    """No Exception, so that nothing between takes it for an error of its own."""


def ring(*_):
    raise TimeIsUp("cut off: the time was up")


def versions(*packages):
    return " ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)


def median_seconds(arguments, run):
    """Of one run, after a few that are not counted."""
    for _ in range(WARM_UP):
        run()
    seconds = []
    while len(seconds) < (LEAST_REPEATS if sum(seconds) > LONG else arguments.repeats):
        if arguments.device == "cpu":
            started = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - started)
        else:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            begin.record()
            run()
            end.record()
            end.synchronize()
            seconds.append(begin.elapsed_time(end) / 1e3)
    return statistics.median(seconds)


def train(arguments, size, batch, attention, compiled):
    device = arguments.device
    model, parameters = with_lora(fresh_model(size, attention).to(device, torch.bfloat16))
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01, fused=device != "cpu")
    tokens = {
        "input_ids": torch.randint(2, N_TOKENS, (batch, arguments.context + 1), device=device),
        "labels": torch.randint(2, N_TOKENS, (batch, arguments.prediction + 1), device=device),
    }
    mask = torch.ones_like(tokens["input_ids"])
    forward = torch.compile(model, mode=compiled) if compiled else model

    def step():
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16):
            loss = forward(**tokens, attention_mask=mask).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    seconds = median_seconds(arguments, step)
    return seconds, sum(value.numel() for value in tokens.values()), versions("torch", "transformers", "peft")


def forecast(arguments, size, batch):
    pipeline = fresh_pipeline(size, arguments.context, arguments.prediction)
    pipeline.inner_model.to(arguments.device, torch.bfloat16).eval()
    context = random_walks(arguments.series, arguments.context)

    def predict():
        samples = pipeline.predict(context, prediction_length=arguments.prediction, num_samples=arguments.samples)
        assert samples.shape == (arguments.series, arguments.samples, arguments.prediction)

    seconds = median_seconds(arguments, predict)
    tokens = arguments.series * arguments.samples * arguments.prediction
    return seconds, tokens, f"{arguments.series} series, {arguments.samples} samples, " + versions("torch", "transformers", "chronos-forecasting")


def captured(arguments, calls):
    """The calls as a CUDA graph to be replayed, or as they are where that is not possible; and
    which."""
    if arguments.device == "cpu":
        return calls, "launched one by one"
    calls()
    torch.cuda.synchronize()
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            calls()
        return graph.replay, "a graph"
    except Exception as error:
        torch.cuda.synchronize()
        return calls, f"launched one by one, since no graph: {reason_of(error)}"


def attention(arguments, size, batch, backward, backend):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    _, _, n_heads, d_kv, _ = SIZES[size]
    rows = arguments.context + 1
    # Backward runs on the stream of its forward, and the default one cannot be captured.
    own_stream = torch.cuda.stream(torch.cuda.Stream()) if arguments.device != "cpu" else contextlib.nullcontext()

    def random(*shape):
        return torch.randn(shape, device=arguments.device, dtype=torch.bfloat16)

    with own_stream, sdpa_kernel(getattr(SDPBackend, backend)):
        # As T5 has them: (batch, rows, heads, d_kv) in memory.
        q, k, v, dout = (random(batch, rows, n_heads, d_kv).transpose(1, 2) for _ in range(4))
        # Rows begin at multiples of 16 numbers, or the bias is copied in each call.
        bias = random(1, n_heads, rows, (rows + 15) // 16 * 16)[..., :rows].expand(batch, -1, -1, -1)
        for tensor in (q, k, v):
            tensor.requires_grad_(backward)

        def forward():
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)

        out = forward() if backward else None

        def calls():
            for _ in range(CALLS):
                if backward:
                    torch.autograd.grad(out, (q, k, v), dout, retain_graph=True)
                else:
                    forward()

        run, how = captured(arguments, calls)
        seconds = median_seconds(arguments, run) / CALLS
    shape = f"{batch} x {n_heads} heads x {d_kv}, {rows} x {rows}"
    return seconds, None, f"{shape}, bias, {CALLS} calls, {how}, {versions('torch')}"


def measurements(arguments):
    """(peer, what, size, batch, function): those that tell most first."""
    backends = ["EFFICIENT_ATTENTION", "CUDNN_ATTENTION", "MATH"] if arguments.device != "cpu" else ["FLASH_ATTENTION", "MATH"]

    def trains(size, attention_kind, compiled):
        name = f"train {attention_kind}" + (f" compiled, {compiled}" if compiled else "")
        for batch in arguments.batches:
            yield "torch + peft", name, size, batch, lambda: train(arguments, size, batch, attention_kind, compiled)

    def attentions(size, backend):
        for batch, backward in itertools.product(arguments.batches, [False, True]):
            name = f"attention_{'backward' if backward else 'forward'} {backend.split('_')[0].lower()}"
            yield "torch sdpa", name, size, batch, lambda: attention(arguments, size, batch, backward, backend)

    if arguments.compiled:
        for mode, size, attention_kind in itertools.product(["reduce-overhead", "default"], arguments.sizes, ["sdpa", "eager"]):
            yield from trains(size, attention_kind, mode)
        return
    for size in arguments.sizes:
        yield from trains(size, "eager", None)
        yield from trains(size, "sdpa", None)
        yield "chronos", "forecast", size, arguments.series, lambda: forecast(arguments, size, arguments.series)
        for backend in backends[:2]:
            yield from attentions(size, backend)
    for size, backend in itertools.product(arguments.sizes, backends[2:]):
        yield from attentions(size, backend)


def reason_of(error):
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 300 else text[:300] + "..."


def clean_up(arguments):
    """Gives back what the last measurement held; after a device that is lost even that fails."""
    torch.compiler.reset()
    gc.collect()
    if arguments.device != "cpu":
        with contextlib.suppress(Exception):
            torch.cuda.empty_cache()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: text.split(","), default=["small", "base"], help=f"of {', '.join(SIZES)}")
    parser.add_argument("--batches", type=lambda text: [int(part) for part in text.split(",")], default=[8, 64])
    parser.add_argument("--seconds", type=float, default=1e9, help="for everything, imports included")
    parser.add_argument("--compiled", action="store_true", help="training steps by torch.compile, and nothing else")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--prediction", type=int, default=64, help="label length, and steps ahead of a forecast")
    parser.add_argument("--series", type=int, default=32)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7, help="timed runs, whose median counts")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        if size not in SIZES:
            parser.error(f"--sizes: {size} is none of {', '.join(SIZES)}")

    end = STARTED + arguments.seconds
    signal.signal(signal.SIGALRM, ring)
    failures = 0
    for peer, what, size, batch, measure in measurements(arguments):
        left = end - time.monotonic()
        seconds = tokens = None
        try:
            if left <= 0:
                raise TimeIsUp("not begun: the time was up")
            signal.setitimer(signal.ITIMER_REAL, left, 1)
            seconds, tokens, detail = measure()
        except (Exception, TimeIsUp) as error:
            detail = f"failed: {reason_of(error)}"
            failures += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        rate = f"{tokens / seconds:.5g}" if tokens else ""
        print(peer, what, size, batch, f"{seconds:.4g}" if seconds else "", rate, detail, sep="\t", flush=True)
        clean_up(arguments)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
