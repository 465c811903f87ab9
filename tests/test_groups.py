"""The groups and their Fourier bases against the axioms, numpy's FFT and Schur's relations."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groklab.errors import Mistake
from groklab.groups import Cyclic, Group, Symmetric, spectrum

GROUPS = [*(Cyclic(n) for n in (1, 2, 3, 8, 13)), *(Symmetric(n) for n in (1, 2, 3, 4, 5))]
every_group = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)


@every_group
def test_the_product_table_is_a_group(group: Group) -> None:
    product, x = group.product, np.arange(group.order)
    assert product.shape == (group.order, group.order)
    np.testing.assert_array_equal(product[0], x)
    np.testing.assert_array_equal(product[:, 0], x)
    np.testing.assert_array_equal(product[product], product[:, product])  # (x y) z = x (y z)
    np.testing.assert_array_equal(product[x, group.inverse], 0)
    np.testing.assert_array_equal(product[group.inverse, x], 0)
    assert group.abelian == (isinstance(group, Cyclic) or group.n < 3)


def test_permutations_compose_as_functions() -> None:
    group = Symmetric(4)
    assert group.permutations == tuple(sorted(group.permutations))
    for x, y in itertools.product(range(24), repeat=2):
        p, q, pq = (group.permutations[i] for i in (x, y, group.product[x, y]))
        assert pq == tuple(p[q[i]] for i in range(4))


@every_group
def test_the_basis_is_orthonormal_and_starts_with_the_constant(group: Group) -> None:
    assert group.basis.shape == (group.order, group.order)
    np.testing.assert_allclose(group.basis @ group.basis.T, np.eye(group.order), atol=1e-12)
    np.testing.assert_allclose(group.basis[0], group.order**-0.5)
    assert group.frequencies[0] == 0
    assert np.count_nonzero(group.frequencies == 0) == 1
    assert len(group.frequency_labels) == group.frequencies.max() == group.membership.shape[1]


@every_group
def test_irreps_are_orthogonal_homomorphisms(group: Group) -> None:
    for irrep in group.irreps:
        products = np.einsum("xij,yjk->xyik", irrep.matrices, irrep.matrices)
        np.testing.assert_allclose(products, irrep.matrices[group.product], atol=1e-12)
        inverses = irrep.matrices[group.inverse]
        np.testing.assert_allclose(inverses, irrep.matrices.transpose(0, 2, 1), atol=1e-12)


@every_group
def test_characters_are_orthogonal(group: Group) -> None:
    # A rotation by 2 pi k x / n is irreducible over the reals alone: its character's squared norm is 2.
    splits = [isinstance(group, Cyclic) and d == 2 for d in group.dimensions]
    gram = group.characters @ group.characters.T / group.order
    np.testing.assert_allclose(gram, np.diag(1.0 + np.array(splits)), atol=1e-12)
    np.testing.assert_allclose(group.characters[:, 0], group.dimensions)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_symmetric_dimensions_squared_add_up_to_the_order(n: int) -> None:
    group = Symmetric(n)
    assert (group.dimensions**2).sum() == group.order
    np.testing.assert_array_equal(np.bincount(group.frequencies), group.dimensions**2)


def test_the_irreps_of_s4_are_those_of_the_textbook() -> None:
    group = Symmetric(4)
    assert group.frequency_labels == ("(3,1)", "(2,2)", "(2,1,1)", "(1,1,1,1)")
    identity, swap, double, three, four = (
        group.permutations.index(p) for p in [(0, 1, 2, 3), (1, 0, 2, 3), (1, 0, 3, 2), (1, 2, 0, 3), (1, 2, 3, 0)]
    )
    table = [[1, 1, 1, 1, 1], [3, 1, -1, 0, -1], [2, 0, 2, -1, 0], [3, -1, -1, 0, 1], [1, -1, 1, 1, -1]]
    np.testing.assert_allclose(group.characters[:, [identity, swap, double, three, four]], table, atol=1e-12)


@every_group
def test_convolution_becomes_a_product(group: Group) -> None:
    f, g = np.random.default_rng(1).normal(size=(2, group.order))
    convolution = np.zeros(group.order)
    for y, z in itertools.product(range(group.order), repeat=2):
        convolution[group.product[y, z]] += f[y] * g[z]
    for irrep in group.irreps:
        transform_f, transform_g, transform = (
            np.einsum("x,xij->ij", function, irrep.matrices) for function in (f, g, convolution)
        )
        np.testing.assert_allclose(transform, transform_f @ transform_g, atol=1e-10)


@pytest.mark.parametrize("n", [2, 8, 13, 113])
def test_the_cyclic_basis_agrees_with_the_fft(n: int) -> None:
    group, values = Cyclic(n), np.random.default_rng(2).normal(size=n)
    coefficients, fft = group.basis @ values, np.fft.rfft(values) / np.sqrt(n)
    np.testing.assert_allclose(coefficients[0], fft[0].real)
    last = (n - 1) // 2
    np.testing.assert_allclose(coefficients[1 : 2 * last : 2], np.sqrt(2) * fft[1 : last + 1].real, atol=1e-12)
    np.testing.assert_allclose(coefficients[2 : 2 * last + 1 : 2], -np.sqrt(2) * fft[1 : last + 1].imag, atol=1e-12)
    if n % 2 == 0:
        np.testing.assert_allclose(coefficients[-1], fft[-1].real)
    assert group.frequency_labels == tuple(range(1, n // 2 + 1))


@every_group
def test_the_spectrum_keeps_the_sum_of_squares(group: Group) -> None:
    values = np.random.default_rng(3).normal(size=(group.order, 3))
    centred = values - values.mean(axis=0)
    norms = spectrum(group, values)
    assert norms.shape == (len(group.frequency_labels),)
    np.testing.assert_allclose((norms**2).sum(), (centred**2).sum(), atol=1e-12)


@pytest.mark.parametrize("group", [Cyclic(12), Symmetric(4)], ids=lambda group: group.name)
def test_the_spectrum_is_the_norm_of_the_projection_by_the_character(group: Group) -> None:
    values = np.random.default_rng(4).normal(size=(group.order, 5))
    for k, norm in enumerate(spectrum(group, values), start=1):
        character = group.characters[k] / np.mean(group.characters[k] ** 2)
        # The projection is convolution with the character, times dimension / order.
        projection = character[group.product[:, group.inverse]] * group.dimensions[k] / group.order
        np.testing.assert_allclose(norm, np.linalg.norm(projection @ values))


def test_the_spectrum_does_not_see_translations() -> None:
    group = Symmetric(4)
    values = np.random.default_rng(5).normal(size=(group.order, 2))
    np.testing.assert_allclose(spectrum(group, values[group.product[7]]), spectrum(group, values))
    np.testing.assert_allclose(spectrum(group, values[group.product[:, 7]]), spectrum(group, values))


def test_a_pure_wave_has_one_frequency_whatever_its_phase() -> None:
    wave = 3 * np.cos(2 * np.pi * 5 * np.arange(23) / 23 + 0.7)
    expected = np.where(np.arange(1, 12) == 5, 3 * np.sqrt(23 / 2), 0)
    np.testing.assert_allclose(spectrum(Cyclic(23), wave[:, None]), expected, atol=1e-12)


def test_the_spectrum_takes_traced_arrays_and_leading_axes() -> None:
    group = Cyclic(13)
    values = np.random.default_rng(6).normal(size=(4, 13, 6)).astype(np.float32)
    expected = np.stack([spectrum(group, each) for each in values])
    np.testing.assert_allclose(spectrum(group, values), expected)
    compiled = jax.jit(jax.vmap(lambda each: spectrum(group, each)))(jnp.asarray(values))
    assert compiled.dtype == jnp.float32
    np.testing.assert_allclose(compiled, expected, rtol=1e-5)


def test_tables_are_shared_and_therefore_read_only() -> None:
    group = Cyclic(5)
    assert group.basis is group.basis
    assert group == Cyclic(5)
    assert hash(group) == hash(Cyclic(5))
    assert Cyclic(2) != Symmetric(2)
    for table in (group.basis, group.product, group.inverse, group.frequencies, group.characters):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0


def test_groups_that_are_not_there() -> None:
    with pytest.raises(Mistake, match="at least 1 element, not 0"):
        Cyclic(0)
    with pytest.raises(Mistake, match="permutes 1 to 5 things here, not 6"):
        Symmetric(6)
