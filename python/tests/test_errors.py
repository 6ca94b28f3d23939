"""Refusals: each names the argument, what it was and what was expected."""

from __future__ import annotations

import datetime
import pickle

import numpy as np
import pytest
from conftest import table

import coregion as cg
from coregion import kernels, tasks

PAIR = (kernels.RBF(), tasks.LowRank(rank=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "rbf"}, "kernel: found str 'rbf'"),
        ({"kernel": kernels.RBF}, r"kernel: found the class RBF, .*RBF\(\)"),
        ({"task": kernels.RBF()}, "task: found RBF"),
        ({"terms": [PAIR, PAIR[:1]]}, r"terms: found .*, expected a list of pairs \(kernel, task\)"),
        ({"terms": []}, r"terms: found \[\], expected a list of pairs"),
        ({"terms": 3}, "terms: found 3"),
        ({"terms": [PAIR], "kernel": kernels.RBF()}, "terms and kernel or task cannot be combined"),
        ({"noise": "white"}, "noise: found 'white', expected 'shared'"),
        ({"noise": 0.1}, r"noise: found shape \(\), expected"),
        ({"noise": [0.1, 0.2, 0.3]}, r"noise: found shape \(3,\), expected .*\(2,\)"),
        ({"noise": [0.1, np.nan]}, "noise: found NaN"),
        ({"noise": [0.1, -0.2]}, "noise"),
        ({"mean": "quadratic"}, "mean: found 'quadratic'"),
        ({"mean": [1.0]}, r"mean: found shape \(1,\)"),
        ({"mean": lambda x: x[:3]}, "mean"),
        ({"warp": 3}, "warp: found 3, expected None, 'log'"),
        ({"optimizer": "adam"}, "optimizer 'adam'.*alternating"),
        ({"optimizer": 3}, "optimizer: found 3"),
        ({"solver": "sparse"}, "solver 'sparse'.*kronecker"),
        ({"normalize_x": "yes"}, "normalize_x: found 'yes', expected True or False"),
        ({"normalize_y": 2}, "normalize_y: found 2"),
        ({"n_restarts": -1}, "n_restarts: found -1"),
        ({"n_restarts": 1.5}, "n_restarts: found 1.5"),
        ({"max_iter": "many"}, "max_iter: found 'many'"),
        ({"tol": 0.0}, "tol: found 0.0"),
        ({"random_state": "seed"}, "random_state: found 'seed'"),
        ({"random_state": -3}, "random_state: found -3"),
        ({"fixed": ["no.such"]}, "no.such"),
        ({"fixed": [3]}, "fixed: found"),
        ({"ties": ["a"]}, "ties: found"),
        ({"ties": [("a", "b")]}, "a"),
        ({"device": "tpu"}, "device: found 'tpu'"),
        ({"memory_budget": 0}, "memory_budget: found 0"),
        ({"solver_memory": "1 GB"}, "solver_memory: found '1 GB'"),
        (
            {"rank_tol": 0.5, "solver": "low-rank"},
            "rank_tol: found 0.5, expected a number from 1e-14 to 0.1",
        ),
        ({"rank_tol": 1e-6}, "rank_tol and the solver 'auto' cannot be combined"),
        ({"rank_tol": "small"}, "rank_tol: found 'small'"),
        ({"cg": {"tol": 1e-3}}, "unknown setting of cg 'tol', expected one of: tolerance, .*seed"),
        ({"cg": {"tol": 3}}, "unknown setting of cg 'tol'"),
        ({"cg": {3: 1e-3}}, "cg: found a setting 3, expected .*text"),
        ({"cg": {"tolerance": "small"}}, "tolerance"),
        ({"cg": {"rank": 2.5}}, r"cg\['rank'\]: found 2.5, expected a whole number"),
        ({"cg": {"rank": -1}}, r"cg\['rank'\]: found -1"),
        ({"cg": {"rank": 2**70}}, r"cg\['rank'\]: found 1180591620717411303424, expected .*at most"),
        ({"cg": {"tolerance": 10**400}}, r"cg\['tolerance'\]: found 10"),
        ({"n_restarts": 2**70}, "n_restarts: found 1180591620717411303424, expected .*at most"),
        ({"max_iter": 2**70}, "max_iter: found 1180591620717411303424, expected .*at most"),
        ({"memory_budget": 2**70}, "memory_budget: found 1180591620717411303424, expected .*at most"),
        ({"memory_budget": 1e30}, "memory_budget: found 1e[+]30, expected .*at most"),
        ({"solver_memory": 2**70}, "solver_memory: found 1180591620717411303424, expected .*at most"),
        ({"tol": 10**400}, "tol: found 10"),
        ({"n_restarts": 5, "optimizer": None}, "n_restarts and optimizer=None cannot be combined"),
        (
            {"task": tasks.FreeForm(B=np.zeros((2, 2, 2)))},
            "FreeForm.B: found 3 dimensions, .* at most 2",
        ),
        ({"task": tasks.LowRank(rank=2**70)}, "LowRank.rank: found 1180591620717411303424"),
        ({"kernel": kernels.RBF().on([2**70])}, "Columns.columns: found 1180591620717411303424"),
        ({"kernel": kernels.RBF(lengthscale=10**400)}, "RBF.lengthscale: found 10"),
        ({"kernel": kernels.RBF(fixed=3)}, "RBF.fixed: found 3, expected names"),
        ({"cg": 3}, "cg: found 3"),
        ({"progress": "bar"}, "progress: found 'bar'"),
        ({"verbose": -1}, "verbose: found -1"),
        ({"verbose": "loud"}, "verbose: found 'loud'"),
        ({"optimizer": None}, "lengthscale has no value"),
        ({"kernel": kernels.RBF().on(["lon"])}, "found 'lon', expected one of: x0, x1"),
        ({"kernel": kernels.RBF().on([7])}, "7"),
        ({"kernel": kernels.RBF(lengthscale=-1.0)}, "lengthscale"),
    ],
)
def test_settings_that_are_not_accepted(xy, options, message):
    with pytest.raises(ValueError, match=message):
        cg.MultiTaskGP(**options).fit(*xy)


def test_no_gpu_in_this_build(xy):
    with pytest.raises(cg.DeviceError, match="no GPU backend"):
        cg.MultiTaskGP(device="gpu").fit(*xy)
    assert cg.MultiTaskGP(device="auto").fit(*xy).report_.converged


def test_settings_are_not_looked_at_before_fit():
    assert cg.MultiTaskGP(noise="white").noise == "white"


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], "Expected 2D array, got 1D array instead(.|\n)*Reshape your data"),
        (3.0, [1.0], "Expected 2D array, got scalar"),
        (np.zeros((2, 2, 2)), [1.0, 2.0], "Found array with dim 3"),
        (np.zeros((0, 2)), np.zeros(0), r"Found array with 0 sample\(s\)"),
        (np.zeros((2, 0)), [1.0, 2.0], r"Found array with 0 feature\(s\)"),
        ([[1.0], [np.nan]], [1.0, 2.0], "X: found NaN at row 1, column 0"),
        ([[1.0], [-np.inf]], [1.0, 2.0], "X: found -inf at row 1, column 0"),
        ([[1.0], [2.0]], [1.0, np.inf], "y: found inf at row 1"),
        ([[10**400], [1]], [1.0, 2.0], "X: found a number beyond the range of float64, expected numbers"),
        ([[1.0], [2.0]], [10**400, 1], "y: found a number beyond the range of float64"),
        ([[1.0], [2.0]], [np.nan, np.nan], "y: found NaN everywhere"),
        ([[1.0], [2.0]], [1.0, 2.0, 3.0], "y: found 3 rows, expected 2 rows, as many as X has"),
        ([[1.0], [2.0]], None, "requires y to be passed"),
        ([[1.0], [2.0]], np.zeros((2, 2, 2)), "y: found 3 dimensions"),
        ([[1.0], [2.0]], np.zeros((2, 0)), "y: found 0 columns"),
        ([[1.0], [2.0, 3.0]], [1.0, 2.0], "X: found rows of different lengths"),
        ([["a"], ["b"]], [1.0, 2.0], r"X: found text \('a'\)"),
        (np.array([["1"], [2.0]], dtype=object), [1.0, 2.0], r"X: found text \('1'\)"),
        ([[1.0], [1j]], [1.0, 2.0], "Complex data not supported"),
        (np.array([["2020-01-01"], ["2020-01-02"]], "datetime64[D]"), [1.0, 2.0], "X: found dates"),
    ],
)
@pytest.mark.parametrize("estimator", [cg.MultiTaskGP(), cg.MultiTaskKernelRidge()])
def test_data_that_are_not_accepted(estimator, x, y, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(x, y)


def test_sparse_matrices_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    x, y = table()
    with pytest.raises(ValueError, match=r"Sparse data .*toarray"):
        cg.MultiTaskGP().fit(sparse.csr_matrix(x), y)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, 2, 0, 2], {}, "no row of task 1"),
        ([0, -1, 0, 1], {}, "tasks: found -1"),
        ([0, 1, 0], {}, "tasks: found 3 labels, expected 4"),
        ([0, 0.5, 0, 1], {}, "tasks: found 0.5, expected whole numbers or text"),
        ([0, np.nan, 0, 1], {}, "missing label"),
        ([0, np.inf, 0, 1], {}, "tasks: found inf, expected whole numbers or text"),
        ([0, 1e300, 0, 1], {}, "no row of task 2"),
        (["a", None, "a", "b"], {}, "missing label"),
        ("abab", {}, "tasks: found 'abab'"),
        ([[0], [1], [0], [1]], {}, "tasks: found 2 dimensions"),
        (list("abab"), {"task_names": ["a", "c"]}, "unknown task label 'b', expected one of: a, c"),
        (list("abab"), {"task_names": ["a", "b", "a"]}, "task_names: found 'a' twice"),
        (list("abab"), {"task_names": []}, "task_names: found none"),
        (list("abab"), {"task_names": {"a"}}, "task_names: found {'a'}, expected a list of names"),
        (list("abab"), {"task_names": "ab"}, "task_names: found 'ab', expected a list of names"),
        ([0, 1, 2, 0], {"task_names": ["a", "b"]}, "unknown task label 2"),
        (list("abab"), {"noise_variance": [1.0]}, "noise_variance: found 1 numbers, expected 4"),
    ],
)
def test_labels_that_are_not_accepted(labels, options, message):
    with pytest.raises(ValueError, match=message):
        cg.MultiTaskGP().fit([[0.0], [1.0], [2.0], [3.0]], [0.1, 0.2, 0.3, 0.1], tasks=labels, **options)


def test_lists_of_observations_have_one_number_each():
    x, y = table(4)
    with pytest.raises(cg.IncompatibleError, match="a table y and tasks"):
        cg.MultiTaskGP().fit(x, y, tasks=[0, 1, 0, 1])
    with pytest.raises(cg.NotFiniteError):
        cg.MultiTaskGP().fit(x, [0.1, np.nan, 0.3, 0.2], tasks=[0, 1, 0, 1])
    with pytest.raises(cg.ShapeError, match="task_names: found 3 names, expected 2"):
        cg.MultiTaskGP().fit(x, y, task_names=["a", "b", "c"])


def test_rows_that_do_not_fit_the_model(gp):
    with pytest.raises(
        ValueError, match="X has 1 features, but MultiTaskGP is expecting 2 features as input"
    ):
        gp.predict([[1.0]])
    with pytest.raises(ValueError, match="Reshape your data"):
        gp.predict([1.0, 2.0])
    with pytest.raises(ValueError, match="NaN"):
        gp.predict([[1.0, np.nan]])
    with pytest.raises(ValueError, match="unknown task label 'Cd'"):
        gp.predict([[1.0, 2.0]], tasks=["Cd"])
    with pytest.raises(ValueError, match="tasks: found 2 labels, expected 1"):
        gp.predict([[1.0, 2.0]], tasks=[0, 1])
    with pytest.raises(ValueError, match="given: found shape"):
        gp.predict([[1.0, 2.0]], given=[[1.0]])
    with pytest.raises(ValueError, match="given: found inf"):
        gp.predict([[1.0, 2.0]], given=[[1.0, np.inf]])


@pytest.mark.parametrize(
    "groups",
    [
        [None, 1.0] * 15,
        [np.nan, 1.0] * 15,
        np.array([np.nan, 1.0] * 15),
        [None, "a"] * 15,
        [np.datetime64("NaT"), np.datetime64("2020-01-01")] * 15,
    ],
)
def test_groups_without_a_label_are_refused(gp, groups):
    with pytest.raises(cg.InvalidValueError, match="groups: found a missing label, expected a label"):
        gp.leave_one_out(groups=groups)
    with pytest.raises(cg.InvalidValueError, match="groups: found a missing label"):
        gp.k_fold(groups)


def test_groups_of_kinds_without_an_order_are_refused(gp):
    with pytest.raises(cg.InvalidValueError, match="groups: found labels that have no order, expected"):
        gp.leave_one_out(groups=[1, datetime.date(2020, 1, 1)] * 15)


@pytest.mark.parametrize("path", [b"model.safetensors", 3, None])
def test_paths_are_text(gp, path):
    with pytest.raises(cg.InvalidValueError, match=r"path: found .*, expected text or a pathlib\.Path"):
        cg.load(path)
    with pytest.raises(cg.InvalidValueError, match=r"path: found .*, expected text or a pathlib\.Path"):
        gp.save(path)


def test_nothing_held_may_be_written_as_none(xy):
    free = cg.MultiTaskGP(kernels.RBF(1.0)).fit(*xy)
    none = cg.MultiTaskGP(kernels.RBF(1.0, fixed=None)).fit(*xy)
    assert none.log_marginal_likelihood_ == free.log_marginal_likelihood_
    assert np.ravel(none.kernel_.lengthscale)[0] != 1.0


def test_draws_are_counted_in_numbers_that_fit(gp):
    with pytest.raises(cg.InvalidValueError, match="n_samples: found 1180591620717411303424"):
        gp.sample_y([[1.0, 2.0]], n_samples=2**70)


METHODS = [
    ("predict", ([[1.0]],)),
    ("score", ([[1.0]], [1.0])),
    ("condition", ([[1.0]], [1.0])),
    ("task_view", ("a",)),
    ("impute", ()),
    ("sample_y", ([[1.0]],)),
    ("leave_one_out", ()),
    ("k_fold", (3,)),
    ("log_marginal_likelihood", ()),
    ("save", ("never.safetensors",)),
    ("summary", ()),
]


@pytest.mark.parametrize(("method", "arguments"), METHODS)
def test_nothing_is_answered_before_fit(method, arguments):
    with pytest.raises(cg.NotFittedError, match="This MultiTaskGP instance is not fitted yet"):
        getattr(cg.MultiTaskGP(), method)(*arguments)


@pytest.mark.parametrize("estimator", [cg.MultiTaskGP(), cg.MultiTaskKernelRidge()])
def test_fitted_attributes_are_absent_before_fit(estimator):
    names = [name for name in dir(type(estimator)) if name.endswith("_") and not name.startswith("_")]
    assert {"kernel_", "task_covariance_", "n_features_in_"} <= set(names)
    for name in names:
        assert not hasattr(estimator, name), name


def test_errors_keep_their_class_in_pickles():
    for estimator in (cg.MultiTaskGP(), cg.MultiTaskKernelRidge()):
        with pytest.raises(cg.NotFittedError) as caught:
            estimator.predict([[1.0]])
        again = pickle.loads(pickle.dumps(caught.value))
        assert isinstance(again, cg.NotFittedError)
        assert again.args == caught.value.args
    with pytest.raises(cg.ShapeError) as wrong:
        cg.MultiTaskGP().fit([[1.0]], [1.0, 2.0])
    assert pickle.loads(pickle.dumps(wrong.value)).argument == "y"


def test_every_kind_of_warning_has_a_class():
    from coregion._report import CATEGORIES

    assert all(issubclass(kind, cg.CoregionWarning) for kind in CATEGORIES.values())
    assert cg.FitWarning("of the future", "m").category is cg.CoregionWarning
