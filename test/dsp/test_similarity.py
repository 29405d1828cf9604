"""Similarities are found whatever they are, and noise does not mirror a face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_node.dsp.similarity import (
    Floats,
    Similarity,
    crop_to_image,
    fit_plane_similarity,
    fit_similarity,
    plane_rotation,
)
from emotion_node.faces import FaceRegion

seeds = st.integers(0, 2**32 - 1)
dimensions = st.sampled_from([2, 3])


def some_rotation(matrix: Floats) -> Floats:
    """Return a rotation near a matrix, if it is near one."""
    rotation, upper = np.linalg.qr(matrix)
    rotation = rotation * np.sign(np.diag(upper))
    rotation[:, 0] *= np.sign(np.linalg.det(rotation))
    return np.asarray(rotation)


def some_similarity(rng: np.random.Generator, dimension: int) -> Similarity:
    rotation = some_rotation(rng.normal(size=(dimension, dimension)))
    source, target = 100 * rng.normal(size=(2, dimension))
    return Similarity(rotation, float(rng.uniform(0.01, 100)), source, target)


def error(found: Similarity, points: Floats, targets: Floats) -> float:
    return float(np.square(found.apply(points) - targets).sum())


def fit(points: Floats, targets: Floats) -> Similarity:
    found = fit_similarity(points, targets)
    assert found is not None
    return found


@given(seed=seeds, dimension=dimensions)
def test_the_transform_that_made_the_targets_is_found(seed: int, dimension: int) -> None:
    rng = np.random.default_rng(seed)
    made = some_similarity(rng, dimension)
    points = rng.normal(size=(6, dimension))
    found = fit(points, made.apply(points))
    assert found.scale == pytest.approx(made.scale)
    np.testing.assert_allclose(found.rotation, made.rotation, atol=1e-6)
    elsewhere = rng.normal(size=(20, dimension))
    np.testing.assert_allclose(
        found.apply(elsewhere), made.apply(elsewhere), atol=1e-6 * made.scale
    )


@given(seed=seeds, dimension=dimensions)
def test_none_is_nearer_in_least_squares(seed: int, dimension: int) -> None:
    rng = np.random.default_rng(seed)
    points, targets = rng.normal(size=(2, 5, dimension))
    found = fit(points, targets)
    best = error(found, points, targets)
    for _ in range(20):
        other = some_similarity(rng, dimension)
        little = some_rotation(np.eye(dimension) + 0.05 * rng.normal(size=(dimension, dimension)))
        near = Similarity(
            little @ found.rotation,
            found.scale * float(rng.uniform(0.9, 1.1)),
            found.source,
            found.target + 0.05 * rng.normal(size=dimension),
        )
        assert error(other, points, targets) >= best - 1e-9
        assert error(near, points, targets) >= best - 1e-9


@given(seed=seeds, dimension=dimensions)
def test_a_mirror_image_is_turned_not_mirrored(seed: int, dimension: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(8, dimension))
    mirrored = points * np.array([-1.0] + [1.0] * (dimension - 1))
    assert np.linalg.det(fit(points, mirrored).rotation) == pytest.approx(1)


@given(seed=seeds, dimension=dimensions)
def test_the_inverse_brings_every_point_back(seed: int, dimension: int) -> None:
    rng = np.random.default_rng(seed)
    made = some_similarity(rng, dimension)
    points = rng.normal(size=(6, dimension))
    np.testing.assert_allclose(made.inverse().apply(made.apply(points)), points, atol=1e-9)


@given(seed=seeds, dimension=dimensions)
def test_the_matrix_is_the_same_transform(seed: int, dimension: int) -> None:
    rng = np.random.default_rng(seed)
    made = some_similarity(rng, dimension)
    points = rng.normal(size=(6, dimension))
    matrix = made.matrix()
    assert matrix.shape == (dimension, dimension + 1)
    by_matrix = points @ matrix[:, :dimension].T + matrix[:, dimension]
    np.testing.assert_allclose(by_matrix, made.apply(points), atol=1e-9 * (1 + made.scale))


@pytest.mark.parametrize('dimension', [2, 3])
@pytest.mark.parametrize('value', [0.0, 7.5, np.nan, np.inf])
def test_points_that_coincide_or_are_no_numbers_have_no_transform(
    dimension: int, value: float
) -> None:
    targets = np.random.default_rng(0).normal(size=(4, dimension))
    assert fit_similarity(np.full((4, dimension), value), targets) is None


def test_a_quarter_turn_is_clockwise_in_an_image() -> None:
    """With y downwards, what points right points down afterwards."""
    np.testing.assert_allclose(plane_rotation(np.pi / 2) @ (1, 0), (0, 1), atol=1e-12)


@given(
    angle=st.floats(-3, 3), side=st.floats(1, 1000), size=st.integers(2, 500),
)  # fmt: skip
def test_the_corners_of_a_crop_lie_on_the_corners_of_its_region(
    angle: float, side: float, size: int
) -> None:
    region = FaceRegion(300.0, 200.0, side, angle)
    # Pixels are counted by their centres, so the corners of the crop lie half a pixel outside.
    low, high = -0.5, size - 0.5
    corners = np.array([(low, low), (high, low), (high, high), (low, high)])
    found = crop_to_image(region, size).apply(corners)
    np.testing.assert_allclose(found.mean(axis=0), (300, 200), atol=1e-6)
    sides = np.linalg.norm(np.roll(found, -1, axis=0) - found, axis=1)
    np.testing.assert_allclose(sides, side, rtol=1e-6)
    top = (found[1] - found[0]) / side
    np.testing.assert_allclose(top, (np.cos(angle), np.sin(angle)), atol=1e-6)


@given(seed=seeds, noise=st.floats(0, 2))
def test_in_the_plane_the_short_way_gives_the_same(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(3, 2)) * 20
    targets = some_similarity(rng, 2).apply(points) + noise * rng.normal(size=(3, 2))
    one, other = fit_plane_similarity(points, targets), fit_similarity(points, targets)
    assert one is not None
    assert other is not None
    assert one.matrix() == pytest.approx(other.matrix(), rel=1e-6, abs=1e-6)


def test_in_the_plane_points_that_coincide_or_are_not_finite_have_no_best() -> None:
    apart = np.array([[0.0, 0], [1, 0], [0, 1]])
    for points in (np.ones((3, 2)), np.full((3, 2), np.nan)):
        assert fit_plane_similarity(points, apart) is None
