"""PEFT adapters of three kinds, the gradients of every trained tensor, full-model gradients, and
merged models."""

import json

import torch
from peft import LNTuningConfig, LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict

from common import GOLDEN, relative_error, save_tensors
from golden_forward import forward_batch
from models import load_model, load_pipeline
from precision import Bf16Products, in_double

LORA_QV = dict(r=4, lora_alpha=8, target_modules=["q", "v"], lora_dropout=0.0)
LORA_ALL = dict(r=3, lora_alpha=6, target_modules=["q", "k", "v", "o", "wi", "wo"], lora_dropout=0.0, use_rslora=True)
ADAPTERS = {  # name: (model, configuration)
    "lora_qv": ("tied", LoraConfig(**LORA_QV)),
    "lora_all": ("untied", LoraConfig(**LORA_ALL)),
    "ln": ("tied", LNTuningConfig()),
}


def new_adapter(name, model):
    """A trained-looking adapter: LoRA's B is not zero, norm weights are not the model's."""
    torch.manual_seed(len(name))
    peft_model = get_peft_model(model, ADAPTERS[name][1]).eval()
    with torch.no_grad():
        for key, parameter in peft_model.named_parameters():
            if "lora_B" in key:
                parameter.normal_(std=0.1)
            if "ln_tuning_layers" in key:
                parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
    return peft_model


def save_adapter(peft_model, name, kind):
    """A PEFT directory as save_pretrained writes it, less what names this machine or changes from
    run to run."""
    peft_model.peft_config["default"].base_model_name_or_path = f"model_{kind}"
    directory = GOLDEN / f"adapter_{name}"
    peft_model.save_pretrained(directory, save_embedding_layers=False)
    (directory / "README.md").unlink()
    path = directory / "adapter_config.json"
    config = json.loads(path.read_text())
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def load_adapter(name, kind, trainable=True):
    return PeftModel.from_pretrained(load_model(kind), GOLDEN / f"adapter_{name}", is_trainable=trainable).eval()


def trained_tensors(model):
    """Trainable parameters by the names they have on disk."""
    if not isinstance(model, PeftModel):
        return dict(model.named_parameters())
    on_disk = get_peft_model_state_dict(model, state_dict={key: key for key, _ in model.named_parameters()}, save_embedding_layers=False)
    parameters = dict(model.named_parameters())
    return {disk: parameters[key] for disk, key in on_disk.items()}


def gradients(model, batch):
    model.zero_grad()
    out = model(**batch)
    out.loss.backward()
    return out, {name: parameter.grad.clone() for name, parameter in trained_tensors(model).items()}


def check_bounds(name, model, batch, reference):
    """The bounds on f32 and bf16 can be met with room to spare."""
    with in_double(model):
        _, exact = gradients(model, batch)
    with Bf16Products():
        _, coarse = gradients(model, batch)
    worst = max(relative_error(reference[key], exact[key]) for key in reference)
    worst_bf16 = max(relative_error(coarse[key], exact[key]) for key in reference)
    flat = [torch.cat([grads[key].flatten() for key in reference]) for grads in (coarse, exact)]
    print(f"  {name}: f32 {worst:.1e} from double, bf16 {worst_bf16:.1e} the worst, {relative_error(*flat):.1e} all together")
    assert worst < 2.5e-5 and worst_bf16 < 0.17 and relative_error(*flat) < 0.06


def make():
    merged = {}
    for name, (kind, _) in ADAPTERS.items():
        pipeline = load_pipeline(kind)
        batch, _ = forward_batch(pipeline)
        save_adapter(new_adapter(name, pipeline.inner_model), name, kind)
        model = load_adapter(name, kind)
        out, grads = gradients(model, batch)
        assert len(grads) == {"lora_qv": 32, "lora_all": 2 * 42, "ln": 15}[name]
        check_bounds(name, model, batch, grads)
        save_tensors(f"gradients_{name}", {"loss": out.loss, "logits": out.logits} | grads)
        with torch.no_grad():
            merged[name] = load_adapter(name, kind).merge_and_unload()(**batch).logits
        assert relative_error(merged[name], out.logits) < 2e-6
    save_tensors("merged", {"lora_all_logits": merged["lora_all"]})

    for kind in ["tied", "untied"]:
        pipeline = load_pipeline(kind)
        batch, _ = forward_batch(pipeline)
        out, grads = gradients(pipeline.inner_model, batch)
        check_bounds(f"full_{kind}", pipeline.inner_model, batch, grads)
        if kind == "untied":  # what the head changes; the file would be large otherwise
            grads = {key: value for key, value in grads.items() if "block" not in key or "decoder.block.2" in key or "bias" in key}
        save_tensors(f"gradients_full_{kind}", {"loss": out.loss} | grads)
