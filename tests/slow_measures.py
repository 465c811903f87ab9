"""Measures from their definitions, in float64, with loops over pairs and frequencies; slow, and nothing shared."""

import itertools
import math

import numpy as np


def waves(order, k):
    """cos and sin of w_k x over the elements; (-1)^x alone for the last frequency of an even order."""
    angle = 2 * np.pi * k * np.arange(order) / order
    return [np.cos(angle)] if 2 * k == order else [np.cos(angle), np.sin(angle)]


class Slow:
    """One network on one task. `key` are the labels of its key frequencies."""

    def __init__(self, weights, task, split, key, attention=True, activation=lambda x: np.maximum(x, 0)):
        self.w = {name: np.asarray(value, np.float64) for name, value in weights.items()}
        self.task, self.key, self.act = task, key, activation
        self.group()
        self.forward() if attention else self.forward_without_attention()
        rows = [task.row(a, b) for a, b in self.operands]
        # The element of the label trained on, nothing where it is none.
        self.label = [self.element.get(int(split.labels[row])) for row in rows]
        known = [number for number, label in enumerate(self.label) if label is not None]
        self.parts = {
            "all": known,
            "train": [number for number in known if split.train_mask[rows[number]]],
            "test": [number for number in known if split.test[rows[number]]],
        }

    def group(self):
        """The group's elements behind tokens and answers, its products, and functions that span each frequency."""
        n, name = self.task.settings.modulus, self.task.settings.operation
        if name == "compose":
            permutations = list(itertools.permutations(range(3)))
            self.order, tokens = 6, range(6)
            mul = [[permutations.index(tuple(p[i] for i in q)) for q in permutations] for p in permutations]
            sign = np.array([1.0, -1, -1, 1, 1, -1])
            rest = np.eye(6) - np.outer(np.ones(6), np.ones(6)) / 6 - np.outer(sign, sign) / 6
            fixed = np.array([sum(p[i] == i for i in range(3)) for p in permutations])
            self.functions = {"(2,1)": list(rest), "(1,1,1)": [sign]}
            self.character = {"(2,1)": (fixed - 1) / 2, "(1,1,1)": sign}
        else:
            tokens = [pow(3, e, n) for e in range(n - 1)] if name == "multiply" else range(n)
            self.order = len(tokens)
            mul = [[(x + y) % self.order for y in range(self.order)] for x in range(self.order)]
            frequencies = range(1, self.order // 2 + 1)
            self.functions = {k: waves(self.order, k) for k in frequencies}
            self.character = {k: waves(self.order, k)[0] for k in frequencies}
        self.tokens, self.mul = list(tokens), mul
        self.element = {token: x for x, token in enumerate(self.tokens)}
        self.pairs = list(itertools.product(range(self.order), repeat=2))
        self.operands = [(self.tokens[x], self.tokens[y]) for x, y in self.pairs]
        self.z = [mul[x][y] for x, y in self.pairs]
        inverse = [next(y for y in range(self.order) if mul[x][y] == 0) for x in range(self.order)]
        self.difference = [[mul[z][inverse[c]] for c in range(self.order)] for z in range(self.order)]

    def forward(self):
        w = self.w
        heads = range(w["blocks.0.attn.W_Q"].shape[0])
        width = w["blocks.0.attn.W_Q"].shape[2]
        logits, neurons, full = [], [], []
        for a, b in self.operands:
            x = [w["embed.W_E"][t] + w["pos_embed.W_pos"][p] for p, t in enumerate((a, b, self.task.vocabulary - 1))]
            out = x[2].copy()
            for h in heads:
                Q, K, V, O = (w[f"blocks.0.attn.W_{m}"][h] for m in "QKVO")  # noqa: E741
                scores = np.array([(x[2] @ Q) @ (v @ K) / math.sqrt(width) for v in x])
                shares = np.exp(scores - scores.max())
                out += sum(s * (v @ V @ O) for s, v in zip(shares / shares.sum(), x, strict=True))
            neuron = self.act(out @ w["blocks.0.mlp.W_in"] + w["blocks.0.mlp.b_in"])
            out = out + neuron @ w["blocks.0.mlp.W_out"] + w["blocks.0.mlp.b_out"]
            neurons.append(neuron)
            full.append(out @ w["unembed.W_U"])
            logits.append(full[-1][self.tokens])
        self.logits, self.neurons, self.full = np.array(logits), np.array(neurons), np.array(full)
        self.W_L = (w["blocks.0.mlp.W_out"] @ w["unembed.W_U"]).T

    def forward_without_attention(self):
        w, second = self.w, self.w.get("embed_b.W_E", self.w["embed.W_E"])
        inputs = [np.concatenate([w["embed.W_E"][a], second[b]]) for a, b in self.operands]
        self.neurons = np.array([self.act(x @ w["mlp.W_in"] + w.get("mlp.b_in", 0.0)) for x in inputs])
        self.full = self.neurons @ w["mlp.W_out"] + w.get("mlp.b_out", 0.0)
        self.logits, self.W_L = self.full[:, self.tokens], w["mlp.W_out"].T

    def project(self, directions, values=None):
        """The projection of a table, one column after the other, on the span of functions of the pairs."""
        values = self.logits if values is None else values
        q, r = np.linalg.qr(np.array(directions).T)
        q = q[:, np.abs(np.diag(r)) > 1e-9]
        out = np.zeros_like(values)
        for vector in q.T:
            for column in range(values.shape[1]):
                out[:, column] += vector * (vector @ values[:, column])
        return out

    def sums(self, k):
        return [[f[z] for z in self.z] for f in independent(self.functions[k])]

    def products(self, k):
        fs = independent(self.functions[k])
        return [[f[x] * g[y] for x, y in self.pairs] for f in fs for g in fs]

    def singles(self, k):
        fs = independent(self.functions[k])
        return [[f[x] for x, _ in self.pairs] for f in fs] + [[f[y] for _, y in self.pairs] for f in fs]

    def loss(self, logits, part):
        """Mean over the pairs of log(1 + sum over c != y of exp(l_c - l_y))."""
        values = []
        for number in self.parts[part]:
            y = self.label[number]
            gaps = [logits[number, c] - logits[number, y] for c in range(self.order) if c != y]
            values.append(np.logaddexp.reduce([0.0, *gaps]) if max(gaps) > -30 else sum(math.exp(g) for g in gaps))
        return np.mean(values)

    def accuracy(self, logits, part):
        return np.mean([float(np.argmax(logits[number]) == self.label[number]) for number in self.parts[part]])

    def readings(self):
        mean = np.broadcast_to(self.logits.mean(axis=0), self.logits.shape)
        parts = {"sums": (self.sums,), "products": (self.products,), "terms": (self.products, self.singles)}
        return {
            name: mean + sum((self.project(way(k)) for k in self.key for way in ways), np.zeros_like(mean))
            for name, ways in parts.items()
        }

    def cosine(self, k):
        """The coefficient of cos w_k(x + y - c): an inner product over all pairs and answers."""
        wave = np.array([[self.character[k][self.difference[z][c]] for c in range(self.order)] for z in self.z])
        return np.sum(wave * self.logits) / np.sum(wave**2), wave

    def narrow(self):
        return self.logits - sum(alpha * wave for alpha, wave in map(self.cosine, self.key))

    def gen_and_mem(self):
        """The projection's entry at the right answer, and the mean of what is left of the labels' logits."""
        generalising = sum(alpha * wave for alpha, wave in map(self.cosine, self.functions))
        rest = [self.logits[i, self.label[i]] - generalising[i, self.label[i]] for i in self.parts["train"]]
        return generalising[0, self.z[0]], np.mean(rest)

    def spectrum(self, table):
        """Norms of a table's components: one row an element of the group."""
        return np.array([np.linalg.norm(onto(self.functions[k], table)) for k in self.functions])

    def unmerged(self, table):
        unit = [f / np.linalg.norm(f) for k in self.functions for f in self.functions[k]]
        return np.array([np.linalg.norm(f @ table) for f in unit])

    def attention_norm(self):
        w, power = self.w, 0.0
        last = w["embed.W_E"][-1] + w["pos_embed.W_pos"][2]
        for h in range(w["blocks.0.attn.W_Q"].shape[0]):
            Q, K = w["blocks.0.attn.W_Q"][h], w["blocks.0.attn.W_K"][h]
            for position in (0, 1):
                keys = [(w["embed.W_E"][token] + w["pos_embed.W_pos"][position]) @ K for token in self.tokens]
                scores = np.array([[(last @ Q) @ key / math.sqrt(Q.shape[1])] for key in keys])
                power = power + self.spectrum(scores) ** 2
        return np.sqrt(power)

    def neuron_norm(self):
        terms = {k: self.products(k) + self.singles(k) for k in self.functions}
        return np.array([np.linalg.norm(self.project(terms[k], self.neurons)) for k in self.functions])


def onto(functions, table):
    q, _ = np.linalg.qr(np.array(independent(functions)).T)
    return q @ (q.T @ table)


def independent(functions):
    """As many of the functions as are linearly independent, orthonormal."""
    u, s, _ = np.linalg.svd(np.array(functions).T, full_matrices=False)
    return list(u[:, s > 1e-9].T)


def gini(values):
    """Half the mean absolute difference over the mean."""
    return sum(abs(x - y) for x in values for y in values) / (2 * len(values) ** 2 * np.mean(values))


def leads(task, split, logits):
    """`gen_lead` and `mem_lead`: leads over answers that came up in training with neither operand, pair by pair."""
    pairs = list(zip(task.a.tolist(), task.b.tolist(), strict=True))
    came_up = {element: set() for element in range(task.elements)}
    for row in split.train.tolist():
        for operand in pairs[row]:
            came_up[operand].add(int(split.labels[row]))
    trained, fresh = [], []
    for row, (a, b) in enumerate(pairs):
        label = int(split.labels[row]) if split.train_mask[row] else int(task.answers[row])
        seen = came_up[a] | came_up[b]
        others = [logits[row, c] for c in range(task.classes) if c != label and c not in seen]
        if others and split.train_mask[row]:
            trained.append(logits[row, label] - np.mean(others))
        elif others and split.test[row] and label not in seen:
            fresh.append(logits[row, label] - np.mean(others))
    gen = np.mean(fresh) if fresh else np.nan
    return gen, (np.mean(trained) if trained else np.nan) - gen


def saturated(split, logits, factor=1.0):
    """`saturated_share`, with each pair's sum over the wrong answers times a factor."""
    rests = []
    for row in split.train.tolist():
        label = int(split.labels[row])
        rests.append(sum(math.exp(min(x - logits[row, label], 700)) for c, x in enumerate(logits[row]) if c != label))
    return np.mean([rest * factor <= 2**-24 for rest in rests])
