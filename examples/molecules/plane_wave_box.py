"""Plane waves of a molecule in a box: projectors of norm-conserving pseudopotentials, coordinates, velocities."""

import re

import numpy as np
from scipy.special import sph_harm_y, spherical_jn

REACH = 4.0
"""Radius in bohr beyond which projectors vanish."""


def projectors(path):
    """Radial mesh and its weights, and (angular momentum, r times projector, strength in Hartree) of each projector."""
    text = path.read_text()

    def array(name):
        found = re.search(rf"<{name}[^>]*>(.*?)</{name}>", text, re.DOTALL)
        return np.array(found[1].split(), float)

    r, step = array("PP_R"), array("PP_RAB")
    count = int(np.argmax(r > REACH)) // 2 * 2 - 1
    simpson = np.full(count, 2 / 3)
    simpson[1::2], simpson[[0, -1]] = 4 / 3, 1 / 3
    betas = re.findall(r"<PP_BETA\.\d+(.*?)>(.*?)</PP_BETA", text, re.DOTALL)
    strengths = np.diag(array("PP_DIJ").reshape(len(betas), -1)) / 2
    momenta = [int(re.search(r'angular_momentum="\s*(\d+)"', head)[1]) for head, _ in betas]
    radial = [np.array(body.split(), float)[:count] for _, body in betas]
    return r[:count], simpson * step[:count], list(zip(momenta, radial, strengths, strict=True))


class Box:
    """Plane waves G (M, 3) in a box, and coordinates times functions, in atomic units."""

    def __init__(self, G, reciprocal):
        self.waves, self.grid = G @ reciprocal, tuple(4 * np.abs(G).max(axis=0) + 2)
        self.vectors = 2 * np.pi * np.linalg.inv(reciprocal).T
        self.where = tuple((G % self.grid).T)

    def on_grid(self, amplitudes):
        """Values of a function on the grid, times the square root of the volume."""
        values = np.zeros(self.grid, complex)
        values[self.where] = amplitudes
        return np.fft.ifftn(values) * values.size

    def amplitudes(self, values):
        """Plane waves of a function on the grid."""
        return np.fft.fftn(values)[self.where] / values.size

    def times(self, axis, amplitudes, origin=0.0):
        """A coordinate, from an origin to half a box away, times a function around it."""
        side, count = self.vectors[axis, axis], self.grid[axis]
        along = (np.arange(count) * side / count - origin + side / 2) % side - side / 2
        shape = [1, 1, 1]
        shape[axis] = count
        return self.amplitudes(along.reshape(shape) * self.on_grid(amplitudes))


class Atoms(Box):
    """A box with the projectors of atoms; `places` are their positions by name."""

    def __init__(self, G, reciprocal, places, pseudopotentials):
        super().__init__(G, reciprocal)
        sizes, which = np.unique(np.linalg.norm(self.waves, axis=1).round(9), return_inverse=True)
        polar = np.arctan2(np.hypot(*self.waves.T[:2]), self.waves[:, 2])
        around = np.arctan2(self.waves[:, 1], self.waves[:, 0])
        unit, found = 4 * np.pi / np.sqrt(np.linalg.det(self.vectors)), []
        for name, place in places.items():
            phase = unit * np.exp(-1j * self.waves @ place)
            r, weights, betas = projectors(pseudopotentials / f"{name}.UPF")
            for angular, radial, strength in betas:
                integrals = np.array([weights @ (r * radial * spherical_jn(angular, q * r)) for q in sizes])[which]
                for m in range(-angular, angular + 1):
                    waves = (-1j) ** angular * integrals * sph_harm_y(angular, m, polar, around)
                    found.append((place, strength, waves * phase))
        self.places = np.array([place for place, _, _ in found])
        self.strengths = np.array([strength for _, strength, _ in found])
        self.projectors = np.array([amplitudes for _, _, amplitudes in found]).T
        apart = [[self.times(axis, one, place[axis]) for place, _, one in found] for axis in (0, 1)]
        self.shifted = np.array(apart).swapaxes(1, 2)

    def velocities(self, states):
        """Matrices of dH/dk along x and y between states (M, n): momentum, and i[V, r] of the projectors."""
        inside, found = self.projectors.conj().T @ states, []
        for axis in (0, 1):
            apart = (self.shifted[axis].conj().T @ states).conj().T
            nonlocal_part = 1j * (inside.conj().T * self.strengths) @ apart.conj().T
            momentum = states.conj().T @ (self.waves[:, axis, None] * states)
            found.append(momentum + nonlocal_part + nonlocal_part.conj().T)
        return np.array(found)
