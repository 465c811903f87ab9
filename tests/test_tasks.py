"""Tables and tokens against loops written from the definitions."""

import itertools
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from groklab.errors import Mistake
from groklab.tasks import Task, TaskSettings, catalogue, find_operation, parse_task

Permutation = tuple[int, ...]


def task_of(name: str) -> Task:
    return Task.of(parse_task(name))


def divided(x: int, y: int, p: int) -> int:
    """The z with z y = x, by trying them all."""
    return next(z for z in range(p) if z * y % p == x)


ARITHMETIC: dict[str, Callable[[int, int, int], int]] = {
    "add": lambda x, y, p: x + y,
    "subtract": lambda x, y, p: x - y,
    "multiply": lambda x, y, p: x * y,
    "divide": divided,
    "divide_or_subtract": lambda x, y, p: divided(x, y, p) if y % 2 else x - y,
    "squares": lambda x, y, p: x * x + y * y,
    "quadratic": lambda x, y, p: x * x + x * y + y * y,
    "quadratic_plus_x": lambda x, y, p: x * x + x * y + y * y + x,
    "cubic": lambda x, y, p: x * x * x + x * y,
    "cubic_plus_y": lambda x, y, p: x * x * x + x * y * y + y,
}


def after(x: Permutation, y: Permutation) -> Permutation:
    return tuple(x[i] for i in y)


def undone(x: Permutation) -> Permutation:
    return tuple(x.index(i) for i in range(len(x)))


PERMUTATIONS: dict[str, Callable[[Permutation, Permutation], Permutation]] = {
    "compose": after,
    "conjugate": lambda x, y: after(after(x, y), undone(x)),
    "sandwich": lambda x, y: after(after(x, y), x),
}


def test_every_operation_of_power_et_al_is_there_and_has_an_oracle_here() -> None:
    assert catalogue().keys() == ARITHMETIC.keys() | PERMUTATIONS.keys()
    assert all(name == operation.name for name, operation in catalogue().items())
    assert len({operation.formula for operation in catalogue().values()}) == 13


@pytest.mark.parametrize("prime", [2, 3, 13])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_against_its_definition(name: str, prime: int) -> None:
    task = task_of(f"{name}:{prime}")
    pairs = [(a, b) for a, b in itertools.product(range(prime), repeat=2) if name != "divide" or b]
    assert list(zip(task.a.tolist(), task.b.tolist(), strict=True)) == pairs
    assert task.answers.tolist() == [ARITHMETIC[name](a, b, prime) % prime for a, b in pairs]


@pytest.mark.parametrize("degree", [2, 3, 4])
@pytest.mark.parametrize("name", PERMUTATIONS)
def test_permutations_against_their_definition(name: str, degree: int) -> None:
    task = task_of(f"{name}:{degree}")
    permutations = sorted(itertools.permutations(range(degree)))
    pairs = list(itertools.product(permutations, repeat=2))
    assert [(permutations[a], permutations[b]) for a, b in zip(task.a, task.b, strict=True)] == pairs
    assert [permutations[c] for c in task.answers] == [PERMUTATIONS[name](x, y) for x, y in pairs]


def test_large_arithmetic_does_not_overflow() -> None:
    task = task_of("cubic_plus_y:1999")
    row = task.row(1998, 1997)
    assert task.answers[row] == (1998**3 + 1998 * 1997**2 + 1997) % 1999


@pytest.mark.parametrize("name", ["add:10", "squares:10", "compose:5"])
def test_moduli_need_be_prime_only_where_one_divides(name: str) -> None:
    task = task_of(name)
    assert task.pairs == task.elements**2
    assert 0 <= task.answers.min() <= task.answers.max() < task.elements


@pytest.mark.parametrize("name", [f"{name}:13" for name in ARITHMETIC] + [f"{name}:4" for name in PERMUTATIONS])
def test_commutativity_and_mirrors(name: str) -> None:
    task = task_of(name)
    known = {(int(a), int(b)): row for row, (a, b) in enumerate(zip(task.a, task.b, strict=True))}
    assert task.mirror.tolist() == [known.get((b, a), -1) for a, b in known]
    assert all(task.row(a, b) == row for (a, b), row in known.items())
    mirrored = task.mirror >= 0
    same = np.array_equal(task.answers[mirrored], task.answers[task.mirror[mirrored]])
    assert task.operation.commutative == same


@pytest.mark.parametrize("name", ["add:12", "subtract:12", "multiply:13", "divide:13", "multiply:2", "compose:4"])
def test_a_group_structure_explains_every_answer_inside_the_group(name: str) -> None:
    task = task_of(name)
    structure = task.group
    assert structure is not None
    x, y = structure.a_element[task.a], structure.b_element[task.b]
    inside = (x >= 0) & (y >= 0)
    np.testing.assert_array_equal(
        structure.answer_element[task.answers][inside], structure.group.product[x[inside], y[inside]]
    )
    assert inside.sum() == structure.group.order**2
    for of, elements in [
        ("a", structure.a_element),
        ("b", structure.b_element),
        ("answer", structure.answer_element),
    ]:
        order = structure.in_order(of)
        np.testing.assert_array_equal(elements[order], np.arange(structure.group.order))


def test_operations_without_a_group_have_none() -> None:
    with_one = {name for name, operation in catalogue().items() if operation.structure is not None}
    assert with_one == {"add", "subtract", "multiply", "divide", "compose"}
    assert task_of("cubic:7").group is None


def test_three_tokens() -> None:
    task = Task.of(TaskSettings())
    assert (task.name, task.elements, task.classes, task.vocabulary, task.length) == (
        "add:113",
        113,
        113,
        114,
        3,
    )
    assert task.operand_positions == (0, 1)
    row = task.row(7, 110)
    assert row == 7 * 113 + 110
    assert task.tokens[row].tolist() == [7, 110, 113]
    assert task.answers[row] == 4


def test_four_tokens() -> None:
    task = Task.of(TaskSettings(layout="a op b ="))
    assert (task.name, task.classes, task.vocabulary, task.length) == ("add:113:op", 113, 115, 4)
    assert task.operand_positions == (0, 2)
    assert task.tokens[task.row(7, 110)].tolist() == [7, 113, 110, 114]


@pytest.mark.parametrize("layout", ["a b =", "a op b ="])
def test_operands_stand_where_the_task_says(layout: str) -> None:
    task = Task.of(TaskSettings(operation="divide", modulus=7, layout=layout))
    first, second = task.operand_positions
    assert task.tokens.shape == (42, task.length)
    np.testing.assert_array_equal(task.tokens[:, first], task.a)
    np.testing.assert_array_equal(task.tokens[:, second], task.b)
    assert (task.tokens[:, -1] == task.vocabulary - 1).all()


def test_a_task_is_made_once_and_its_arrays_are_small_and_read_only() -> None:
    task = task_of("divide:13")
    assert task is task_of("divide:13")
    for array in (task.a, task.b, task.answers, task.tokens, task.mirror, task.row_table):
        assert array.dtype == np.int32
        assert not array.flags.writeable


@pytest.mark.parametrize("name", ["add:113", "compose:5:op", "divide_or_subtract:97"])
def test_names_are_read_back(name: str) -> None:
    assert task_of(name).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("add", "operation:modulus, such as add:113 .*, not 'add'"),
        ("", "operation:modulus"),
        ("add:", "operation:modulus"),
        ("add:x", "operation:modulus"),
        ("add:-3", "operation:modulus"),
        ("add:5:ip", "operation:modulus"),
        ("add:5:op:op", "operation:modulus"),
        ("ad:113", "no operation is called 'ad'; did you mean add"),
        ("zzz:113", "known: add, compose"),
        ("divide:100", "divide needs a prime modulus, not 100; the nearest primes are 97 and 101$"),
        ("multiply:4", "the nearest primes are 3 and 5$"),
        ("multiply:1", "multiply needs a prime modulus from 2 to 2000, not 1$"),
        ("add:1", "add needs a modulus from 2 to 2000, not 1$"),
        ("add:100000", "from 2 to 2000, not 100000"),
        ("compose:113", "compose permutes 2 to 5 things, not 113"),
    ],
)
def test_what_is_no_task(text: str, said: str) -> None:
    with pytest.raises(Mistake, match=said) as caught:
        parse_task(text)
    assert "\n" not in str(caught.value)


def test_a_task_refuses_its_settings_mistakes() -> None:
    with pytest.raises(Mistake, match="no operation is called"):
        Task.of(TaskSettings(operation="plus"))
    with pytest.raises(Mistake, match="prime"):
        Task.of(TaskSettings(operation="divide_or_subtract", modulus=9))
    with pytest.raises(Mistake, match=r"divide:7 has no answer for \(3, 0\)"):
        task_of("divide:7").row(3, 0)
    with pytest.raises(Mistake, match="operands are 0 to 6"):
        task_of("add:7").row(7, 0)


def test_a_misspelt_operation_costs_no_heavy_import() -> None:
    code = """
import sys
from groklab.errors import Mistake
from groklab.tasks import parse_task
try:
    parse_task("ad:113")
except Mistake as mistake:
    print(mistake)
print(sorted({"jax", "equinox", "xarray", "zarr", "plotly", "scipy"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["no operation is called 'ad'; did you mean add?", "[]"]


def test_find_operation_imports_the_one_that_is_asked_for() -> None:
    assert find_operation("add").formula == "x + y mod P"
    with pytest.raises(Mistake, match="did you mean"):
        find_operation("multipy")
