"""The metals of the Swiss Jura: sites of the published split, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from coregion import kernels

from . import data

METALS = ["Cd", "Co", "Cr", "Cu", "Ni", "Pb", "Zn"]
PLACE = ["Xloc", "Yloc"]
"""Coordinates in km."""
CATEGORIES = ["Rock", "Landuse"]


@dataclass
class Sites:
    """Some sites: inputs X (n, 4), concentrations (n, 7) in mg/kg and their natural logs."""

    X: pd.DataFrame
    metals: pd.DataFrame
    logs: pd.DataFrame

    @classmethod
    def read(cls, split: str) -> Sites:
        """The sites of one part of the split, ``prediction`` or ``validation``."""
        table = data.read("jura").query("split == @split")
        return cls(table[PLACE + CATEGORIES], table[METALS], np.log(table[METALS]))

    @property
    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """The three tables."""
        return self.X, self.metals, self.logs

    def __len__(self) -> int:
        return len(self.X)

    def rows(self, which: ArrayLike) -> Sites:
        """The sites where ``which`` (n,) is true."""
        which = np.asarray(which)
        return Sites(self.X[which], self.metals[which], self.logs[which])

    def distances_to(self, others: Sites) -> NDArray[np.float64]:
        """Distance in km from each of some other sites to the nearest of these."""
        own, other = self.X[PLACE].to_numpy(), others.X[PLACE].to_numpy()
        nearest: NDArray[np.float64] = np.linalg.norm(other[:, None] - own, axis=2).min(axis=1)
        return nearest

    def squares(self, side: float = 1.0) -> NDArray[np.int64]:
        """The square of the map, of that side in km, that each site lies in, numbered from 0."""
        corners = np.floor(self.X[PLACE].to_numpy() / side)
        return np.unique(corners, axis=0, return_inverse=True)[1].ravel()

    def distances_between(self, labels: ArrayLike) -> NDArray[np.float64]:
        """Distance in km from each site to the nearest one with another label."""
        labels = np.asarray(labels)
        out = np.empty(len(self))
        for label in np.unique(labels):
            inside = labels == label
            out[inside] = self.rows(~inside).distances_to(self.rows(inside))
        return out


def middle(values: ArrayLike) -> float:
    """The median; of an even number of values the upper of the middle two."""
    return float(np.quantile(np.asarray(values, dtype=float), 0.5, method="higher"))


def rough() -> kernels.Kernel:
    """A rough function of the place."""
    return kernels.Matern12().on(PLACE)


def same_class() -> kernels.Kernel:
    """Alike where rock and land use are the same."""
    return kernels.Categorical().on(["Rock"]) * kernels.Categorical().on(["Landuse"])
