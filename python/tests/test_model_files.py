"""Model files go between Rust and Python.

``tests/model_files`` holds files that either side saved once, with the predictions they made then. Both
sides load both. ``python python/tests/test_model_files.py`` writes Python's; the Rust tests write Rust's
where ``COREGION_WRITE_MODEL_FILES=1`` is set.
"""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

import coregion as cg
from coregion import kernels, tasks

FOLDER = Path(__file__).parents[2] / "tests" / "model_files"
KINDS = ["gaps", "long", "ridge"]


@pytest.mark.parametrize("estimator", [cg.MultiTaskGP(max_iter=2), cg.MultiTaskKernelRidge()])
def test_answers_keep_their_shape(estimator, tmp_path):
    X = np.linspace(0.0, 5.0, 14)[:, None]
    for y in (np.sin(X[:, 0]), np.sin(X)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cg.exceptions.CoregionWarning)
            fitted = estimator.fit(X, y)
        fitted.save(tmp_path / "model.safetensors")
        for again in (cg.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(fitted))):
            assert again.predict(X).shape == y.shape
            assert again.leave_one_out()[0].shape == y.shape


def models() -> dict[str, cg.MultiTaskGP | cg.MultiTaskKernelRidge]:
    """A fitted model of each kind."""
    X = np.linspace(0.0, 5.0, 14)[:, None]
    Y = np.column_stack([np.sin(X[:, 0]), 2.0 * np.cos(X[:, 0]) + 5.0])
    Y += 0.1 * np.random.default_rng(3).normal(size=Y.shape)
    gaps = Y.copy()
    gaps[[2, 7], 1] = np.nan
    kernel = kernels.RBF() + 0.5 * kernels.Matern32(lengthscale=2.0)
    long = cg.MultiTaskGP(kernel, tasks.FreeForm(), noise="full", normalize_x=False)
    observed = np.full(28, 0.02)
    ridge = cg.MultiTaskKernelRidge(kernels.RBF(lengthscale=1.0), alphas=[0.01, 0.1, 1.0], fit_intercept=True)
    return {
        "gaps": cg.MultiTaskGP(kernels.Matern52(), tasks.LowRank(1)).fit(X, gaps, task_names=["a", "b"]),
        "long": long.fit(np.repeat(X, 2, axis=0), Y.ravel(), tasks=["a", "b"] * 14, noise_variance=observed),
        "ridge": ridge.fit(X, Y),
    }


def expected(model: cg.MultiTaskGP | cg.MultiTaskKernelRidge) -> dict[str, object]:
    """What a model says at three rows."""
    rows = np.array([[0.3], [2.6], [6.0]])
    out: dict[str, object] = {"rows": rows.tolist(), "mean": np.asarray(model.predict(rows)).tolist()}
    if isinstance(model, cg.MultiTaskGP):
        out["std"] = np.asarray(model.predict(rows, return_std=True)[1]).tolist()
        out["log_marginal_likelihood"] = model.log_marginal_likelihood_
    return out


def assert_says(model: cg.MultiTaskGP | cg.MultiTaskKernelRidge, kept: dict[str, object]) -> None:
    found = expected(model)
    assert found.keys() == kept.keys()
    for name in found:
        np.testing.assert_allclose(found[name], kept[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("language", ["python", "rust"])
@pytest.mark.parametrize("kind", KINDS)
def test_files_saved_once_are_read(language: str, kind: str) -> None:
    kept = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))[kind]
    model = cg.load(FOLDER / f"{language}_{kind}.safetensors")
    assert_says(model, kept)


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    for kind, model in models().items():
        path = tmp_path / f"{kind}.safetensors"
        model.save(path)
        again = cg.load(path)
        assert type(again) is type(model)
        assert list(again.task_names_) == list(model.task_names_)
        assert_says(again, expected(model))
        assert_says(pickle.loads(pickle.dumps(model)), expected(model))


def write() -> None:
    """Writes the files that stand for those saved from Python."""
    kept = {}
    for kind, model in models().items():
        model.save(FOLDER / f"python_{kind}.safetensors")
        kept[kind] = expected(model)
    (FOLDER / "python.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
