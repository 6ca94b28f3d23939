"""Processes made by a fork compute on threads of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import multiprocessing, warnings
import numpy as np
import coregion as cg
from coregion import kernels, tasks

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.uniform(size=(300, 3))
Y = np.sin(X @ rng.normal(size=(3, 40))) + 0.1 * rng.normal(size=(300, 40))
gp = cg.MultiTaskGP(task=tasks.LowRank(1), max_iter=2).fit(X, Y)  # the parent's threads are there now
kr = cg.MultiTaskKernelRidge(kernels.RBF(lengthscale=1.0), tasks.Fixed(gp.task_covariance_)).fit(X, Y)

def work(seed):
    mean, std = gp.predict(X, return_std=True)
    again = cg.MultiTaskGP(task=tasks.LowRank(1), max_iter=2).fit(X, Y)
    str(gp.summary()), gp.task_correlation_, kr.rkhs_norm_squared_
    np.testing.assert_array_equal(again.predict(X), mean)
    return float(mean.sum() + std.sum() + kr.predict(X).sum())

with multiprocessing.get_context("fork").Pool(2) as pool:
    found = pool.map(work, range(3))
assert found == [work(0)] * 3
print("forked")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
@pytest.mark.parametrize("threads", [None, "1"])
def test_a_forked_process_computes(threads: str | None) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "RAYON_NUM_THREADS"}
    if threads is not None:
        environment["RAYON_NUM_THREADS"] = threads
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.stdout == "forked\n", done.stderr
