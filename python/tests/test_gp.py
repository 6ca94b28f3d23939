"""The Gaussian process: its numbers against dense algebra, and every kind of answer."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import warnings

import numpy as np
import pytest
from conftest import table

import coregion as cg

B = np.array([[1.0, 0.4], [0.4, 2.0]])
NOISE = np.array([0.1, 0.2])


def gram(x, z):
    scaled = (x[:, None, :] - z[None, :, :]) / np.array([0.7, 1.2])
    return np.exp(-0.5 * (scaled**2).sum(axis=2))


def dense(x, y, xs):
    """Log-likelihood, and posterior mean and covariance [i, t, j, s], by the full matrix."""
    n, t, m = len(x), 2, len(xs)
    c = np.kron(gram(x, x), B) + np.kron(np.eye(n), np.diag(NOISE))
    seen = ~np.isnan(y.ravel())
    c, r = c[np.ix_(seen, seen)], y.ravel()[seen]
    cross = np.kron(gram(xs, x), B)[:, seen]
    value = -0.5 * (r @ np.linalg.solve(c, r) + np.linalg.slogdet(c)[1] + len(r) * np.log(2 * np.pi))
    mean = (cross @ np.linalg.solve(c, r)).reshape(m, t)
    cov = np.kron(gram(xs, xs), B) - cross @ np.linalg.solve(c, cross.T)
    return value, mean, cov.reshape(m, t, m, t)


@pytest.mark.parametrize("gaps", [False, True])
def test_numbers_are_those_of_dense_algebra(xy, given, gaps):
    x, y = xy
    if gaps:
        y[3, 1] = y[10, 0] = np.nan
    xs = table(4, seed=1)[0]
    value, mean, cov = dense(x, y, xs)
    given.fit(x, y)
    assert given.log_marginal_likelihood_ == pytest.approx(value, rel=1e-10)
    assert given.report_.solver == ("schur" if gaps else "choleskys") or given.report_.exact
    found, found_cov = given.predict(xs, return_cov=True)
    np.testing.assert_allclose(found, mean, atol=1e-10)
    np.testing.assert_allclose(found_cov, cov, atol=1e-10)
    _, std = given.predict(xs, return_std=True)
    np.testing.assert_allclose(std**2, np.einsum("itit->it", cov), atol=1e-10)
    _, noisy = given.predict(xs, return_std=True, include_noise=True)
    np.testing.assert_allclose(noisy**2, std**2 + NOISE, atol=1e-10)


def test_a_list_of_observations_is_the_table_with_gaps(xy, given):
    x, y = xy
    y[3, 1] = np.nan
    rows, tasks = np.nonzero(~np.isnan(y))
    xs = table(4, seed=1)[0]
    as_table = given.fit(x, y).predict(xs, return_std=True)
    as_list = given.fit(x[rows], y[rows, tasks], tasks=tasks).predict(xs, return_std=True)
    np.testing.assert_allclose(as_list, as_table, atol=1e-10)


def test_single_tasks_are_picked_out_of_the_table(gp):
    xs = table(5, seed=1)[0]
    mean, std = gp.predict(xs, return_std=True, include_noise=True)
    tasks = np.array([1, 0, 0, 1, 1])
    own = gp.predict(xs, tasks=tasks, return_std=True, include_noise=True)
    np.testing.assert_allclose(own, [mean[np.arange(5), tasks], std[np.arange(5), tasks]])
    names = gp.predict(xs, tasks=[f"task {t}" for t in tasks])
    np.testing.assert_array_equal(names, own[0])
    _, cov = gp.predict(xs, tasks=tasks, return_cov=True)
    _, full = gp.predict(xs, return_cov=True)
    np.testing.assert_allclose(cov[0, 3], full[0, 1, 3, 1])
    np.testing.assert_allclose(cov[1, 3], full[1, 0, 3, 1])


def test_blocks_of_single_tasks_do_not_change_answers(gp, monkeypatch):
    from coregion import _prediction

    xs = table(7, seed=1)[0]
    tasks = [0, 1, 1, 0, 1, 0, 0]
    whole = gp.predict(xs, tasks=tasks, return_std=True, given=np.full((7, 2), np.nan))
    monkeypatch.setattr(_prediction, "_BLOCK", 4)
    assert len(list(_prediction.blocks(7, 2))) == 4
    np.testing.assert_allclose(gp.predict(xs, tasks=tasks, return_std=True), whole)


def test_quantiles_are_those_of_the_normal_distribution(gp):
    xs = table(5, seed=1)[0]
    mean, std = gp.predict(xs, return_std=True, include_noise=True)
    q = gp.predict(xs, quantiles=[0.05, 0.5, 0.95], include_noise=True)
    assert q.shape == (5, 2, 3)
    np.testing.assert_allclose(q[..., 1], mean)
    np.testing.assert_allclose(q[..., 2] - q[..., 0], 2 * 1.6448536269514722 * std)
    assert gp.predict(xs, quantiles=[0.5], tasks=[0] * 5).shape == (5, 1)


def test_given_entries_come_back_and_inform_the_others(gp):
    xs = table(3, seed=1)[0]
    measured = np.array([[0.3, np.nan], [np.nan, np.nan], [np.nan, 8.0]])
    mean, std = gp.predict(xs, return_std=True)
    found, found_std = gp.predict(xs, given=measured, return_std=True)
    assert found[0, 0] == 0.3
    assert found_std[0, 0] == 0.0
    assert found[2, 1] == 8.0
    np.testing.assert_allclose(found[1], mean[1])
    assert found_std[0, 1] < std[0, 1]
    quantiles = gp.predict(xs, given=measured, quantiles=[0.5])
    np.testing.assert_allclose(quantiles[..., 0], found)


def test_kinds_of_answers_that_exclude_each_other_are_refused(gp):
    x = table(2)[0]
    for options in (
        {"return_std": True, "return_cov": True},
        {"return_std": True, "quantiles": [0.5]},
        {"return_cov": True, "given": [[1.0, np.nan]] * 2},
    ):
        with pytest.raises(cg.IncompatibleError):
            gp.predict(x, **options)
    for quantiles in (0.5, [], [0.0], [1.2], [[0.5]], [np.nan]):
        with pytest.raises(ValueError, match="quantiles"):
            gp.predict(x, quantiles=quantiles)
    with pytest.raises(cg.InvalidValueError, match="return_std"):
        gp.predict(x, return_std="yes")


def test_conditioning_is_a_fit_of_all_rows_at_the_same_values(xy, given):
    x, y = xy
    xs = table(4, seed=1)[0]
    whole = given.fit(x, y).predict(xs, return_std=True)
    part = given.fit(x[:25], y[:25])
    more = part.condition(x[25:], y[25:])
    np.testing.assert_allclose(more.predict(xs, return_std=True), whole, atol=1e-10)
    assert part.model_.data.n_rows == 25
    listed = part.condition(x[25:].repeat(2, axis=0), y[25:].ravel(), tasks=[0, 1] * 5)
    np.testing.assert_allclose(listed.predict(xs, return_std=True), whole, atol=1e-10)
    with pytest.raises(ValueError, match="y: found shape"):
        part.condition(x[25:], y[25:, :1])


def test_noise_variances_add_to_the_noise(xy, given):
    x, y = xy
    xs = table(4, seed=1)[0]
    plain = given.fit(x, y).predict(xs)
    more = given.set_params(noise=np.array([0.05, 0.1])).fit(
        x, y, noise_variance=np.full(y.shape, [0.05, 0.1])
    )
    np.testing.assert_allclose(more.predict(xs), plain, atol=1e-10)
    own = given.set_params(noise=None).fit(x, y, noise_variance=np.full(y.shape, NOISE))
    np.testing.assert_allclose(own.predict(xs), plain, atol=1e-10)
    np.testing.assert_allclose(
        own.condition(x[:1], y[:1], np.full((1, 2), NOISE)).predict(xs).shape, plain.shape
    )
    with pytest.raises(ValueError, match="noise_variance: found shape"):
        given.fit(x, y, noise_variance=np.ones(3))
    with pytest.raises(cg.IncompatibleError, match="give noise_variance, or let noise be learned"):
        given.fit(x, y)


def test_a_vector_is_answered_in_vectors(xy):
    x, y = xy
    gp = cg.MultiTaskGP().fit(x, y[:, 0])
    xs = table(4, seed=1)[0]
    mean, std = gp.predict(xs, return_std=True)
    assert mean.shape == std.shape == (4,)
    assert gp.predict(xs, return_cov=True)[1].shape == (4, 4)
    assert gp.predict(xs, quantiles=[0.1, 0.9]).shape == (4, 2)
    assert gp.sample_y(xs, 3).shape == (4, 3)
    assert gp.impute().shape == (30,)
    assert [a.shape for a in gp.leave_one_out()] == [(30,), (30,)]
    assert gp.condition(xs, mean).predict(xs).shape == (4,)
    column = cg.MultiTaskGP().fit(x, y[:, :1])
    np.testing.assert_allclose(column.predict(xs)[:, 0], mean)
    assert cg.MultiTaskGP().fit(x, y[:, 0], noise_variance=np.full(30, 1e-4)).predict(xs).shape == (4,)


def test_task_views_are_columns(gp):
    xs = table(4, seed=1)[0]
    view = gp.task_view("task 1")
    assert view.name == "task 1"
    mean, std = gp.predict(xs, return_std=True, include_noise=True)
    found = view.predict(xs, return_std=True, include_noise=True)
    np.testing.assert_allclose(found, [mean[:, 1], std[:, 1]])
    np.testing.assert_array_equal(view.sample_y(xs, 2, 5), gp.sample_y(xs, 2, 5)[:, 1])
    _, cov = view.predict(xs, return_cov=True)
    np.testing.assert_allclose(cov, gp.predict(xs, return_cov=True)[1][:, 1, :, 1])
    assert view.predict(xs, quantiles=[0.5]).shape == (4, 1)
    assert view.variance == gp.task_covariance_[1, 1]
    assert view.noise_variance == gp.noise_covariance_[1, 1]
    np.testing.assert_array_equal(view.task_correlation, gp.task_correlation_[1])
    assert gp.task_view(0).name == "task 0"
    for wrong in ("task 7", 2, -1):
        with pytest.raises(cg.UnknownNameError):
            gp.task_view(wrong)


def test_leave_one_out_is_a_fit_without_the_row(xy, given):
    x, y = xy
    y[7, 0] = np.nan
    given.fit(x, y)
    mean, std, density = given.leave_one_out(return_log_density=True)
    assert density.shape == (30, 1)
    assert np.isnan(mean[7, 0])
    rest = np.arange(30) != 3
    alone = given.fit(x[rest], y[rest])
    expected, deviation = alone.predict(x[3:4], return_std=True, include_noise=True)
    np.testing.assert_allclose(mean[3], expected[0], atol=1e-9)
    np.testing.assert_allclose(std[3], deviation[0], atol=1e-9)


def test_leave_out_in_groups_and_folds(xy, given):
    x, y = xy
    given.fit(x, y)
    groups = np.array(list("abc") * 10)
    left, folds = given.leave_one_out(groups=groups), given.k_fold(groups)
    np.testing.assert_allclose(left, folds, atol=1e-9)
    assert given.leave_one_out("entry", groups, return_log_density=True)[2].shape == (3, 2)
    np.testing.assert_array_equal(given.k_fold(5), given.k_fold(5))
    assert np.abs(given.k_fold(5)[0] - given.set_params(random_state=1).k_fold(5)[0]).max() > 0
    for wrong in (groups[:5], None, 1, 31):
        with pytest.raises(ValueError, match="groups"):
            given.k_fold(wrong)
    with pytest.raises(ValueError, match="'row', 'entry' or 'task'"):
        given.leave_one_out("column")


def test_leave_one_out_of_observations_comes_in_their_order(xy, given):
    x, y = xy
    order = np.random.default_rng(2).permutation(60)
    rows, tasks = np.divmod(order, 2)
    expected = given.fit(x, y).leave_one_out("entry")
    found = given.fit(x[rows], y[rows, tasks], tasks=tasks).leave_one_out("entry")
    np.testing.assert_allclose(found, [a[rows, tasks] for a in expected], atol=1e-9)
    by_row = given.leave_one_out("row", groups=rows)
    np.testing.assert_allclose(by_row, given.leave_one_out("row"), atol=1e-9)
    with pytest.raises(ValueError, match="two groups at the same inputs"):
        given.leave_one_out(groups=np.arange(60))


def test_imputation_fills_the_gaps_only(xy):
    x, y = xy
    y[4, 1] = np.nan
    gp = cg.MultiTaskGP().fit(x, y)
    filled, std = gp.impute(return_std=True)
    seen = ~np.isnan(y)
    np.testing.assert_array_equal(filled[seen], y[seen])
    assert (std[seen] == 0).all()
    assert std[4, 1] > gp.impute(return_std=True, include_noise=False)[1][4, 1] > 0


def test_samples_are_seeded(gp):
    xs = table(3, seed=1)[0]
    one = gp.sample_y(xs, 2000, random_state=3)
    np.testing.assert_array_equal(one, gp.sample_y(xs, 2000, random_state=3))
    for other in (4, None, np.random.default_rng(1), np.random.RandomState(1)):
        assert np.abs(one - gp.sample_y(xs, 2000, random_state=other)).max() > 0
    mean, std = gp.predict(xs, return_std=True)
    np.testing.assert_allclose(one.mean(axis=2), mean, atol=5 * std.max() / np.sqrt(2000))
    np.testing.assert_allclose(one.std(axis=2), std, rtol=0.15)
    noisy = gp.sample_y(xs, 2000, include_noise=True).std(axis=2)
    assert (noisy > one.std(axis=2)).all()
    for wrong in (0, 1.5, "2"):
        with pytest.raises(ValueError, match="n_samples"):
            gp.sample_y(xs, wrong)


def test_likelihoods_at_other_values_have_their_gradient(gp):
    value, gradient = gp.log_marginal_likelihood(eval_gradient=True)
    assert value == pytest.approx(gp.log_marginal_likelihood_)
    assert set(gradient) == set(gp.parameters_)
    path, step = "terms[0].kernel.lengthscale", 1e-5
    at = gp.parameters_[path] * 1.3
    _, gradient = gp.log_marginal_likelihood({path: at}, eval_gradient=True)
    up, down = (gp.log_marginal_likelihood({path: np.add(at, [s, 0.0])}) for s in (step, -step))
    assert gradient[path][0] == pytest.approx((up - down) / (2 * step), rel=1e-5)
    with pytest.raises(ValueError, match=r"no\.such"):
        gp.log_marginal_likelihood({"no.such": 1.0})
    with pytest.raises(ValueError, match="parameters"):
        gp.log_marginal_likelihood([1.0])


def test_fitted_attributes(gp):
    assert gp.task_covariance_.shape == gp.noise_covariance_.shape == (2, 2)
    assert gp.task_correlation_[0, 1] < -0.3
    assert gp.task_correlation_std_error_.shape == (2, 2)
    assert gp.n_tasks_ == 2
    assert gp.task_names_ == ["task 0", "task 1"]
    assert gp.n_features_in_ == 2
    assert not hasattr(gp, "feature_names_in_")
    assert type(gp.kernel_) is cg.kernels.Matern52
    assert type(gp.task_) is cg.tasks.FreeForm
    np.testing.assert_allclose(gp.kernel_.lengthscale, gp.parameters_["terms[0].kernel.lengthscale"])
    report = gp.report_
    assert report.converged
    assert report.exact
    assert report.solver == "kronecker"
    assert gp.n_iter_ == report.iterations >= 1
    assert "eigendecompositions" in repr(report)
    assert "<table>" in report._repr_html_()
    with pytest.raises(AttributeError):
        report.solver = "other"


def test_low_rank_is_within_its_bound(tmp_path):
    x = np.linspace(0.0, 3.0, 80)[:, None]
    rng = np.random.default_rng(5)
    y = np.column_stack([np.sin(x), np.cos(x)]) + 0.1 * rng.standard_normal((80, 2))
    low = cg.MultiTaskGP(cg.kernels.RBF(), solver="low-rank", rank_tol=1e-9).fit(x, y)
    report = low.report_
    assert report.solver == "low-rank"
    assert not report.exact
    assert 0 < report.gram_rank <= 26
    assert 0.0 < report.log_likelihood_bound < 1e-2
    assert report.preconditioner_rank is None
    assert "nats of the exact one" in repr(report)
    path = tmp_path / "low.model"
    low.save(path)
    again = cg.load(path)
    assert again.rank_tol == 1e-9
    assert again.report_.log_likelihood_bound == report.log_likelihood_bound
    exact = cg.MultiTaskGP(cg.kernels.RBF()).fit(x, y)
    assert exact.report_.log_likelihood_bound is None
    assert abs(exact.log_marginal_likelihood_ - low.log_marginal_likelihood_) < 1e-2


def test_the_default_kernel_and_task(xy):
    default = cg.MultiTaskGP().fit(*xy)
    assert type(default.kernel_) is cg.kernels.Matern52
    assert type(default.task_) is cg.tasks.LowRank
    explicit = cg.MultiTaskGP(cg.kernels.Matern52(), cg.tasks.LowRank(rank=2)).fit(*xy)
    assert default.log_marginal_likelihood_ == explicit.log_marginal_likelihood_
    one = cg.MultiTaskGP(terms=[(cg.kernels.Matern52(), cg.tasks.LowRank(rank=2))]).fit(*xy)
    assert one.log_marginal_likelihood_ == explicit.log_marginal_likelihood_


def test_score_is_that_of_observed_entries(gp):
    xs, ys = table(20, seed=1)
    mean = gp.predict(xs)
    ys[3, 0] = np.nan
    scores = []
    for t in range(2):
        seen = ~np.isnan(ys[:, t])
        y, f = ys[seen, t], mean[seen, t]
        scores.append(1 - ((y - f) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    assert gp.score(xs, ys) == pytest.approx(np.mean(scores))
    rows, tasks = np.nonzero(~np.isnan(ys))
    assert gp.score(xs[rows], ys[rows, tasks], tasks=tasks) == pytest.approx(np.mean(scores))
    with pytest.warns(cg.DataWarning, match="not defined"):
        assert np.isnan(gp.score(xs[:1], ys[:1]))


def test_files_keep_the_model(gp, tmp_path):
    path = tmp_path / "model.safetensors"
    gp.save(path)
    again = cg.load(path)
    xs = table(4, seed=1)[0]
    np.testing.assert_allclose(again.predict(xs, return_std=True), gp.predict(xs, return_std=True))
    assert again.report_ == gp.report_
    assert again.task_names_ == gp.task_names_
    assert again.noise == "per-task"
    with pytest.raises(cg.ModelFileError):
        cg.load(tmp_path / "absent.safetensors")
    with pytest.raises(MemoryError):
        cg.load(path, memory_budget=10)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(cg.ModelFileError):
        cg.load(path)


def test_restarts_are_seeded_and_counted(xy):
    fits = [cg.MultiTaskGP(n_restarts=2, random_state=s).fit(*xy).report_ for s in (1, 1, 2)]
    assert len(fits[0].restarts) == 3
    assert fits[0].restarts == fits[1].restarts
    assert fits[0].trace == fits[1].trace


INTERRUPTED = """
import _thread, threading, time
import numpy as np
import coregion as cg
rng = np.random.default_rng(0)
x, y = rng.normal(size=(800, 3)), rng.normal(size=(800, 8))
threading.Timer(0.2, _thread.interrupt_main).start()

try:
    cg.MultiTaskGP(max_iter=10_000, tol=1e-12).fit(x, y)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_ends_a_fit():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "interrupted", done.stderr


def test_fixed_and_tied_parameters(xy):
    path = "terms[0].kernel.lengthscale"
    start = cg.kernels.RBF(lengthscale=[1.5, 2.5])
    held = cg.MultiTaskGP(start, fixed=[path]).fit(*xy)
    np.testing.assert_allclose(held.parameters_[path], [1.5, 2.5], rtol=1e-14)
    np.testing.assert_array_equal(
        cg.MultiTaskGP(start, fixed=path).fit(*xy).parameters_[path], held.parameters_[path]
    )
    both = cg.kernels.RBF() + 0.5 * cg.kernels.Matern12()
    one, two = (f"terms[0].kernel.parts[{i}].lengthscale" for i in range(2))
    tied = cg.MultiTaskGP(both, ties=[(one, two)]).fit(*xy).parameters_
    np.testing.assert_array_equal(tied[one], tied[two])


def test_every_evaluation_is_told_and_can_end_the_fit(xy):
    seen = []
    gp = cg.MultiTaskGP(progress=seen.append).fit(*xy)
    assert len(seen) == gp.report_.evaluations
    assert set(seen[0]) == {"restart", "evaluations", "eigendecompositions", "log_posterior"}
    with pytest.raises(cg.CancelledError, match="cancelled"):
        cg.MultiTaskGP(progress=lambda state: state["evaluations"] < 2).fit(*xy)
    with pytest.raises(ZeroDivisionError):
        cg.MultiTaskGP(progress=lambda state: 1 / 0).fit(*xy)


@pytest.mark.parametrize("answer", [False, np.False_, np.array([1.0]).max() < 0.0])
def test_any_false_ends_the_fit_and_nothing_is_told_after(xy, answer):
    told = []

    def listen(state):
        told.append(state)
        return answer

    with pytest.raises(cg.CancelledError):
        cg.MultiTaskGP(progress=listen, n_restarts=3).fit(*xy)
    assert len(told) == 1


def test_other_answers_do_not_end_the_fit(xy):
    for answer in (None, True, np.True_, 0, ""):
        assert cg.MultiTaskGP(progress=lambda state, answer=answer: answer).fit(*xy).report_.converged


def test_verbose_prints(xy, capsys):
    gp = cg.MultiTaskGP(verbose=1).fit(*xy)
    printed = capsys.readouterr().out
    assert "converged" in printed
    assert "log posterior" not in printed
    gp.set_params(verbose=2).fit(*xy)
    assert capsys.readouterr().out.count("log posterior") == gp.report_.evaluations


@pytest.mark.parametrize("tqdm", [True, False])
def test_a_bar_is_shown_with_and_without_tqdm(xy, monkeypatch, tqdm):
    if tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
        monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown):
        cg.MultiTaskGP(progress=True).fit(*xy)
        cg.MultiTaskKernelRidge(alphas=[1e-6, 0.1, 100.0], progress=True).fit(*xy)
    assert "eigendecompositions" in shown.getvalue()
    assert "log posterior" in shown.getvalue()


def test_warnings_of_a_fit_point_at_the_call(xy):
    x, y = xy
    y[:, 1] = 3.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gp = cg.MultiTaskGP().fit(x, y)
    assert len(caught) == len(gp.report_.warnings)
    assert all(warning.filename == __file__ for warning in caught)
    assert "task 'task 1' is constant" in str(caught[0].message)
    assert caught[0].category is cg.DataWarning
    kinds = [kind for kind, _ in gp.report_.warnings]
    assert "constant-task" in kinds
    assert gp.report_.warnings[0].category is cg.DataWarning


def test_not_converged_is_warned_of(xy):
    with pytest.warns(cg.ConvergenceWarning):
        gp = cg.MultiTaskGP(max_iter=1).fit(*xy)
    assert not gp.report_.converged
    assert cg.MultiTaskGP(tol=100.0).fit(*xy).report_.converged
