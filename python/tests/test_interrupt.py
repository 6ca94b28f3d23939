"""Ctrl-C, threads, and a free interpreter while the core computes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import coregion as cg
from coregion import kernels, tasks


def table(n: int, n_tasks: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, 3))
    return X, np.sin(3.0 * X @ rng.normal(size=(3, n_tasks))) + 0.1 * rng.normal(size=(n, n_tasks))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
@pytest.mark.parametrize("n_restarts", [0, 500])
def test_ctrl_c_ends_a_fit_and_the_process_goes_on(n_restarts: int) -> None:
    X, Y = table(400, 4, 1)
    states: list[dict[str, float]] = []

    def press_once(state: dict[str, float]) -> None:
        states.append(state)
        if len(states) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    gp = cg.MultiTaskGP(n_restarts=n_restarts, progress=press_once)
    with pytest.raises(KeyboardInterrupt):
        gp.fit(X, Y)
    # Python looks at signals between two lines: the function may have been told once more.
    assert len(states) <= 2
    assert not hasattr(gp, "kernel_")
    assert gp.set_params(n_restarts=0, progress=False).fit(X[:40], Y[:40]).predict(X[:3]).shape == (3, 4)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_is_heard_where_nobody_watches_progress() -> None:
    X, Y = table(400, 4, 2)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        cg.MultiTaskGP(n_restarts=2000).fit(X, Y)
    timer.join()


def test_an_error_of_the_progress_function_ends_the_fit() -> None:
    X, Y = table(60, 2, 3)

    def fail(state: dict[str, float]) -> None:
        raise LookupError("from the function")

    with pytest.raises(LookupError, match="from the function"):
        cg.MultiTaskGP(n_restarts=50, progress=fail).fit(X, Y)


def answers(seed: int) -> list[np.ndarray]:
    X, Y = table(120, 3, seed)
    Y[seed % 7 :: 9, 1] = np.nan
    gp = cg.MultiTaskGP(kernels.RBF(), tasks.LowRank(1), n_restarts=1, random_state=seed).fit(X, Y)
    mean, std = gp.predict(X[:20] + 0.01, return_std=True)
    return [mean, std, np.array(gp.log_marginal_likelihood_), gp.sample_y(X[:5], n_samples=2, random_state=1)]


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
def test_threads_give_the_answers_of_one_after_the_other() -> None:
    seeds = [11, 12, 13, 14]
    alone = [answers(seed) for seed in seeds]
    together: dict[int, list[np.ndarray]] = {}
    threads = [threading.Thread(target=lambda s=seed: together.update({s: answers(s)})) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, expected in zip(seeds, alone):
        for found, wanted in zip(together[seed], expected):
            np.testing.assert_array_equal(found, wanted)


def test_other_threads_run_while_the_core_computes() -> None:
    X, Y = table(600, 4, 5)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.monotonic()
    gp = cg.MultiTaskGP(
        kernel=kernels.RBF(lengthscale=0.7),
        task=tasks.Diagonal(np.ones(4)),
        noise=np.full(4, 0.1),
        optimizer=None,
    ).fit(X, Y)
    gp.leave_one_out(by="row")
    gp.predict(np.tile(X, (20, 1)), return_std=True)
    ended = time.monotonic()
    done.set()
    thread.join()
    inside = [t for t in ticks if started < t < ended]
    # A held interpreter would let the thread in between two calls only.
    assert len(inside) > 10
