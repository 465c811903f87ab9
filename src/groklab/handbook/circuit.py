"""Pictures of the Fourier circuit: a network of `nanda/mainline`, and the arithmetic of turning hands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from groklab.curves import Phases, find_phases
from groklab.drawing import COLOURS, lines
from groklab.errors import Mistake
from groklab.handbook.evidence import PAGES, Evidence
from groklab.handbook.picture import Picture
from groklab.record import Record

STUDY = "nanda/mainline"
PAIR = (23, 48)
"""The pair of numbers that is added in the pictures."""
NAMES = {
    "train_loss": "train",
    "test_loss": "test",
    "restricted_loss_test": "restricted: key frequencies only (test pairs)",
    "excluded_loss": "excluded: without key frequencies (train pairs)",
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """The network in the pictures: the first of its study that shows all three phases."""

    record: Record
    """The study's results."""
    run: int
    """Its number there."""
    phases: Phases
    """Its phases."""
    modulus: int
    """P."""
    steps: Float[np.ndarray, " step"]
    """The logged steps."""
    key: tuple[int, ...]
    """Its key frequencies."""
    coefficients: Float[np.ndarray, "step frequency"]
    """The coefficient of cos w_k(a+b-c) in its logits, in nats, for every k from 1."""

    @classmethod
    def of(cls, evidence: Evidence) -> "Network":
        """Raises `Mistake` where no network of the study shows three phases."""
        record = evidence.record(STUDY)
        metrics = record.metrics()
        steps = metrics["step"].values.astype(float)
        for run in range(len(record.runs)):
            one = metrics.isel(run=run)
            names = ("train_loss", "test_loss", "excluded_loss")
            phases = find_phases(steps, **{name: one[name].values for name in names})
            if all(phase.begin for phase in (phases.memorisation, phases.circuit_formation, phases.clean_up)):
                key = one["frequency"].values[one["key_frequency"].values == 1]
                return cls(
                    record=record, run=run, phases=phases, modulus=record.runs[run].table.modulus, steps=steps,
                    key=tuple(int(k) for k in key), coefficients=one["logit_cosine"].values,
                )  # fmt: skip
        raise Mistake(f"no network of {STUDY} shows all three phases; the picture needs one")

    def curve(self, name: str) -> list[tuple[float, float]]:
        """A measure by step, where it was taken."""
        values = self.record.metrics()[name].values[self.run]
        return [
            (step, value) for step, value in zip(self.steps.tolist(), values.tolist(), strict=True) if value == value
        ]

    def bands(self) -> list[tuple[str, float, float]]:
        """The phases with their names, from one boundary to the next."""
        phases = self.phases
        found = {
            "memorisation": phases.memorisation,
            "circuit formation": phases.circuit_formation,
            "clean-up": phases.clean_up,
        }
        last = float(self.steps[-1])
        return [
            (name, phase.begin.step, last if phase.end is None else phase.end.step)
            for name, phase in found.items()
            if phase.begin is not None
        ]

    def named(self) -> str:
        """The network as a caption names it."""
        return f"Run {self.run} of [{STUDY}]({PAGES}/{STUDY}.md) (P = {self.modulus})"


def losses(network: Network) -> Picture:
    """Train, test, restricted and excluded loss by step, the phases shaded."""
    svg = lines(
        {words: network.curve(name) for name, words in NAMES.items()},
        title="One network, four losses",
        x="step",
        y="loss (nats)",
        log_x=False,
        bands=network.bands(),
    )
    (_, _, first), (_, _, second), (_, _, third) = network.bands()
    row = network.record.table()[network.run]
    return Picture(
        svg=svg,
        alt=f"Losses over {network.steps[-1]:,.0f} steps: the train loss falls first, the restricted next, "
        "the test loss last; the excluded loss falls and rises again",
        caption=f"{network.named()}: memorisation to step {first:,.0f}, circuit formation to {second:,.0f}, clean-up "
        f"to {third:,.0f}. All train pairs are right at step {row['memorised']:,}, over 99% of the test pairs at "
        f"step {row['grokked']:,}.",
    )


def growth(network: Network) -> Picture:
    """Coefficients of the key cosines in the logits by step, and the largest of the others."""
    index = [k - 1 for k in network.key]
    others = np.delete(network.coefficients, index, axis=1)
    series = {f"k = {k}": network.coefficients[:, k - 1] for k in network.key}
    series["largest of all others"] = np.abs(others).max(axis=1)
    points = {name: list(zip(network.steps.tolist(), values.tolist(), strict=True)) for name, values in series.items()}
    final = network.coefficients[-1]
    svg = lines(
        points, title="Cosines in the logits", x="step", y="coefficient (nats)", log_x=False, log_y=False,
        bands=network.bands(),
    )  # fmt: skip
    return Picture(
        svg=svg,
        alt="Coefficients of the key frequencies' cosines rise gradually from early on, those of all other frequencies "
        "end near zero",
        caption=f"{network.named()}: the coefficient of cos w_k(a+b-c) in its logits. The key frequencies end between "
        f"{min(final[index]):.1f} and {max(final[index]):.1f} nats, no other above {np.abs(others[-1]).max():.2f}.",
    )


def cosines(network: Network) -> Picture:
    """How the key cosines of the trained network add up over the answers c, for one pair."""
    a, b = (number % network.modulus for number in PAIR)
    answers = np.arange(network.modulus)
    angle = 2 * math.pi * (a + b - answers) / network.modulus
    final = network.coefficients[-1]
    waves = {f"k = {k}": final[k - 1] * np.cos(k * angle) for k in network.key}
    total = np.sum(list(waves.values()), axis=0)
    series = {"sum": total} | waves
    ranks = np.sort(total)[::-1]
    svg = lines(
        {name: list(zip(answers.tolist(), wave.tolist(), strict=True)) for name, wave in series.items()},
        title=f"What is {a} + {b}? One wave a key frequency, and their sum",
        x="answer c",
        y="logit (nats)",
        log_x=False,
        log_y=False,
    )
    right = int(total.argmax())
    return Picture(
        svg=svg,
        alt=f"Cosines over the answers c that all have a crest at c = {right}; their sum has its highest peak there",
        caption=f"The key cosines of {network.named()[0].lower()}{network.named()[1:]} for {a} + {b} = {a + b}, which "
        f"is {(a + b) % network.modulus} mod {network.modulus}. All crests meet at c = {right} only; the next best "
        f"answer stays {ranks[0] - ranks[1]:.0f} nats below.",
    )


def clocks(network: Network) -> Picture:
    """The numbers on one circle a key frequency, with the hands of a, b and a + b."""
    a, b = (number % network.modulus for number in PAIR)
    size, top = 200, 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size * len(network.key)} {size + top + 22}" '
        'font-family="sans-serif" font-size="13" role="img">'
        f"<title>{a} + {b} on {len(network.key)} circles</title>",
        f'<rect width="{size * len(network.key)}" height="{size + top + 22}" fill="white"/>',
    ]
    for number, (name, colour) in enumerate(zip(("a", "b", "a + b"), COLOURS, strict=False)):
        shown = {"a": a, "b": b, "a + b": (a + b) % network.modulus}[name]
        x = 20 + 130 * number
        parts.append(f'<path d="M{x} 20h24" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 30}" y="24">{name} = {shown}</text>')
    for number, k in enumerate(network.key):
        parts += _clock(size * number + size / 2, top + size / 2, 78, k, network.modulus, (a, b))
    return Picture(
        svg="\n".join([*parts, "</svg>", ""]),
        alt=f"{len(network.key)} circles with {network.modulus} points; on each the hand of a + b stands at the sum of "
        "the angles of a and b",
        caption=f"The key frequencies of the same network: on the circle of frequency k the number t stands at the "
        f"angle 2 pi k t / {network.modulus}, clockwise from the top. On every circle the angles of {a} and {b} add "
        f"up to that of {(a + b) % network.modulus}.",
    )


def _clock(x: float, y: float, radius: float, k: int, modulus: int, pair: Sequence[int]) -> list[str]:
    def place(token: int, length: float) -> tuple[float, float]:
        turn = 2 * math.pi * (k * token % modulus) / modulus
        return x + length * math.sin(turn), y - length * math.cos(turn)

    parts = [f'<circle cx="{x}" cy="{y}" r="{radius}" fill="none" stroke="#cccccc"/>']
    for token in range(modulus):
        at = place(token, radius)
        parts.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="1.8" fill="#8a8a8a"/>')
    for token in range(3):
        at, style = place(token, radius + 11), 'text-anchor="middle" font-size="10" fill="#555555"'
        parts.append(f'<text x="{at[0]:.1f}" y="{at[1] + 3:.1f}" {style}>{token}</text>')
    a, b = pair
    for token, colour, width in zip((a, b, (a + b) % modulus), COLOURS, (3, 3, 3), strict=False):
        at = place(token, radius)
        parts.append(f'<path d="M{x:.1f} {y:.1f}L{at[0]:.1f} {at[1]:.1f}" stroke="{colour}" stroke-width="{width}"/>')
        parts.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4.5" fill="{colour}"/>')
    parts.append(f'<text x="{x:.1f}" y="{y + radius + 34:.1f}" text-anchor="middle">k = {k}</text>')
    return parts
