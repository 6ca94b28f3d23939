"""What fits warn of, and answers that are refused rather than misread."""

from __future__ import annotations

import numpy as np
import pytest

import coregion as cg


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
def test_quantiles_of_latent_functions_around_observations_are_refused():
    rng = np.random.default_rng(0)
    x = rng.uniform(0.0, 10.0, (40, 1))
    shared = rng.normal(size=40)
    y = np.column_stack([np.sin(x[:, 0]) + shared, np.cos(x[:, 0]) + shared + 0.1 * rng.normal(size=40)])
    given = [[2.5, np.nan]]
    full = cg.MultiTaskGP(noise="full").fit(x, y)
    with pytest.raises(cg.exceptions.IncompatibleError, match="include_noise=True"):
        full.predict([[2.0]], given=given, quantiles=[0.5])
    middle = full.predict([[2.0]], given=given, quantiles=[0.5], include_noise=True)[0, 1, 0]
    assert middle == full.predict([[2.0]], given=given)[0, 1]
    assert cg.MultiTaskGP().fit(x, y).predict([[2.0]], given=given, quantiles=[0.5]).shape == (1, 2, 1)


def test_many_warnings_of_one_kind_are_issued_in_part():
    rng = np.random.default_rng(1)
    with pytest.warns(cg.exceptions.DataWarning) as seen:
        gp = cg.MultiTaskGP(task=cg.tasks.LowRank(1)).fit(rng.normal(size=(3, 1)), rng.normal(size=(3, 30)))
    kinds = [warning.kind for warning in gp.report_.warnings]
    most = max(set(kinds), key=kinds.count)
    assert kinds.count(most) == 30
    assert len(seen) < 15
    assert any("and 27 more warnings" in str(warning.message) for warning in seen)


def test_a_parameter_held_without_a_value_is_warned_of():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(20, 1)), rng.normal(size=(20, 2))
    with pytest.warns(cg.exceptions.DataWarning, match="held without a value given"):
        cg.MultiTaskGP(cg.kernels.RBF(fixed=["lengthscale"])).fit(x, y)


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
def test_known_noise_goes_to_the_tasks_that_its_columns_name():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(20, 1)), pd.DataFrame(rng.normal(size=(20, 2)), columns=["a", "b"])
    known = pd.DataFrame({"a": np.full(20, 0.1), "b": np.full(20, 2.0)})
    settings = cg.MultiTaskGP(
        cg.kernels.RBF(lengthscale=1.0), cg.tasks.Fixed(np.eye(2)), None, optimizer=None
    )
    gp = settings.fit(x, y, noise_variance=known)
    mean, more = gp.predict(x), gp.condition(x[:3] + 1.0, y[:3], known[:3]).predict(x)
    swapped = known[["b", "a"]]
    again = settings.fit(x, y, noise_variance=swapped)
    np.testing.assert_array_equal(again.predict(x), mean)
    found = again.condition(x[:3] + 1.0, y[:3][["b", "a"]], swapped[:3]).predict(x)
    np.testing.assert_array_equal(found, more)
    with pytest.raises(ValueError, match="noise_variance: found columns u, v, expected columns a, b"):
        settings.fit(x, y, noise_variance=known.set_axis(["u", "v"], axis=1))


@pytest.mark.parametrize("what", [{"a": 1}, object(), {1, 2}, [[{}], [{}]]])
def test_what_is_no_number_is_refused_by_name(what):
    with pytest.raises(ValueError, match=r"^X: found .*expected an array of numbers"):
        cg.MultiTaskGP().fit(what, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"^y: found .*expected an array of numbers"):
        cg.MultiTaskGP().fit([[1.0], [2.0]], what)


def test_more_starts_than_any_fit_needs_are_refused():
    with pytest.raises(ValueError, match=r"n_restarts: found .* expected at most 100000"):
        cg.MultiTaskGP(n_restarts=2**62).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.5])


def test_scores_have_no_negative_weights():
    kr = cg.MultiTaskKernelRidge(cg.kernels.RBF(lengthscale=1.0)).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.5])
    with pytest.raises(ValueError, match=r"sample_weight: found -1.0"):
        kr.score([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.5], sample_weight=[1.0, -1.0, 1.0])
