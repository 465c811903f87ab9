"""TransformerLens's own model, trained as the reference is."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groklab.bench.reference import Reference, optimiser


class Lens(Reference):
    """A HookedTransformer with the same initial weights; biases that the run does not have stay 0."""

    def __init__(self, run: Mapping[str, Any], start: Path, test_loss: bool) -> None:
        super().__init__(run, start, test_loss)
        lens: Any = importlib.import_module("transformer_lens")
        settings, (_, classes) = run["model"], self.weights["unembed.W_U"].shape
        self.model = lens.HookedTransformer(
            lens.HookedTransformerConfig(
                n_layers=1,
                d_model=settings["d_model"],
                n_heads=settings["heads"],
                d_head=self.weights["blocks.0.attn.W_Q"].shape[2],
                d_mlp=settings["d_mlp"],
                d_vocab=self.weights["embed.W_E"].shape[0],
                d_vocab_out=classes,
                n_ctx=self.weights["pos_embed.W_pos"].shape[0],
                act_fn="relu",
                normalization_type=None,
                device="cpu",
            )
        )
        for name, parameter in self.model.named_parameters():
            if name in self.weights:
                parameter.data.copy_(self.weights[name])
            else:
                parameter.data.zero_()
                parameter.requires_grad_(False)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimiser, self.schedule = optimiser(trained, run["optimiser"])

    def logits(self, tokens: Any) -> Any:
        """Logits at every position."""
        return self.model(tokens)
