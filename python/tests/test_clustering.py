"""Clustering of tasks: against brute force, and the order of leaves."""

from __future__ import annotations

import numpy as np
import pytest

from coregion.plots import _cluster


@pytest.mark.parametrize("seed", range(5))
def test_average_linkage_is_that_of_brute_force(seed):
    points = np.random.default_rng(seed).normal(size=(12, 3))
    d = np.linalg.norm(points[:, None] - points[None], axis=-1)
    clusters = {i: [i] for i in range(12)}
    expected = []
    for step in range(11):
        pairs = [(a, b) for a in clusters for b in clusters if a < b]
        a, b = min(pairs, key=lambda p: d[np.ix_(clusters[p[0]], clusters[p[1]])].mean())
        expected.append((a, b, d[np.ix_(clusters[a], clusters[b])].mean()))
        clusters[12 + step] = clusters.pop(a) + clusters.pop(b)
    found = _cluster.average_linkage(d)
    assert [merge[:2] for merge in found] == [merge[:2] for merge in expected]
    np.testing.assert_allclose([m.height for m in found], [m[2] for m in expected], rtol=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_leaves_are_turned_so_that_neighbours_are_alike(seed):
    places = np.random.default_rng(seed).permutation([0.0, 1.0, 2.1, 4.0, 5.2, 9.0, 10.3, 12.5])
    d = np.abs(places[:, None] - places[None])
    order = _cluster.leaf_order(_cluster.average_linkage(d), d)
    assert list(places[order]) in (sorted(places), sorted(places, reverse=True))


def test_clustering_thousands_of_equal_tasks_ends():
    d = 1.0 - np.eye(2000)
    order = _cluster.leaf_order(_cluster.average_linkage(d), d)
    assert sorted(order) == list(range(2000))
