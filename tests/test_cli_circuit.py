"""`circuit` and `export` as they are typed."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from groklab.cli import main
from groklab.models import named_parameters
from groklab.models.closed_form import quadratic_network, trigonometric_transformer
from groklab.models.weight_files import load_weights, save_weights

WAVES = {2: 9.0, 5: 7.0}


@pytest.fixture
def weights(tmp_path):
    save_weights(trigonometric_transformer(13, WAVES), tmp_path / "w.safetensors")
    save_weights(quadratic_network(13, WAVES), tmp_path / "named.safetensors", task="add:13")
    leaves = {name: np.array(leaf) for name, leaf in named_parameters(trigonometric_transformer(13, WAVES)).items()}
    save_file({"embed.W_E": leaves["embed.W_E"]}, tmp_path / "part.safetensors")
    leaves["unembed.W_U"][0, 0] = np.nan
    save_file(leaves, tmp_path / "nan.safetensors")
    _, config = save_weights(
        trigonometric_transformer(13, WAVES), tmp_path / "lens.safetensors", layout="transformer-lens"
    )
    config.write_text("")
    return tmp_path


def test_a_weights_file_is_taken_apart(weights, capsys):
    page = weights / "page.html"
    assert main(["circuit", str(weights / "w.safetensors"), "--task", "add:13", "--out", str(page)]) == 0
    out, err = capsys.readouterr()
    assert "2, 5" in out
    assert str(page) in err
    assert "<!doctype html>" in page.read_text()
    assert main(["circuit", str(weights / "named.safetensors"), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["key"]["used"] == [2, 5]
    assert plain["heads"] is None


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("circuit w.safetensors", ["w.safetensors", "--task add:113"]),
        ("circuit w.safetensors --task ad:13", ["'ad'", "add"]),
        ("circuit w.safetensors --task add:17", ["add:17", "needs"]),
        ("circuit w.safetensors --task add:11", ["add:11", "needs", "14 tokens"]),
        ("circuit named.safetensors --task multiply:13", ["add:13", "multiply:13", "leave --task out"]),
        (f"circuit {'x' * 300}.safetensors --task add:13", ["cannot read", "too long"]),
        ("circuit part.safetensors --task add:13", ["part.safetensors", "no unembed.W_U"]),
        ("circuit nan.safetensors --task add:13", ["not finite"]),
        ("circuit lens.safetensors --task add:13", ["lens.json", "no JSON object"]),
        ("circuit w.safetensors --task add:13 --out w.safetensors/y.html", ["cannot write the page", "y.html"]),
        ("circuit w.safetensors --run 1 --task add:13", ["--run", "weights file"]),
        ("circuit none.safetensors --task add:13", ["no weights file"]),
        ("circuit . --task add:13", ["--task", "weights file"]),
        ("circuit .", ["not a groklab store"]),
        ("export . --out w.npz", ["end --out in .safetensors"]),
        ("export . --out v.safetensors --format onnx", ["safetensors or transformer-lens", "'onnx'"]),
    ],
)
def test_mistakes_are_one_line(words, parts, weights, capsys, monkeypatch):
    monkeypatch.chdir(weights)
    assert main(words.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for part in parts:
        assert part in line


def test_a_run_is_taken_apart_and_exported(tmp_path, capsys, monkeypatch):
    import groklab
    from groklab.tasks import Split, SplitSettings, Task, TaskSettings

    task = Task.of(TaskSettings(modulus=13))
    model = trigonometric_transformer(13, WAVES)

    class Store:
        """A record of one run, whose network is known."""

        def task(self, run):
            return task

        def problem(self, run):
            return task

        def split(self, run):
            return Split.of(task, SplitSettings(fraction=0.5), 0)

        def model(self, run, step=-1):
            assert (run, step) == (3, 40)
            return model

    monkeypatch.setattr(groklab, "open", lambda path: Store())
    assert main(["circuit", "store", "--run", "3", "--step", "40", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["score"]["train_accuracy"] == 1
    file = tmp_path / "a" / "w.safetensors"
    assert main(["export", "store", "--run", "3", "--step", "40", "--out", str(file)]) == 0
    assert capsys.readouterr().out.split() == [str(file)]
    back = named_parameters(load_weights(file))
    for name, value in named_parameters(model).items():
        np.testing.assert_array_equal(back[name], jnp.asarray(value))
    (tmp_path / "taken").touch()
    lost = tmp_path / "taken" / "w.safetensors"
    for layout in ("safetensors", "transformer-lens"):
        words = ["export", "store", "--run", "3", "--step", "40", "--format", layout, "--out", str(lost)]
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "cannot write the weights" in line
        assert "give another --out" in line
