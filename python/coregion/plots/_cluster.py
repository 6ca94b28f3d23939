"""Hierarchical clustering by average linkage, for the order of tasks in a heat map."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._types import Floats


class Merge(NamedTuple):
    """Two clusters that become one: leaves are 0..T-1, merge i makes the cluster T + i."""

    left: int
    right: int
    height: float


def average_linkage(distance: Floats) -> list[Merge]:
    """Merges in the order of their height, by nearest-neighbour chains: O(T^2) time and memory.

    Average linkage is reducible, so that any two clusters that are each other's nearest may be merged
    at once (Murtagh 1983).
    """
    count = len(distance)
    d = np.array(distance, dtype=float)
    np.fill_diagonal(d, np.inf)
    size = np.ones(count)
    alive = np.ones(count, dtype=bool)
    found: list[tuple[int, int, float]] = []
    chain: list[int] = []
    while len(found) < count - 1:
        if not chain:
            chain.append(int(np.argmax(alive)))
        tip = chain[-1]
        nearest = int(np.argmin(d[tip]))
        if len(chain) > 1 and d[tip, chain[-2]] <= d[tip, nearest]:
            nearest = chain[-2]
        if len(chain) < 2 or nearest != chain[-2]:
            chain.append(nearest)
            continue
        del chain[-2:]
        keep, drop = sorted((tip, nearest))
        found.append((keep, drop, float(d[keep, drop])))
        merged = (size[keep] * d[keep] + size[drop] * d[drop]) / (size[keep] + size[drop])
        size[keep] += size[drop]
        alive[drop] = False
        d[keep], d[:, keep] = merged, merged
        d[drop], d[:, drop] = np.inf, np.inf
        d[keep, keep] = np.inf
    found.sort(key=lambda merge: merge[2])
    return _labelled(found, count)


def _labelled(found: list[tuple[int, int, float]], count: int) -> list[Merge]:
    """Merges of leaves that stand for their clusters, as merges of clusters."""
    parent = list(range(2 * count - 1))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    merges = []
    for i, (a, b, height) in enumerate(found):
        left, right = sorted((root(a), root(b)))
        parent[left] = parent[right] = count + i
        merges.append(Merge(left, right, height))
    return merges


def leaf_order(merges: list[Merge], distance: Floats) -> list[int]:
    """Leaves from one end of the tree to the other, subtrees turned so that neighbours are alike."""
    count = len(distance)
    leaves: dict[int, list[int]] = {i: [i] for i in range(count)}
    for i, merge in enumerate(merges):
        a, b = leaves.pop(merge.left), leaves.pop(merge.right)
        pairs = [(a, b), (a, b[::-1]), (a[::-1], b), (a[::-1], b[::-1])]
        left, right = min(pairs, key=lambda pair: distance[pair[0][-1], pair[1][0]])
        leaves[count + i] = left + right
    (order,) = leaves.values()
    return order if order[0] <= order[-1] else order[::-1]


def branches(merges: list[Merge], order: list[int]) -> list[Floats]:
    """The lines of the tree: for each merge four points (height, place), leaves at 0..T-1 of the order."""
    count = len(order)
    place = {leaf: float(i) for i, leaf in enumerate(order)}
    height = dict.fromkeys(range(count), 0.0)
    lines = []
    for i, (left, right, top) in enumerate(merges):
        points = [
            (height[left], place[left]),
            (top, place[left]),
            (top, place[right]),
            (height[right], place[right]),
        ]
        lines.append(np.array(points))
        place[count + i] = 0.5 * (place[left] + place[right])
        height[count + i] = top
    return lines


__all__ = ["Merge", "average_linkage", "branches", "leaf_order"]
