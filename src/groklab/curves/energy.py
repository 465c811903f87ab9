"""How much a curve oscillates: the energy of its spectrum in a window that moves along.

Notsawo et al. 2023 (arXiv:2306.13253) foretell grokking from oscillations of the loss in the first steps, by the
spectrum of the early loss curve: its energy is, by Parseval, the curve's variance, Hjorth's activity. Here the energy
below some cycles a window is left out, which is the trend's, and the window moves, so that it can be asked when the
energy moves.
"""

import numpy as np
from jaxtyping import Float

from groklab.errors import Mistake


def spectral_energy(
    steps: Float[np.ndarray, " step"],
    values: Float[np.ndarray, "*run step"],
    *,
    window: float,
    cycles: float = 2.0,
) -> Float[np.ndarray, "*run step"]:
    """The variance of the last `window` steps that lies above `cycles` oscillations a window, at each step.

    The window ends at the step, so that nothing later is looked at. Only steps at the usual distance are used, which
    is the most frequent one; the energy is NaN where the window reaches before the first of them, or one of them was
    not logged. In the window, with N values x: the parabola of least squares is taken away, x is multiplied by a Hann
    window h, and

        energy = sum over k > cycles of 2 |X_k|^2 / (N sum h^2)

    (half of that at N / 2), which is A^2 / 2 for an oscillation of amplitude A at any of these frequencies, and its
    variance for noise, but for the share below `cycles`. Oscillations faster than every second of these steps are not
    lost: they are folded to slower ones, with their energy. Raises `Mistake` for a window of fewer than 8 values.
    """
    distances, counts = np.unique(np.diff(steps), return_counts=True)
    every = float(distances[counts.argmax()]) if len(distances) else 1.0
    size = int(window // every)
    if size < 8:
        raise Mistake(
            f"a spectrum takes a window of at least 8 logged steps, {8 * every:,.0f} steps, not {window:,.0f}"
        )
    found = np.full(values.shape, np.nan)
    usual = np.flatnonzero(steps % every == 0)
    if len(usual) < size:
        return found
    places = np.lib.stride_tricks.sliding_window_view(usual, size)
    whole = places[np.isclose(steps[places[:, -1]] - steps[places[:, 0]], (size - 1) * every)]
    found[..., whole[:, -1]] = _energy(values[..., whole], cycles)
    return found


def _energy(values: Float[np.ndarray, "*run window value"], cycles: float) -> Float[np.ndarray, "*run window"]:
    from scipy.signal.windows import hann

    size = values.shape[-1]
    trend, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, size), 3))
    taper: Float[np.ndarray, " value"] = hann(size, sym=False)
    spectrum = np.fft.rfft((values - values @ trend @ trend.T) * taper)
    power = 2 * np.abs(spectrum) ** 2 / (size * np.sum(taper**2))
    if size % 2 == 0:
        power[..., -1] /= 2
    return power[..., np.arange(power.shape[-1]) > cycles].sum(axis=-1)
