"""Weights in and out of files: safetensors, and the layouts of TransformerLens and of the released code.

Our names and shapes are TransformerLens's, so its layout differs only by what it has besides: a bias for every
matrix, a causal mask and the number -inf in each block. The released code of Nanda et al. 2023 (`embed.W_E` of
shape (d_model, vocabulary) and so on) has every matrix the other way round; it is known by its shapes.
"""

import json
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from groklab.errors import Mistake
from groklab.models.building import Model, skeleton
from groklab.models.leaves import named_parameters, with_parameters
from groklab.models.mlp import MLP
from groklab.models.settings import MLPSettings, TransformerSettings

Weights = dict[str, Float[np.ndarray, "..."]]

FORMATS = ("safetensors", "transformer-lens")
BUFFERS = ("IGNORE", "mask")
"""Ends of names in TransformerLens's layout that are no weights."""
NEEDED_BY_MLP = ("mlp.W_in", "mlp.W_out")
NEEDED_BY_TRANSFORMER = ("unembed.W_U", *(f"blocks.0.attn.W_{part}" for part in "QKVO"))
"""What every network of its kind has besides `embed.W_E`."""
AXES = {f"W_{part}": (2,) for part in ("E", "U", "pos", "in", "out")} | {
    "W_O": (2, 3),
    **{f"W_{part}": (3,) for part in "QKV"},
}
"""How many axes a matrix may have, by the last part of its name."""


def save_weights(model: Model, path: Path, *, layout: str = "safetensors", task: str = "") -> list[Path]:
    """Writes a network's weights; gives the files written.

    `safetensors`: our names, with the network's settings and the task's name in the file's metadata.
    `transformer-lens`: a state dict of `HookedTransformer`, and beside it a JSON of its configuration, with the
    same name and the ending `.json`. Folders that are missing are made. Raises `Mistake` for a network that
    TransformerLens does not have, and when the file cannot be written.
    """
    settings = settings_of(model)
    weights = {name: np.ascontiguousarray(value) for name, value in named_parameters(model).items()}
    if layout == "safetensors":
        kept = {"groklab.settings": json.dumps(settings.to_json()), "groklab.task": task}
        _write(path, weights, kept)
        return [path]
    if layout != "transformer-lens":
        raise Mistake(f"weights are written as {' or '.join(FORMATS)}, not {layout!r}")
    if not isinstance(settings, TransformerSettings):
        raise Mistake("TransformerLens has no networks without attention; export this one with --format safetensors")
    length = weights["pos_embed.W_pos"].shape[0]
    config = lens_config(settings, weights["embed.W_E"].shape[0], weights["unembed.W_U"].shape[1], length)
    beside = path.with_suffix(".json")
    _write(path, _with_buffers(weights, config), None)
    try:
        beside.write_text(json.dumps(config, indent=2) + "\n")
    except OSError as error:
        raise Mistake(f"cannot write {beside}: {error.strerror or error}; give another --out") from error
    return [path, beside]


def load_weights(path: Path) -> Model:
    """The network in a weight file of any of the layouts. `.pt` and `.pth` need PyTorch.

    Sizes come from the shapes; the activation from the metadata or the configuration beside the file, else it
    is ReLU. Raises `Mistake` for a file that is not there, cannot be read, is damaged, of another kind, or of
    another network, and for a configuration beside it that is no JSON object.
    """
    weights, metadata = _read(path)
    weights = {name: value for name, value in weights.items() if not name.endswith(BUFFERS)}
    _check(path, weights)
    if _is_released(weights):
        weights = _from_released(weights)
    if "groklab.settings" in metadata:
        from groklab.settings import Settings

        plain = _object(f"the settings in {path}", metadata["groklab.settings"])
        settings = Settings.from_json(plain)
        if not isinstance(settings, TransformerSettings | MLPSettings):
            raise Mistake(f"the settings in {path} are {plain['kind']}, not a network's; export the weights again")
    else:
        settings = settings_of(weights, activation=_activation_beside(path))
    length = weights["pos_embed.W_pos"].shape[0] if "pos_embed.W_pos" in weights else 3
    outline = skeleton(settings, weights["embed.W_E"].shape[0], length)
    # TransformerLens has all biases; those that this network lacks are dropped if they are 0.
    known = named_parameters(outline)
    weights = {name: value for name, value in weights.items() if name in known or np.any(value != 0)}
    return with_parameters(outline, weights)


def task_in(path: Path) -> str:
    """The name of the task in a weight file's metadata, or nothing. Raises `Mistake` as `load_weights` does."""
    return _metadata(path).get("groklab.task", "") if path.suffix == ".safetensors" else ""


def settings_of(
    model: Model | Mapping[str, Any], *, activation: str | None = None
) -> TransformerSettings | MLPSettings:
    """The settings that give a network of these weights; biases that are all 0 may be there or not."""
    shapes = model if isinstance(model, Mapping) else named_parameters(model)
    if activation is None and not isinstance(model, Mapping):
        part = model.mlp if isinstance(model, MLP) else model.blocks[-1].mlp
        activation = None if part is None else part.activation
    words: Any = activation or "relu"
    if "mlp.W_in" in shapes:
        return MLPSettings(
            d_embed=shapes["embed.W_E"].shape[1],
            d_mlp=shapes["mlp.W_in"].shape[1],
            activation=words,
            biases="mlp.b_in" in shapes,
            shared_embedding="embed_b.W_E" not in shapes,
            classes=shapes["mlp.W_out"].shape[1],
        )
    layers = 1 + max(int(name.split(".")[1]) for name in shapes if name.startswith("blocks."))
    heads, d_model, d_head = shapes["blocks.0.attn.W_Q"].shape
    biased = isinstance(model, Mapping)

    def there(name: str) -> bool:
        # Out of a file: a bias that is all 0 does nothing, and TransformerLens writes them all.
        return name in shapes and (not biased or bool(np.any(np.asarray(shapes[name]) != 0)))

    biases = [f"blocks.{layer}.attn.b_{part}" for layer in range(layers) for part in "QKVO"]
    neurons = [f"blocks.{layer}.mlp.b_{way}" for layer in range(layers) for way in ("in", "out")]
    return TransformerSettings(
        layers=layers,
        d_model=d_model,
        heads=heads,
        d_head=None if d_head * heads == d_model else d_head,
        d_mlp=shapes["blocks.0.mlp.W_in"].shape[1] if "blocks.0.mlp.W_in" in shapes else 0,
        activation=words,
        layer_norm="ln_final.w" in shapes,
        attention_biases=any(map(there, biases)),
        mlp_biases="blocks.0.mlp.W_in" not in shapes or any(map(there, neurons)),
        unembedding_bias=there("unembed.b_U"),
        classes=shapes["unembed.W_U"].shape[1],
    )


def lens_config(settings: TransformerSettings, vocabulary: int, classes: int, length: int) -> dict[str, Any]:
    """What TransformerLens's `HookedTransformerConfig` takes to make this network."""
    return {
        "n_layers": settings.layers,
        "d_model": settings.d_model,
        "n_ctx": length,
        "d_head": settings.head_width,
        "n_heads": settings.heads,
        "d_mlp": settings.d_mlp or None,
        "attn_only": settings.d_mlp == 0,
        "act_fn": settings.activation,
        "d_vocab": vocabulary,
        "d_vocab_out": classes,
        "normalization_type": "LN" if settings.layer_norm else None,
        "device": "cpu",
        "seed": 0,
    }


def _with_buffers(weights: Weights, config: dict[str, Any]) -> Weights:
    """The state dict TransformerLens expects: all biases, and each block's mask and -inf."""
    heads, width, d_model = config["n_heads"], config["d_head"], config["d_model"]
    full = dict(weights)
    for layer in range(config["n_layers"]):
        block = f"blocks.{layer}"
        sizes: dict[str, tuple[int, ...]] = {f"attn.b_{part}": (heads, width) for part in "QKV"}
        sizes["attn.b_O"] = (d_model,)
        if not config["attn_only"]:
            sizes |= {"mlp.b_in": (config["d_mlp"],), "mlp.b_out": (d_model,)}
        for name, shape in sizes.items():
            full.setdefault(f"{block}.{name}", np.zeros(shape, np.float32))
        full[f"{block}.attn.IGNORE"] = np.array(-np.inf, np.float32)
        full[f"{block}.attn.mask"] = np.tril(np.ones((config["n_ctx"],) * 2, np.bool_))
    full.setdefault("unembed.b_U", np.zeros(config["d_vocab_out"], np.float32))
    return full


def _is_released(weights: Weights) -> bool:
    """Whether the matrices are those of the released code: W_K (heads, d_head, d_model), W_O a matrix."""
    return any(name.endswith("attn.W_O") and value.ndim == 2 for name, value in weights.items())


def _from_released(weights: Weights) -> Weights:
    """Our names and shapes from the released code's."""
    turned: Weights = {}
    for name, value in weights.items():
        last = name.rpartition(".")[2]
        if last in ("W_Q", "W_K", "W_V"):
            turned[name] = value.transpose(0, 2, 1)
        elif last == "W_O":
            heads = weights[name.replace("W_O", "W_K")].shape[0]
            if not heads or value.shape[1] % heads:
                raise Mistake(f"{name} has shape {value.shape}, which {heads} heads do not share evenly")
            turned[name] = value.T.reshape(heads, -1, value.shape[0])
        elif last == "W_E" or (last in ("W_in", "W_out") and value.ndim == 2):
            turned[name] = value.T
        else:
            turned[name] = value
    return {name: np.ascontiguousarray(value) for name, value in turned.items()}


def _check(path: Path, weights: Weights) -> None:
    """Raises `Mistake` where what every network has is missing, or a matrix has another number of axes."""
    kind = NEEDED_BY_MLP if any(name in weights for name in NEEDED_BY_MLP) else NEEDED_BY_TRANSFORMER
    if missing := [name for name in ("embed.W_E", *kind) if name not in weights]:
        raise Mistake(
            f"{path} holds no {', '.join(missing)}; layouts known: groklab's, TransformerLens's, the released code's"
        )
    for name, value in weights.items():
        last = name.rpartition(".")[2]
        if last in AXES and value.ndim not in AXES[last]:
            wanted = " or ".join(map(str, AXES[last]))
            raise Mistake(f"{name} in {path} has shape {value.shape}; a network's has {wanted} axes")
        if name.startswith("blocks.") and not re.match(r"blocks\.\d{1,3}\.", name):
            raise Mistake(f"{path} holds {name}, which no network has; blocks are numbered, such as blocks.0.attn.W_Q")


def _activation_beside(path: Path) -> str:
    """The activation in TransformerLens's configuration beside a weight file; ReLU where there is none."""
    beside = path.with_suffix(".json")
    try:
        if not beside.is_file():
            return "relu"
        text = beside.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Mistake(f"cannot read {beside}: {error.strerror or error}; it must be readable, or not there") from error
    return str(_object(str(beside), text).get("act_fn") or "relu")


def _object(what: str, text: str) -> dict[str, Any]:
    """A JSON object from its text; `what` names it in the `Mistake` when it is none."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Mistake(f"{what} is no JSON object: damaged, or emptied; export the weights again")
    return found


def _write(path: Path, weights: Weights, metadata: dict[str, str] | None) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, path, metadata=metadata)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise Mistake(f"cannot write the weights {path}: {why}; give another --out") from error


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with _reading(path), safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """What goes wrong in reading the file, as a `Mistake` that names it."""
    try:
        yield
    except SafetensorError as error:
        raise Mistake(f"{path} is not a safetensors file, or damaged: {error}") from None
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror or error}; give a file that you may read") from error


def _read(path: Path) -> tuple[Weights, dict[str, str]]:
    with _reading(path):
        if not path.is_file():
            raise Mistake(f"there is no weights file {path}")
        # safetensors says of a file that may not be read that it does not exist.
        path.open("rb").close()
        if path.suffix in (".pt", ".pth"):
            return _read_torch(path), {}
        if path.suffix != ".safetensors":
            raise Mistake(f"weights are read from .safetensors, .pt and .pth files, not from {path.name}")
        return load_file(path), _metadata(path)


def _read_torch(path: Path) -> Weights:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise Mistake(
            f"{path.name} is a PyTorch file, and PyTorch is not installed; "
            "install torch, or give the weights as .safetensors"
        ) from None
    found: Any = torch.load(path, map_location="cpu", weights_only=True)
    while isinstance(found, Mapping) and not any(hasattr(value, "numpy") for value in found.values()):
        inner = next((found[name] for name in ("model", "state_dict") if name in found), None)
        if inner is None:
            raise Mistake(f"{path} holds no weights under their names, nor under `model` or `state_dict`")
        found = inner
    return {str(name): value.numpy() for name, value in found.items() if hasattr(value, "numpy")}
