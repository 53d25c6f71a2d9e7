"""Heights of a layer that is read from a file of a slab in vacuum."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import FileFormatError, InvalidArgumentError

VACUUM = 12.0
PLANE = np.array([[3.0, 0.0], [1.1, 2.7]])
CENTRES = np.array([[0.2, 0.1, 0.4], [1.0, -0.3, 1.6], [-0.6, 0.8, -0.9]])


def blocks():
    """Hoppings and positions (x, y, z) of a layer by translation, Hermitian."""
    rng = np.random.default_rng(5)
    hoppings, positions = {}, {}
    for R in ((0, 0), (1, 0), (0, 1)):
        h = 0.3 * (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))
        r = 0.1 * (rng.normal(size=(3, 3, 3)) + 1j * rng.normal(size=(3, 3, 3)))
        if R == (0, 0):
            h = h + h.conj().T + np.diag([-3.0, 0.0, 3.0])
            r = r + r.conj().swapaxes(0, 1)
            r[np.arange(3), np.arange(3)] = CENTRES
        else:
            back = tuple(-x for x in R)
            hoppings[back], positions[back] = h.conj().T, r.conj().swapaxes(0, 1)
        hoppings[R], positions[R] = h, r
    return hoppings, positions


def written(path, cells=(0, 0, 0)):
    """`_tb.dat` file of the slab, with each function in a cell of the file along the third vector."""
    hoppings, positions = blocks()
    cells = np.array(cells)
    full_h, full_r = {}, {}
    for R, h in hoppings.items():
        for i in range(3):
            for j in range(3):
                # function j in cell R + across, seen from i in the home cell of the file
                key = (*R, int(cells[i] - cells[j]))
                full_h.setdefault(key, np.zeros((3, 3), complex))[i, j] = h[i, j]
                full_r.setdefault(key, np.zeros((3, 3, 3), complex))[i, j] = positions[R][i, j]
    for i in range(3):
        full_r[0, 0, 0][i, i, 2] += cells[i] * VACUUM
    vectors = np.zeros((3, 3))
    vectors[:2, :2], vectors[2, 2] = PLANE, VACUUM
    solid = ab.models.WannierModel(vectors, None, full_h, full_r)
    return ab.io.write_tb(solid, path)


def direct():
    hoppings, positions = blocks()
    layer = ab.models.WannierModel(PLANE, None, hoppings, {R: r[..., :2] for R, r in positions.items()})
    return layer, {R: r[..., 2] for R, r in positions.items()}


@pytest.mark.parametrize("cells", [(0, 0, 0), (0, 1, 0), (-1, 0, 1)])
def test_heights_of_a_slab(tmp_path, cells):
    """Whatever the images of the functions in the file, the moment of the layer is that of the model in memory."""
    path = written(tmp_path / "slab_tb.dat", cells)
    layer, heights = ab.io.read_tb(path, dimension=2), ab.io.read_heights(path)
    mesh = {"mesh": (24, 24)}
    expected = ab.inplane_magnetization(*(direct()[0], 1, direct()[1]), **mesh).total
    np.testing.assert_allclose(ab.inplane_magnetization(layer, 1, heights, **mesh).total, expected, atol=1e-7)
    metal = {"chemical_potential": [0.2], "temperature": 0.5, **mesh}
    expected = ab.inplane_magnetization(direct()[0], None, direct()[1], **metal).total
    np.testing.assert_allclose(ab.inplane_magnetization(layer, None, heights, **metal).total, expected, atol=1e-7)
    assert np.abs(expected).min() > 1e-4
    tensor = ab.layer_magnetoelectric(*(direct()[0], 1, direct()[1]), **mesh).total
    np.testing.assert_allclose(ab.layer_magnetoelectric(layer, 1, heights, **mesh).total, tensor, atol=1e-6)


def test_bad_input(tmp_path):
    path = written(tmp_path / "slab_tb.dat")
    with pytest.raises(InvalidArgumentError, match=r"axes: \(2,\), expected 2 of them"):
        ab.io.read_heights(path, axes=(2,))
    path.write_text("\n".join(path.read_text().splitlines()[:20]))
    with pytest.raises(FileFormatError, match=r"slab_tb\.dat"):
        ab.io.read_heights(path)
