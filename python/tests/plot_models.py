"""Small models that the tests of plots draw."""

from __future__ import annotations

import numpy as np

import coregion as cg
from coregion import kernels, tasks

NAMES = ["Cd", "Cu", "Zn"]
B = np.array([[1.0, 0.2, -0.9], [0.2, 2.0, 0.1], [-0.9, 0.1, 1.5]])


def table(n=30, d=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 6.0, (n, d))
    f = np.sin(x[:, :1])
    y = np.hstack([f, 2.0 * f + 1.0, np.cos(x[:, :1])]) + 0.2 * rng.normal(size=(n, 3))
    y[3, 1] = np.nan
    y[10:14, 2] = np.nan
    return x, y


def evaluated(x, y, names=None, kernel=None, b=B, **settings):
    """A model at values given."""
    given = {"optimizer": None, "noise": np.full(len(b), 0.04)} | settings
    gp = cg.MultiTaskGP(kernel=kernel or kernels.RBF(lengthscale=1.3), task=tasks.FreeForm(b), **given)
    return gp.fit(x, y, task_names=names)


def curve(ax, label):
    """The points of the line with that label."""
    (found,) = [line for line in ax.get_lines() if line.get_label() == label]
    return found.get_xydata()


def thirty():
    """A model of thirty tasks."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(30, 3))
    x = np.linspace(0.0, 6.0, 15)[:, None]
    return evaluated(x, np.sin(x) @ w[:, :1].T + rng.normal(size=(15, 30)), b=w @ w.T + 0.5 * np.eye(30))
