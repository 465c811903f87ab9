"""A circuit as tables for the terminal."""

import math
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from groklab.circuits.circuit import Circuit


def print_circuit(circuit: Circuit, console: Console) -> None:
    """Prints the verdict, then every table there is."""
    verdict = circuit.verdict
    console.print(Text(f"{circuit.task} ({circuit.group or 'no group'}), {circuit.architecture}", style="bold"))
    console.print(Text(verdict.sentence[0].upper() + verdict.sentence[1:] + "."), soft_wrap=True)
    for table in tables(circuit):
        console.print()
        console.print(Text(str(table.title), style="italic"), soft_wrap=True)
        table.title = None
        console.print(table)
    words = [f"does not fit: {misfit}" for misfit in verdict.misfits] + [f"note: {note}" for note in circuit.notes]
    if words:
        console.print()
    for word in words:
        console.print(Text(word), soft_wrap=True)


def tables(circuit: Circuit) -> Iterator[Table]:
    """The tables: evidence, key frequencies, directions, neurons, heads, logits, ablations."""
    if circuit.verdict.lines:
        rows = [(line.name, line.standing, line.sentence) for line in circuit.verdict.lines]
        yield _table("Lines of evidence", ("line", "stands", "because"), rows)
    if circuit.key is not None:
        yield _table(
            "Key frequencies, by three rules",
            ("rule", "frequencies", "gap", "stable", "threshold"),
            [
                (
                    rule.rule,
                    ", ".join(map(str, rule.frequencies)) or "none",
                    number(rule.gap),
                    "yes" if rule.stable else "no",
                    rule.threshold,
                )
                for rule in circuit.key.rules
            ],
        )
    found = circuit.neuron_logit
    if found is not None and found.names:
        shares = zip(found.names, found.share.tolist(), strict=True)
        title = f"Neurons along the directions of W_L (residual {found.residual:.2%} of its norm)"
        yield _table(title, ("direction", "explained"), [(name, percent(share)) for name, share in shares])
    if circuit.neurons is not None:
        neurons = circuit.neurons
        rows = [(str(k), str(count)) for k, count in neurons.clusters.items()]
        rows += [("none", str(neurons.unclustered)), ("constant", str(neurons.dead))]
        yield _table(
            f"Neurons by frequency ({percent(neurons.explained)} of their variance explained; phases agree to "
            f"{number(neurons.phase_agreement)})",
            ("frequency", "neurons"),
            rows,
        )
    if circuit.heads is not None:
        yield _heads(circuit)
    if circuit.cosines is not None and circuit.key is not None:
        cosines, used = circuit.cosines, circuit.key.used
        title = (
            f"Logits: key cosines explain {percent(cosines.share)} (all cosines {percent(cosines.share_all)}); "
            f"loss with them alone {number(cosines.replaced.loss)}; "
            f"nearest answer {number(cosines.gap)} nats away"
        )
        labels = circuit.spectra.frequencies if circuit.spectra is not None else ()
        rows = [
            (str(k), number(cosines.projected[labels.index(k)]), number(cosines.least_squares[labels.index(k)]))
            for k in used
        ]
        yield _table(title, ("frequency", "projected", "least squares"), rows)
    yield _ablations(circuit)


def _heads(circuit: Circuit) -> Table:
    heads = circuit.heads
    assert heads is not None
    columns = ["head", "softmax as a line", "on constants"]
    rows = [
        [str(h), percent(share), percent(mass)]
        for h, (share, mass) in enumerate(zip(heads.line_share, heads.on_constants, strict=True))
    ]
    if heads.share is not None and heads.output_share is not None:
        columns += ["scores", "explained", "output", "explained"]
        for h, row in enumerate(rows):
            row += [str(heads.frequency[h]), percent(heads.share[h])] if heads.frequency else []
            row += [str(heads.output_frequency[h]), percent(heads.output_share[h])] if heads.output_frequency else []
    return _table("Heads", tuple(columns), [tuple(row) for row in rows])


def _ablations(circuit: Circuit) -> Table:
    rows = [("nothing", *_losses(circuit, None), "")]
    for ablation in circuit.ablations:
        null = ablation.null
        beside = ""
        if null is not None:
            low, high = number(null.least.loss), number(null.largest.loss)
            beside = f"{number(null.median.loss)} ({low} to {high}), {null.draws} draws"
        rows.append((ablation.words, *_losses(circuit, ablation.name), beside))
    return _table(
        f"Ablations: loss in nats, accuracy (chance {circuit.chance:.2f})",
        ("what is done", "train", "test", "all", "train acc.", "test acc.", "acc.", "loss on all, random frequencies"),
        rows,
    )


def _losses(circuit: Circuit, name: str | None) -> tuple[str, ...]:
    ablation = None if name is None else circuit.ablation(name)
    score = circuit.score if ablation is None else ablation.score
    losses = (score.train_loss, score.test_loss, score.loss)
    shares = (score.train_accuracy, score.test_accuracy, score.accuracy)
    return (*map(number, losses), *map(percent, shares))


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def number(value: float) -> str:
    """Three digits; `-` for what is not there."""
    return f"{float(value):.3g}" if math.isfinite(value) else "-"


def percent(value: float) -> str:
    """A share in per cent."""
    return f"{float(value):.1%}" if math.isfinite(value) else "-"
