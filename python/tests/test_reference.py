"""Numbers of other software: every case of tests/reference."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coregion as cg
from coregion import kernels, tasks

FOLDER = Path(__file__).parents[2] / "tests" / "reference"
SOLVERS = ["kronecker", "choleskys", "schur", "dense"]
FORMS = ["free-form", "fixed", "low-rank"]
"""The task covariances of `task_forms`, in its order."""


def load(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def cases(name: str, key: str = "cases", *, n_terms: int = 1) -> list[Any]:
    """The cases of a file with that many separable terms, by name."""
    found = [case for case in load(name)[key] if len(case.get("terms", [0])) == n_terms]
    return [pytest.param(case, id=f"{name}-{case['name']}") for case in found]


def kernel(node: dict[str, Any]) -> kernels.Kernel:
    kind = node["type"]
    if kind == "Sum":
        return functools.reduce(lambda a, b: a + b, [kernel(part) for part in node["terms"]])
    if kind == "Product":
        return functools.reduce(lambda a, b: a * b, [kernel(part) for part in node["factors"]])
    if kind == "Scaled":
        return node["variance"] * kernel(node["kernel"])
    values = {name: value for name, value in node.items() if name not in ("type", "formula")}
    return getattr(kernels, kind)(**values)


def near(found: Any, expected: Any, rtol: float = 1e-8) -> None:
    """Equal up to `rtol` of the largest entry."""
    expected = np.asarray(expected, dtype=float)
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * np.abs(expected).max())


def held(kernel: Any, task: Any, noise: Any, solver: str = "auto", terms: Any = None) -> cg.MultiTaskGP:
    """A model evaluated at the values given."""
    return cg.MultiTaskGP(
        kernel=kernel,
        task=task,
        terms=terms,
        noise=np.asarray(noise),
        optimizer=None,
        normalize_x=False,
        normalize_y=False,
        mean="zero",
        solver=solver,
    )


def task_forms(term: dict[str, Any]) -> list[tasks.Task]:
    """B as a whole, and by its factor."""
    return [
        tasks.FreeForm(term["B"]),
        tasks.Fixed(term["B"]),
        tasks.LowRank(rank=len(term["W"][0]), W=term["W"], kappa=term["kappa"]),
    ]


def held_sum(case: dict[str, Any], form: int, noise: Any, solver: str) -> cg.MultiTaskGP:
    """The sum of all terms of a case, each B in that form."""
    terms = [(kernel(term["kernel"]), task_forms(term)[form]) for term in case["terms"]]
    return held(None, None, noise, solver, terms)


@pytest.mark.parametrize("case", cases("sklearn", "kernels") + cases("gpytorch", "kernels"))
def test_gram_matrices(case: dict[str, Any]) -> None:
    shared = load("sklearn")
    x, xs = np.array(case.get("X", shared["X"])), np.array(case.get("Xs", shared["Xs"]))
    if case["kernel"]["type"] == "SpectralMixture":
        # The numbers are the product over columns of one-column mixtures, not the formula beside them.
        node = case["kernel"]
        columns = [
            kernels.SpectralMixture(
                node["weights"],
                np.array(node["frequencies"])[:, [c]],
                np.array(node["bandwidths"])[:, [c]],
            ).on(c)
            for c in range(x.shape[1])
        ]
        k = functools.reduce(lambda a, b: a * b, columns)
    else:
        k = kernel(case["kernel"])
    near(k(x), case["gram"])
    shape = np.shape(case["gram_cross"])
    near(k(x, xs) if shape == (len(x), len(xs)) else k(xs, x), case["gram_cross"])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("case", [c for c in cases("gpytorch") if "task" not in c.values[0]])
def test_complete_tables(case: dict[str, Any], solver: str) -> None:
    term = case["terms"][0]
    for task in task_forms(term):
        gp = held(kernel(term["kernel"]), task, case["noise_covariance"], solver)
        gp.fit(case["X"], case["Y"])
        # Without gaps there is no Schur complement to take.
        assert gp.report_.solver == ("kronecker" if solver == "schur" else solver)
        assert gp.report_.exact
        near(gp.log_marginal_likelihood_, case["lml"])
        mean, cov = gp.predict(case["Xs"], return_cov=True)
        near(mean, case["mean"])
        near(cov, case["latent_cov"])
        variance = np.einsum("itit->it", np.array(case["latent_cov"]))
        near(gp.predict(case["Xs"], return_std=True)[1] ** 2, variance)
        observed = gp.predict(case["Xs"], return_std=True, include_noise=True)[1]
        near(observed**2, variance + np.diag(case["noise_covariance"]))


@pytest.mark.parametrize("solver", ["schur", "dense"])
@pytest.mark.parametrize("case", [c for f in ("gpytorch", "gpy") for c in cases(f) if "task" in c.values[0]])
def test_lists_of_observations(case: dict[str, Any], solver: str) -> None:
    term = case["terms"][0]
    n_tasks = len(term["B"])
    if "per_task_noise" in case:
        # GPy adds 1e-8 to the diagonal of every covariance that it inverts.
        noise = np.array(case["per_task_noise"]) + 1e-8
    else:
        noise = np.full(n_tasks, case["noise"])
    for task in task_forms(term):
        gp = held(kernel(term["kernel"]), task, noise, solver)
        gp.fit(case["X"], case["y"], tasks=case["task"])
        near(gp.log_marginal_likelihood_, case["lml"])
        at = np.array(case["task_s"])
        mean, std = gp.predict(case["Xs"], tasks=at, return_std=True)
        near(mean, case["mean"])
        near(std**2, case["latent_var"] if "latent_var" in case else np.diag(case["latent_cov"]))
        if "latent_cov" in case:
            rows = np.arange(len(at))
            cov = gp.predict(case["Xs"], return_cov=True)[1]
            near(cov[rows[:, None], at[:, None], rows, at], case["latent_cov"])


@pytest.mark.parametrize("form", range(len(FORMS)), ids=FORMS)
@pytest.mark.parametrize("solver", ["auto", "dense"])
@pytest.mark.parametrize("case", cases("gpytorch", n_terms=2))
def test_sums_of_terms(case: dict[str, Any], solver: str, form: int) -> None:
    gp = held_sum(case, form, case["noise_covariance"], solver).fit(case["X"], case["Y"])
    assert gp.report_.solver == "dense"
    assert gp.report_.exact
    near(gp.log_marginal_likelihood_, case["lml"])
    for found, term in zip(gp.task_covariances_, case["terms"], strict=True):
        near(found, term["B"])
    mean, cov = gp.predict(case["Xs"], return_cov=True)
    near(mean, case["mean"])
    near(cov, case["latent_cov"])
    variance = np.einsum("itit->it", np.array(case["latent_cov"]))
    near(gp.predict(case["Xs"], return_std=True)[1] ** 2, variance)
    observed = gp.predict(case["Xs"], return_std=True, include_noise=True)[1]
    near(observed**2, variance + np.diag(case["noise_covariance"]))


@pytest.mark.parametrize("form", range(len(FORMS)), ids=FORMS)
@pytest.mark.parametrize("solver", ["auto", "dense"])
@pytest.mark.parametrize("case", cases("gpy", n_terms=2))
def test_sums_of_terms_of_lists_of_observations(case: dict[str, Any], solver: str, form: int) -> None:
    # GPy adds 1e-8 to the diagonal of every covariance that it inverts.
    gp = held_sum(case, form, np.array(case["per_task_noise"]) + 1e-8, solver)
    gp.fit(case["X"], case["y"], tasks=case["task"])
    near(gp.log_marginal_likelihood_, case["lml"])
    mean, std = gp.predict(case["Xs"], tasks=case["task_s"], return_std=True)
    near(mean, case["mean"])
    near(std**2, case["latent_var"])


def test_every_case_of_other_software_is_there() -> None:
    found = {name: [len(case["terms"]) for case in load(name)["cases"]] for name in ("gpytorch", "gpy")}
    assert sorted(found["gpytorch"]) == [1] * 7 + [2] * 3
    assert sorted(found["gpy"]) == [1, 2]


def dense_case(name: str) -> dict[str, Any]:
    return next(case for case in load("dense")["cases"] if case["name"] == name)


@pytest.mark.parametrize("solver", ["schur", "dense"])
def test_a_table_with_gaps(solver: str) -> None:
    case = dense_case("icm-missing-entries-per-task-noise")
    y = np.where(np.array(case["observed"], dtype=bool), case["Y"], np.nan)
    assert np.isnan(y).sum() == 7
    gp = held(kernels.RBF(case["lengthscale"]), tasks.FreeForm(case["B"]), case["noise"], solver)
    gp.fit(case["X"], y)
    near(gp.log_marginal_likelihood_, case["lml"])
    mean, std = gp.predict(case["Xs"], return_std=True)
    near(mean, case["mean"])
    near(std**2, case["latent_var"])


def test_gradients() -> None:
    case = dense_case("icm-full-noise-gradient")
    gp = held(kernels.RBF(case["lengthscale"]), tasks.FreeForm(case["B"]), case["noise_covariance"])
    gp.fit(case["X"], case["Y"])
    near(gp.log_marginal_likelihood_, case["lml"])
    value, gradient = gp.log_marginal_likelihood({}, eval_gradient=True)
    near(value, case["lml"])
    near(gradient["terms[0].kernel.lengthscale"], case["d_lml_d_lengthscale"], 1e-5)
    # B = L L': the gradient by L is twice that by B, times L, below the diagonal.
    by_b = np.array(case["d_lml_d_B_entries_free"])
    path = "terms[0].task.factor"
    by_factor = np.tril(2 * by_b @ np.asarray(gp.parameters_[path]))
    near(np.tril(gradient[path]), by_factor, 1e-5)


def test_likelihoods_elsewhere_are_those_of_a_model_there() -> None:
    case = dense_case("icm-full-noise-gradient")
    path = "terms[0].kernel.lengthscale"
    gp = held(kernels.RBF([9.0, 9.0, 9.0]), tasks.FreeForm(case["B"]), case["noise_covariance"])
    gp.fit(case["X"], case["Y"])
    assert abs(gp.log_marginal_likelihood_ - case["lml"]) > 0.1
    near(gp.log_marginal_likelihood({path: case["lengthscale"]}), case["lml"])


@pytest.mark.parametrize("case", cases("sklearn", "single_task_gps"))
def test_single_task_gps(case: dict[str, Any]) -> None:
    shared = load("sklearn")
    node = case["kernel"]
    gp = held(kernel(node["kernel"]), tasks.Fixed([[node["variance"]]]), [case["noise"]])
    gp.fit(shared["X"], np.ravel(case["y"]))
    near(gp.log_marginal_likelihood_, case["lml"])
    mean, cov = gp.predict(shared["Xs"], return_cov=True, include_noise=True)
    near(np.ravel(mean), np.ravel(case["mean"]))
    near(np.reshape(cov, np.shape(case["latent_plus_noise_cov"])), case["latent_plus_noise_cov"])
    gradient = gp.log_marginal_likelihood({}, eval_gradient=True)[1]
    lengthscale = np.array(node["kernel"]["lengthscale"])
    found = np.asarray(gradient["terms[0].kernel.lengthscale"]) * lengthscale
    near(found, case["grad_wrt_log_params"][1:4], 1e-7)


def test_kernel_ridge_of_scikit_learn() -> None:
    shared = load("sklearn")
    for case in shared["kernel_ridge"]:
        kr = cg.MultiTaskKernelRidge(kernel=kernel(case["kernel"]), alpha=case["alpha"])
        kr.fit(shared["X"], shared["Y"])
        near(kr.dual_coef_, case["dual_coef"])
        near(kr.predict(shared["Xs"]), case["mean"])


def test_vector_valued_kernel_ridge() -> None:
    case = dense_case("vector-valued-kernel-ridge")
    kr = cg.MultiTaskKernelRidge(
        kernel=kernels.RBF(case["lengthscale"]), task=tasks.Fixed(case["B"]), alpha=case["alpha"]
    )
    kr.fit(case["X"], case["Y"])
    near(kr.predict(case["Xs"]), case["mean"])
    near(kr.leave_one_out(by="row")[0], case["leave_one_row_out_predictions"])
    groups = np.array(case["leave_group_out_groups"])
    near(kr.leave_one_out(by="row", groups=groups)[0], case["leave_group_out_predictions"])
