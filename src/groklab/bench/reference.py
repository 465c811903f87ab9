"""The reference: the one-layer transformer and its training in plain PyTorch, the way notebooks write them.

Every position goes through the whole network although the answer is read at the last; logits are float32, the
cross-entropy is taken in float64, the optimiser is PyTorch's AdamW, and nothing is compiled. Imports PyTorch, and
of groklab nothing.

Axes: b example, s and t position, d residual stream, h head, k within a head, m neuron.
"""

import importlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

torch: Any = importlib.import_module("torch")


def read_start(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The initial parameters by name, and the data (`train_tokens`, `train_labels`, `test_...`), as tensors."""
    with np.load(path) as file:
        arrays = {name: torch.tensor(file[name]) for name in file.files}
    data = {name: arrays.pop(name).long() for name in list(arrays) if name.endswith(("_tokens", "_labels"))}
    return arrays, data


def forward(weights: Mapping[str, Any], tokens: Any) -> Any:
    """Logits at every position, (b, s, class)."""
    x = weights["embed.W_E"][tokens] + weights["pos_embed.W_pos"]
    q, k, v = (torch.einsum("bsd,hdk->bhsk", x, weights[f"blocks.0.attn.W_{name}"]) for name in "QKV")
    scores = torch.einsum("bhsk,bhtk->bhst", q, k) / math.sqrt(q.shape[-1])
    past = torch.tril(torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool))
    pattern = torch.softmax(scores.masked_fill(~past, -torch.inf), dim=-1)
    z = torch.einsum("bhst,bhtk->bhsk", pattern, v)
    x = x + torch.einsum("bhsk,hkd->bsd", z, weights["blocks.0.attn.W_O"])
    hidden = torch.relu(torch.einsum("bsd,dm->bsm", x, weights["blocks.0.mlp.W_in"]) + weights["blocks.0.mlp.b_in"])
    x = x + torch.einsum("bsm,md->bsd", hidden, weights["blocks.0.mlp.W_out"]) + weights["blocks.0.mlp.b_out"]
    return torch.einsum("bsd,dc->bsc", x, weights["unembed.W_U"])


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Mean cross-entropy at the last position, in float64."""
    chances = torch.log_softmax(logits[:, -1].double(), dim=-1)
    return -chances.gather(-1, labels[:, None]).mean()


class Reference:
    """One run in training. `run` is the plain JSON of its settings, `test_loss` whether it is taken every step.

    `bits` are those of weights and logits: 32, or 64 for a curve without float32's rounding.
    """

    runs = 1

    def __init__(self, run: Mapping[str, Any], start: Path, test_loss: bool, bits: int = 32) -> None:
        self.weights, self.data = read_start(start)
        self.test_loss = test_loss
        if bits == 64:
            self.weights = {name: weight.double() for name, weight in self.weights.items()}
        for weight in self.parameters():
            weight.requires_grad_(True)
        self.optimiser, self.schedule = optimiser(self.parameters(), run["optimiser"])

    def parameters(self) -> list[Any]:
        """What is trained."""
        return list(self.weights.values())

    def logits(self, tokens: Any) -> Any:
        """Logits at every position."""
        return forward(self.weights, tokens)

    def steps(self, count: int) -> None:
        """Takes so many steps."""
        self.losses(count)

    def losses(self, count: int) -> list[float]:
        """Takes so many steps; the train loss before each."""
        found: list[float] = []
        for _ in range(count):
            loss = cross_entropy(self.logits(self.data["train_tokens"]), self.data["train_labels"])
            if self.test_loss:
                with torch.no_grad():
                    cross_entropy(self.logits(self.data["test_tokens"]), self.data["test_labels"]).item()
            loss.backward()
            self.optimiser.step()
            self.schedule.step()
            self.optimiser.zero_grad()
            found.append(loss.item())
        return found


def optimiser(parameters: list[Any], settings: Mapping[str, Any]) -> tuple[Any, Any]:
    """PyTorch's AdamW and the linear warm-up."""
    adamw = torch.optim.AdamW(
        parameters,
        lr=settings["learning_rate"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["eps"],
        weight_decay=settings["weight_decay"],
    )
    warmup = max(settings["warmup"], 1)
    return adamw, torch.optim.lr_scheduler.LambdaLR(adamw, lambda step: min(1.0, (step + 1) / warmup))
