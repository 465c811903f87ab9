"""One trained network taken apart, all lines of evidence at once."""

import jax
import numpy as np
from jaxtyping import Float, Int

from groklab.circuits.ablations import Ablation, at_frequencies, of_parts, one_by_one
from groklab.circuits.anatomy import Anatomy
from groklab.circuits.attention import Attention
from groklab.circuits.basis import Basis
from groklab.circuits.circuit import Circuit
from groklab.circuits.cosines import read_cosines
from groklab.circuits.heads import read_heads, score_spectra
from groklab.circuits.key_frequencies import KeyFrequencies, Rule, neuron_rule, outlier_rule, side_by_side
from groklab.circuits.neuron_logit import NeuronLogit, read_neuron_logit
from groklab.circuits.neurons import MARK, Neurons, read_neurons
from groklab.circuits.periodic import Spectra, merged, on_all_pairs
from groklab.circuits.scoring import Scorer
from groklab.circuits.surgery import Surgery
from groklab.circuits.verdict import judge, no_group
from groklab.errors import Mistake
from groklab.groups import spectrum
from groklab.models import MLP, Model, named_parameters
from groklab.tasks.split import Split
from groklab.tasks.task import Task


def take_apart(model: Model, task: Task, split: Split | None = None, *, seed: int = 0) -> Circuit:
    """The algorithm of a network that was trained on a group's product, read off its weights and activations.

    With the split it was trained on, losses are also given on train and test pairs. `seed` draws the random
    frequencies of the nulls. What this network or this task does not have is left out, and the result's
    `notes` say so in a line each. All products are in full float32, on an accelerator too. Raises `Mistake` for
    a network that does not fit the task, or whose weights are not finite.
    """
    _check(model, task)
    with jax.default_matmul_precision("highest"):
        return _taken_apart(model, task, split, seed)


def _taken_apart(model: Model, task: Task, split: Split | None, seed: int) -> Circuit:
    basis = None if task.group is None or task.group.group.order < 3 else Basis.of(task)
    pairs = np.arange(task.pairs) if basis is None else basis.pairs
    classes = np.arange(task.classes) if basis is None else basis.classes
    anatomy = Anatomy(model, task, pairs, classes)
    attention = anatomy.attention
    scorer = _scorer(task, split, pairs, classes)
    score = scorer(anatomy.logits)
    neurons: Neurons | None = None
    change: Float[np.ndarray, "i j c"] | None = None
    if basis is not None and anatomy.has_neurons:
        neurons, change = read_neurons(anatomy.neurons(), anatomy.W_L, basis)
    through = anatomy.through_neurons if anatomy.linear_readout else None
    polynomials: tuple[Ablation, ...] = ()
    if basis is not None and change is not None and through is not None:
        words = "neurons: those of one frequency replaced by their polynomials"
        change = on_all_pairs(change, basis).reshape(len(pairs), -1)
        change += anatomy.logits
        replaced = scorer(change)
        polynomials = (Ablation(name="neurons_polynomials", words=words, score=replaced),)
    del change
    heads = None if attention is None else read_heads(attention, basis)
    parts = (*polynomials, *of_parts(anatomy, attention, scorer))
    if basis is None:
        return Circuit(
            task=task.name,
            architecture=anatomy.architecture,
            group=None,
            pairs=len(pairs),
            pairs_left_out=task.pairs - len(pairs),
            chance=scorer.chance,
            score=score,
            spectra=None,
            key=None,
            neuron_logit=None,
            neurons=None,
            heads=heads,
            cosines=None,
            ablations=parts,
            by_frequency=None,
            verdict=no_group(score),
            notes=_notes(anatomy, basis),
        )
    table = anatomy.logits.reshape((basis.order,) * 3)
    through = None if through is None else through.reshape(table.shape)
    surgery = Surgery(basis, table, through, None if through is None else anatomy.W_L)
    spectra = _spectra(anatomy, attention, neurons, basis, surgery.logits_terms.power)
    key = _key_frequencies(spectra, neurons)
    mask = np.array([label in key.used for label in basis.labels])
    neuron_logit: NeuronLogit | None = None
    if through is not None:
        neuron_logit = read_neuron_logit(anatomy.W_L, through, basis, mask)
    cosines = read_cosines(table, basis, mask, scorer)
    single, by_frequency = one_by_one(surgery, mask, scorer)
    together = at_frequencies(surgery, mask, scorer, np.random.default_rng(seed))
    ablations = (*together, *single, *parts)
    return Circuit(
        task=task.name,
        architecture=anatomy.architecture,
        group=basis.group.name,
        pairs=len(pairs),
        pairs_left_out=task.pairs - len(pairs),
        chance=scorer.chance,
        score=score,
        spectra=spectra,
        key=key,
        neuron_logit=neuron_logit,
        neurons=neurons,
        heads=heads,
        cosines=cosines,
        ablations=ablations,
        by_frequency=by_frequency,
        verdict=judge(
            score=score,
            chance=scorer.chance,
            key=key,
            neuron_logit=neuron_logit,
            neurons=neurons,
            heads=heads,
            cosines=cosines,
            ablations=ablations,
        ),
        notes=_notes(anatomy, basis),
    )


def _check(model: Model, task: Task) -> None:
    vocabulary = model.embed.W_E.shape[0]
    columns = model.mlp.W_out.shape[1] if isinstance(model, MLP) else model.unembed.W_U.shape[1]
    length = task.length if isinstance(model, MLP) else model.pos_embed.W_pos.shape[0]
    # Logits are over the answers, or over all tokens.
    columns_fit = columns in (task.classes, task.vocabulary)
    if vocabulary != task.vocabulary or not columns_fit or length < task.length:
        raise Mistake(
            f"this network has {vocabulary} tokens, {columns} answers and {length} positions; {task.name} needs "
            f"{task.vocabulary}, {task.classes} or {task.vocabulary}, and {task.length}: "
            "is it the task it was trained on?"
        )
    broken = [name for name, value in named_parameters(model).items() if not np.isfinite(np.asarray(value)).all()]
    if broken:
        raise Mistake(
            f"the weights are not finite ({', '.join(broken)} hold NaN or infinity): there is nothing to take "
            "apart; take another --step, from before the run went wrong, or another file"
        )


def _scorer(task: Task, split: Split | None, pairs: Int[np.ndarray, " pair"], classes: Int[np.ndarray, " c"]) -> Scorer:
    place = np.full(task.classes, -1)
    place[classes] = np.arange(len(classes))
    labels = task.answers if split is None else split.labels
    train, test = (None, None) if split is None else (split.train_mask[pairs], split.test[pairs])
    return Scorer(place[labels[pairs]], len(classes), train, test)


def _spectra(
    anatomy: Anatomy,
    attention: Attention | None,
    neurons: Neurons | None,
    basis: Basis,
    power: Float[np.ndarray, "i j"],
) -> Spectra:
    model, group = anatomy.model, basis.group
    first = np.asarray(model.embed.W_E, np.float64)
    own = isinstance(model, MLP) and model.embed_b is not None
    second = np.asarray(model.embed_b.W_E, np.float64) if own else first  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
    W_U = None if isinstance(model, MLP) else np.asarray(model.unembed.W_U, np.float64).T[basis.classes]
    return Spectra(
        frequencies=basis.labels,
        embedding=spectrum(group, first[basis.structure.in_order("a")]),
        embedding_b=spectrum(group, second[basis.structure.in_order("b")]),
        unembedding=None if W_U is None else spectrum(group, W_U),
        neuron_logit=spectrum(group, anatomy.W_L.astype(np.float64)) if anatomy.has_neurons else None,
        scores=None if attention is None else score_spectra(attention, basis),
        neurons=None if neurons is None else neurons.spectrum,
        logits=np.sqrt(merged(power, basis)),
    )


def _key_frequencies(spectra: Spectra, neurons: Neurons | None) -> KeyFrequencies:
    labels = spectra.frequencies
    rules: list[Rule] = []
    if spectra.neuron_logit is not None:
        rules.append(outlier_rule("W_L", spectra.neuron_logit, labels))
    rules.append(outlier_rule("W_E", spectra.embedding, labels))
    if neurons is not None:
        share: Float[np.ndarray, " m"] = np.nan_to_num(neurons.share)
        rules.append(neuron_rule(neurons.frequency, share, MARK, labels))
    return side_by_side(tuple(rules))


def _notes(anatomy: Anatomy, basis: Basis | None) -> tuple[str, ...]:
    model, task = anatomy.model, anatomy.task
    notes: list[str] = []
    if basis is None:
        notes.append(
            f"{task.name} is no group's product: its losses, the path around the neurons and the heads are "
            "looked at; frequencies are not"
        )
    elif len(basis.pairs) < task.pairs:
        notes.append(
            f"{task.pairs - len(basis.pairs)} of {task.pairs} pairs have an operand outside {basis.group.name} "
            "and are left out, and so is the answer outside it"
        )
    if isinstance(model, MLP):
        notes.append("this network has no attention: everything else is looked at")
    elif len(model.blocks) > 1:
        notes.append(
            f"attention is read in one layer, and this network has {len(model.blocks)}: the neurons are those of "
            "the last, the path around them includes the layers before"
        )
    if not isinstance(model, MLP) and model.ln_final is not None:
        notes.append(
            "with LayerNorm the neurons do not write the logits linearly: the neuron-logit map's directions, "
            "ablations at the neurons and the heads are left out"
        )
    if not anatomy.has_neurons:
        notes.append("attention only: there are no neurons, and key frequencies are W_E's")
    return tuple(notes)
