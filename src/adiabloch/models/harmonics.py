"""Fourier harmonics along the cycle: interpolation, derivatives and truncation errors of equidistant samples."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Complex, Float, Integer


def equidistant_phases(count: int) -> Float:
    """Phases theta_j = 2 pi j/count, j = 0 to count - 1."""
    phases: Float = 2 * np.pi * np.arange(count) / count
    return phases


def harmonic_phases(orders: Integer, theta: Float | float, derivative: int = 0) -> Complex:
    """Derivatives of exp(i m theta) with respect to theta, (i m)^derivative exp(i m theta).

    Parameters
    ----------
    orders : int array, shape (M,)
        The integers m.
    theta : float or float array, shape (...)
    derivative : int
        Order of the derivative.

    Returns
    -------
    complex array, shape (..., M)
    """
    return np.asarray((1j * orders) ** derivative * np.exp(1j * np.multiply.outer(theta, orders)))


def interpolated_harmonics(samples: Complex) -> tuple[Integer, Complex]:
    """Trigonometric interpolation through N equidistant samples.

    For even N the Nyquist harmonic N/2 is divided equally between +N/2 and -N/2, so that it adds nothing to the
    derivative at the samples.

    Parameters
    ----------
    samples : complex array, shape (N, ...)

    Returns
    -------
    orders : int array, shape (2 M + 1,)
        Harmonics -M to M, with M = N // 2.
    amplitudes : complex array, shape (2 M + 1, ...)
    """
    count = len(samples)
    top = count // 2
    spectrum = np.fft.fft(samples, axis=0) / count
    m = np.arange(-top, top + 1)
    amplitudes = spectrum[m % count]
    if count % 2 == 0:
        amplitudes[[0, -1]] *= 0.5
    return m, amplitudes


def derivative_orders(count: int) -> Float:
    """Harmonics in the order of `numpy.fft`, with 0 in place of the Nyquist harmonic, whose sign is undetermined."""
    orders: Float = np.asarray(np.fft.fftfreq(count, 1 / count), dtype=np.float64)
    orders[np.abs(orders) == count / 2] = 0.0
    return orders


def theta_derivatives(samples: Float) -> Float:
    """Derivatives along theta of real samples (N, ...) taken at theta_j = 2 pi j/N."""
    slopes = 1j * derivative_orders(len(samples)).reshape(-1, *[1] * (samples.ndim - 1))
    spectrum = np.fft.fft(samples, axis=0) * slopes
    return np.asarray(np.fft.ifft(spectrum, axis=0).real)


def harmonic_tail(samples: Complex, *, with_constant: bool = False) -> float:
    """Size of the last harmonics relative to the largest one; 0 for samples that do not vary.

    With six samples or more, the larger one of the last two harmonics counts: in a cycle with only odd (or only even)
    harmonics the last one alone may vanish.

    Parameters
    ----------
    samples : complex array, shape (N, ...)
    with_constant : bool
        Include the constant part when the largest harmonic is determined.
    """
    spectrum = np.abs(np.fft.fft(samples, axis=0)).reshape(len(samples), -1).max(axis=1, initial=0.0)
    top = len(samples) // 2
    varying = spectrum[1 : top + 1]
    if varying.max() <= 1e-14 * spectrum[0]:
        return 0.0
    last = varying[-2:] if len(samples) >= 6 else varying[-1:]
    tail = float(last.max() / (spectrum if with_constant else varying).max())
    # harmonics at the level of rounding are converged
    return 0.0 if last.max() <= 1e-15 * spectrum[0] else tail


def power_tail(powers: Float) -> float:
    """Size of the last two harmonics relative to the largest one that varies.

    Parameters
    ----------
    powers : float array, shape (N,)
        Squared moduli of the harmonics, in the order of `numpy.fft`.
    """
    top = len(powers) // 2
    varying = np.sqrt([powers[m] + powers[-m] for m in range(1, top + 1)])
    return float(varying[-2:].max() / varying.max()) if varying.max() > 1e-12 * np.sqrt(powers[0]) else 0.0
