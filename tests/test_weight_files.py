"""Weights go out and come back: our names, TransformerLens's layout, the released code's."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from groklab.errors import Mistake
from groklab.models import (
    Inputs,
    MLPSettings,
    TransformerSettings,
    answer_logits,
    named_parameters,
    skeleton,
    weight_files,
    with_parameters,
)
from groklab.models.weight_files import load_weights, save_weights, settings_of, task_in

SMALL = {"d_model": 8, "heads": 2, "d_mlp": 6}
KINDS = [
    TransformerSettings(**SMALL),
    TransformerSettings(
        **SMALL, layers=2, layer_norm=True, attention_biases=True, unembedding_bias=True, activation="gelu"
    ),
    TransformerSettings(d_model=8, heads=2, d_mlp=0, classes=7, d_head=3),
    TransformerSettings(**SMALL, mlp_biases=False),
]


def drawn(settings):
    model = skeleton(settings, 8, 3)
    rng = np.random.default_rng(0)
    return with_parameters(model, {name: rng.normal(size=leaf.shape) for name, leaf in named_parameters(model).items()})


def logits(model):
    a, b = jnp.asarray(np.indices((7, 7)).reshape(2, -1))
    return answer_logits(model, Inputs(a, b, (-1, -1, 7)))


@pytest.mark.parametrize("settings", [*KINDS, MLPSettings(d_embed=4, d_mlp=5, shared_embedding=False)])
def test_safetensors_come_back_as_they_went(settings, tmp_path):
    model = drawn(settings)
    (path,) = save_weights(model, tmp_path / "w.safetensors", task="add:7")
    back = load_weights(path)
    assert jax.tree.structure(back) == jax.tree.structure(model)
    assert jax.tree.all(jax.tree.map(np.array_equal, back, model))
    assert task_in(path) == "add:7"


@pytest.mark.parametrize("settings", KINDS)
def test_the_transformer_lens_layout_comes_back_as_the_same_network(settings, tmp_path):
    model = drawn(settings)
    path, config = save_weights(model, tmp_path / "w.safetensors", layout="transformer-lens")
    state = load_file(path)
    known = json.loads(config.read_text())
    for layer in range(settings.layers):
        block = f"blocks.{layer}.attn"
        assert state[f"{block}.IGNORE"] == -np.inf
        assert state[f"{block}.mask"].tolist() == np.tril(np.ones((3, 3), bool)).tolist()
        assert state[f"{block}.b_Q"].shape == (known["n_heads"], known["d_head"])
    assert state["unembed.b_U"].shape == (known["d_vocab_out"],)
    back = load_weights(path)
    np.testing.assert_allclose(logits(back), logits(model), atol=1e-6)
    assert named_parameters(back).keys() == named_parameters(model).keys()


def released(model):
    """The same weights as the released code keeps them."""
    turned = {}
    for name, value in named_parameters(model).items():
        value, last = np.asarray(value), name.rpartition(".")[2]
        if last == "W_O":
            value = np.concatenate(list(value)).T
        elif last in ("W_Q", "W_K", "W_V"):
            value = value.swapaxes(1, 2)
        elif last in ("W_E", "W_in", "W_out"):
            value = value.T
        turned[name] = np.ascontiguousarray(value)
    turned["blocks.0.attn.mask"] = np.tril(np.ones((3, 3), np.float32))
    return turned


@pytest.mark.parametrize("width", [8, 6])
def test_the_released_layout_is_known_by_its_shapes(width, tmp_path):
    # Also where d_model equals d_mlp, and nothing but W_O tells the layouts apart.
    model = drawn(TransformerSettings(d_model=width, heads=2, d_mlp=6))
    path = tmp_path / "released.safetensors"
    save_file(released(model), path)
    back = load_weights(path)
    assert named_parameters(back)["blocks.0.attn.W_O"].shape == (2, width // 2, width)
    np.testing.assert_array_equal(logits(back), logits(model))


def test_settings_are_read_off_a_network():
    for settings in KINDS:
        read = settings_of(drawn(settings))
        assert read.replace({"classes": settings.classes}) == settings


def test_mistakes_are_one_line(tmp_path):
    with pytest.raises(Mistake, match="there is no weights file"):
        load_weights(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(Mistake, match="not a safetensors file"):
        load_weights(tmp_path / "bad.safetensors")
    save_file({"x": np.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(Mistake, match=r"no embed\.W_E"):
        load_weights(tmp_path / "other.safetensors")
    (tmp_path / "w.npz").touch()
    with pytest.raises(Mistake, match=r"not from w\.npz"):
        load_weights(tmp_path / "w.npz")
    with pytest.raises(Mistake, match="no networks without attention"):
        save_weights(drawn(MLPSettings(d_embed=2, d_mlp=2)), tmp_path / "m.safetensors", layout="transformer-lens")
    with pytest.raises(Mistake, match="not 'onnx'"):
        save_weights(drawn(KINDS[0]), tmp_path / "m.safetensors", layout="onnx")


def test_what_every_network_has_is_asked_for(tmp_path):
    path = tmp_path / "w.safetensors"
    whole = {name: np.asarray(value) for name, value in named_parameters(drawn(KINDS[0])).items()}
    small = {
        name: np.asarray(value) for name, value in named_parameters(drawn(MLPSettings(d_embed=2, d_mlp=3))).items()
    }

    def refused(weights, words):
        save_file(weights, path)
        with pytest.raises(Mistake, match=words) as caught:
            load_weights(path)
        assert "\n" not in str(caught.value)

    refused({"embed.W_E": whole["embed.W_E"]}, r"w\.safetensors holds no unembed\.W_U, blocks\.0\.attn\.W_Q")
    for weights in (whole, small):
        for missing in weights:
            kept = {name: value for name, value in weights.items() if name != missing}
            if missing.rpartition(".")[2].startswith("b_"):
                # A lone bias of a pair is left, and its partner asked for.
                continue
            if missing.startswith("blocks.0.mlp"):
                refused(kept, "which the network's settings ask for|which this network does not have")
            else:
                refused(kept, f"(no|lack) {missing}")
    for name in ("embed.W_E", "unembed.W_U", "blocks.0.attn.W_Q", "blocks.0.attn.W_O", "pos_embed.W_pos"):
        refused(whole | {name: np.zeros(4, np.float32)}, rf"{name} in .* has shape \(4,\)")
    refused(whole | {"blocks.x.attn.W_Q": whole["blocks.0.attn.W_Q"]}, "blocks are numbered")
    uneven = released(drawn(KINDS[0])) | {"blocks.0.attn.W_O": np.zeros((8, 7), np.float32)}
    refused(uneven, "2 heads do not share evenly")


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "\x00\xff"])
def test_a_damaged_configuration_is_named(text, tmp_path):
    path, config = save_weights(drawn(KINDS[0]), tmp_path / "w.safetensors", layout="transformer-lens")
    config.write_text(text)
    with pytest.raises(Mistake, match=r"w\.json is no JSON object"):
        load_weights(path)
    config.write_text(json.dumps({"act_fn": "tanh"}))
    with pytest.raises(Mistake, match="tanh"):
        load_weights(path)
    config.unlink()
    load_weights(path)


@pytest.mark.parametrize(
    ("settings", "words"), [("{", "no JSON object"), ('{"kind": "TaskSettings"}', "are TaskSettings, not a network's")]
)
def test_damaged_settings_are_a_mistake(settings, words, tmp_path):
    from groklab.tasks import TaskSettings

    assert TaskSettings()
    weights = {name: np.asarray(value) for name, value in named_parameters(drawn(KINDS[0])).items()}
    save_file(weights, tmp_path / "w.safetensors", metadata={"groklab.settings": settings})
    with pytest.raises(Mistake, match=words):
        load_weights(tmp_path / "w.safetensors")


def test_places_that_cannot_be_read_or_written_are_mistakes(tmp_path, monkeypatch):
    model = drawn(KINDS[0])
    (tmp_path / "file").touch()
    for layout in ("safetensors", "transformer-lens"):
        for place in (tmp_path / "file" / "w.safetensors", tmp_path / ("x" * 300 + ".safetensors"), tmp_path):
            with pytest.raises(Mistake, match=r"cannot write the weights .*; give another --out"):
                save_weights(model, place, layout=layout)
    (tmp_path / "w.json").mkdir()
    with pytest.raises(Mistake, match=r"cannot write .*w\.json"):
        save_weights(model, tmp_path / "w.safetensors", layout="transformer-lens")
    (path,) = save_weights(model, tmp_path / "new" / "w.safetensors")
    with pytest.raises(Mistake, match=r"cannot read .*too long"):
        load_weights(tmp_path / ("x" * 300 + ".safetensors"))

    def forbidden(*given, **named):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as closed:
        closed.setattr(type(path), "open", forbidden)
        with pytest.raises(Mistake, match=r"cannot read .*w\.safetensors: Permission denied; give a file"):
            load_weights(path)
    monkeypatch.setattr(weight_files, "load_file", forbidden)
    with pytest.raises(Mistake, match=r"cannot read .*w\.safetensors: Permission denied"):
        load_weights(path)
    monkeypatch.setattr("safetensors.safe_open", forbidden)
    with pytest.raises(Mistake, match="Permission denied"):
        task_in(path)


def test_a_pytorch_file_needs_pytorch(tmp_path):
    try:
        import torch
    except ImportError:
        (tmp_path / "w.pth").touch()
        with pytest.raises(Mistake, match="PyTorch is not installed"):
            load_weights(tmp_path / "w.pth")
    else:
        model = drawn(KINDS[0])
        state = {name: torch.tensor(value) for name, value in released(model).items()}
        torch.save({"model": state}, tmp_path / "w.pth")
        np.testing.assert_array_equal(logits(load_weights(tmp_path / "w.pth")), logits(model))
