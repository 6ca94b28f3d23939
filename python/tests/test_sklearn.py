"""scikit-learn: its own checks, and the tools users put estimators into."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from conftest import table

import coregion as cg

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone, is_regressor  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.metrics import r2_score  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, cross_validate  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils import get_tags  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

ESTIMATORS = [cg.MultiTaskGP(), cg.MultiTaskKernelRidge()]

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_sparse_data": "sparse input is not taken; 1.6 asks all the same"
}
"""Checks of scikit-learn that cannot pass, each with its reason."""


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
@pytest.mark.filterwarnings("ignore:.*does not inherit from")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_checks_that_are_for_scikit_learn_itself(estimator):
    from sklearn.utils import estimator_checks

    name = type(estimator).__name__
    for check in (
        "check_dataframe_column_names_consistency",
        "check_n_features_in",
        "check_fit_score_takes_y",
    ):
        getattr(estimator_checks, check)(name, estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_tags_and_clones(estimator):
    assert is_regressor(estimator)
    assert get_tags(estimator).target_tags.multi_output
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)
    x, y = table()
    fitted = clone(estimator).fit(x, y)
    check_is_fitted(fitted)
    assert "model_" not in vars(clone(fitted))
    assert clone(fitted).get_params(deep=False).keys() == estimator.get_params(deep=False).keys()


def test_errors_before_fit_are_those_of_scikit_learn():
    with pytest.raises(NotFittedError) as caught:
        cg.MultiTaskGP().predict([[1.0]])
    assert isinstance(caught.value, cg.NotFittedError)
    assert isinstance(caught.value, ValueError)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), NotFittedError)


def test_score_is_that_of_scikit_learn(gp):
    x, y = table(20, seed=1)
    assert gp.score(x, y) == pytest.approx(r2_score(y, gp.predict(x)))
    w = np.linspace(0.1, 2.0, 20)
    assert gp.score(x, y, sample_weight=w) == pytest.approx(r2_score(y, gp.predict(x), sample_weight=w))
    constant = np.column_stack([y[:, 0], np.ones(20)])
    assert gp.score(x, constant) == pytest.approx(r2_score(constant, gp.predict(x)))


def test_grids_over_parameters_of_kernels_and_tasks():
    x, y = table()
    kr = cg.MultiTaskKernelRidge(cg.kernels.RBF(lengthscale=1.0), alpha=0.1)
    search = GridSearchCV(kr, {"kernel__lengthscale": [0.01, 1.5], "alpha": [0.1, 1.0]}, cv=3).fit(x, y)
    assert search.best_params_["kernel__lengthscale"] == 1.5
    assert search.best_estimator_.kernel.lengthscale == 1.5
    assert kr.kernel.lengthscale == 1.0
    kinds = [cg.kernels.RBF(lengthscale=0.01), cg.kernels.Matern52(lengthscale=1.5)]
    search = GridSearchCV(kr, {"kernel": kinds}, cv=3).fit(x, y)
    assert search.best_params_ == {"kernel": kinds[1]}
    sums = cg.kernels.RBF(lengthscale=1.0) + cg.kernels.Linear(bias=1.0)
    search = GridSearchCV(kr.set_params(kernel=sums), {"kernel__k1__lengthscale": [0.01, 1.5]}, cv=3).fit(
        x, y
    )
    assert search.best_params_ == {"kernel__k1__lengthscale": 1.5}


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
def test_grids_over_the_rank_in_parallel():
    x, y = table(40)
    gp = cg.MultiTaskGP(task=cg.tasks.LowRank(rank=1))
    search = GridSearchCV(gp, {"task__rank": [1, 2]}, cv=2, n_jobs=2).fit(x, y)
    alone = [cross_val_score(clone(gp).set_params(task__rank=r), x, y, cv=2).mean() for r in (1, 2)]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone, rtol=1e-9)
    assert search.best_params_ == {"task__rank": 1 + int(np.argmax(alone))}
    np.testing.assert_array_equal(
        search.predict(x), clone(gp).set_params(**search.best_params_).fit(x, y).predict(x)
    )


def test_pipelines_and_cross_validation():
    x, y = table()
    kr = cg.MultiTaskKernelRidge(cg.kernels.RBF(lengthscale=1.0), alpha=0.1)
    pipe = make_pipeline(StandardScaler(), kr).fit(x, y)
    np.testing.assert_allclose(
        pipe.predict(x),
        kr.fit(StandardScaler().fit_transform(x), y).predict(StandardScaler().fit_transform(x)),
    )
    pipe.set_params(multitaskkernelridge__kernel__lengthscale=2.0)
    assert pipe[-1].kernel.lengthscale == 2.0
    assert len(cross_val_score(kr, x, y, cv=3)) == 3
    assert cross_val_predict(kr, x, y, cv=3).shape == y.shape
    assert "test_neg_mean_absolute_error" in cross_validate(
        kr, x, y, scoring=["neg_mean_absolute_error"], cv=3
    )
    assert "MultiTaskKernelRidge" in pipe._repr_html_()


def test_standard_deviations_through_a_pipeline():
    x, y = table()
    pipe = Pipeline([("scale", StandardScaler()), ("gp", cg.MultiTaskGP())]).fit(x, y)
    mean, std = pipe.predict(x[:3], return_std=True)
    assert mean.shape == std.shape == (3, 2)


@pytest.fixture
def routing():
    sklearn.set_config(enable_metadata_routing=True)
    yield
    sklearn.set_config(enable_metadata_routing=False)


def test_labels_are_routed_through_cross_validation(routing):
    x, y = table()
    rows, tasks = np.divmod(np.arange(60), 2)
    gp = cg.MultiTaskGP().set_fit_request(tasks=True).set_score_request(tasks=True)
    scores = cross_validate(gp, x[rows], y[rows, tasks], params={"tasks": tasks}, cv=3)["test_score"]
    assert (scores > 0).all()
    train, test = np.arange(20, 60), np.arange(20)
    fitted = cg.MultiTaskGP().fit(x[rows[train]], y[rows, tasks][train], tasks=tasks[train])
    expected = fitted.score(x[rows[test]], y[rows, tasks][test], tasks=tasks[test])
    assert scores[0] == pytest.approx(expected, rel=1e-6)


def test_weights_and_variances_are_routed_through_pipelines(routing):
    x, y = table()
    kr = cg.MultiTaskKernelRidge(cg.kernels.RBF(lengthscale=1.0)).set_fit_request(sample_weight=True)
    w = np.linspace(0.1, 2.0, 30)
    pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), kr).fit(x, y, sample_weight=w)
    alone = clone(kr).fit(StandardScaler().fit_transform(x), y, w)
    np.testing.assert_allclose(pipe.predict(x), alone.predict(StandardScaler().fit_transform(x)))
    gp = cg.MultiTaskGP(noise=None).set_fit_request(noise_variance=True)
    assert gp.get_metadata_routing().fit.requests["noise_variance"] is True
    assert clone(gp).get_metadata_routing().fit.requests["noise_variance"] is True
    assert gp.get_metadata_routing().fit.requests["tasks"] is None
    v = np.full(y.shape, [0.01, 0.36])
    pipe = make_pipeline(StandardScaler(), gp).fit(x, y, noise_variance=v)
    assert pipe[-1].model_.data.noise_variances.shape == (30, 2)
    with pytest.raises(TypeError, match="Unexpected args"):
        gp.set_fit_request(weights=True)


def test_routing_must_be_switched_on():
    with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
        cg.MultiTaskGP().set_fit_request(tasks=True)


def test_output_containers_survive_clones():
    pytest.importorskip("pandas")
    kr = cg.MultiTaskKernelRidge().set_output(transform="pandas")
    assert type(clone(kr).fit(*table()).predict(table()[0])).__name__ == "DataFrame"
    assert clone(kr).fit(*table()).posterior().predict(table()[0]).shape == (30, 2)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_fitted_estimators_travel(estimator):
    import copy

    import joblib

    x, y = table()
    fitted = clone(estimator).fit(x, y, task_names=["a", "b"])
    expected = fitted.predict(x)
    for again in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted), copy.copy(fitted)):
        np.testing.assert_allclose(again.predict(x), expected, rtol=1e-12)
        assert again.task_names_ == ["a", "b"]
        assert again.get_params().keys() == fitted.get_params().keys()
    [there] = joblib.Parallel(n_jobs=2)(joblib.delayed(fitted.predict)(part) for part in [x])
    np.testing.assert_allclose(there, expected, rtol=1e-12)
    assert pickle.loads(pickle.dumps(estimator)).get_params().keys() == estimator.get_params().keys()


def test_refitting_forgets_the_fit_before():
    pd = pytest.importorskip("pandas")
    x, y = table()
    kr = cg.MultiTaskKernelRidge().fit(pd.DataFrame(x, columns=["a", "b"]), y[:, 0])
    kr.fit(x[:, :1], y)
    assert kr.n_features_in_ == 1
    assert kr.predict(x[:3, :1]).shape == (3, 2)
    assert not hasattr(kr, "feature_names_in_")


WITHOUT = """
import sys
for name in ("sklearn", "pandas", "polars", "matplotlib", "tqdm", "scipy", "joblib"):
    sys.modules[name] = None
import numpy as np, pickle
import coregion as cg
x = np.linspace(0, 6, 20)[:, None]
y = np.column_stack([np.sin(x), np.cos(x)]) + 0.1 * np.cos(40 * x)
gp = cg.MultiTaskGP().fit(x, y)
assert gp.predict(x, return_std=True)[1].shape == (20, 2)
assert gp.score(x, y) > 0.9
kr = cg.MultiTaskKernelRidge(alphas=[1e-6, 0.1, 100.0]).fit(x, y)
assert pickle.loads(pickle.dumps(kr)).predict(x).shape == (20, 2)
assert "MultiTaskGP" in cg.MultiTaskGP()._repr_html_()
gp.set_params(kernel=cg.kernels.RBF(), kernel__lengthscale=2.0)
try:
    cg.MultiTaskGP().predict(x)
except cg.NotFittedError as error:
    assert type(error) is cg.NotFittedError
else:
    raise AssertionError
gp.set_params(progress=True).fit(x, y)
"""


def test_nothing_but_numpy_is_needed():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


LIGHT = """
import sys, time
import numpy
before = set(sys.modules)
start = time.perf_counter()
import coregion
took = time.perf_counter() - start
heavy = {"sklearn", "pandas", "polars", "matplotlib", "tqdm", "scipy", "joblib"}
loaded = {name.partition(".")[0] for name in set(sys.modules) - before} & heavy
assert not loaded, loaded
assert "plots" in dir(coregion)
print(f"importing coregion beyond numpy took {took:.3f} s")
try:
    coregion.nothing
except AttributeError as error:
    assert "has no attribute 'nothing'" in str(error)
else:
    raise AssertionError
"""


def test_importing_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout)


def test_warnings_of_names_are_issued_once_for_each_call():
    x, y = table()
    kr = cg.MultiTaskKernelRidge().fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kr.predict(x)
        kr.score(x, y)
