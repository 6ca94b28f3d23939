"""What the summary of a fitted estimator says, in its three forms."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

import coregion as cg
from coregion import _core, kernels, tasks
from coregion._description import tree
from coregion._summary import summarise
from coregion._tables import Section, as_html, as_text, values

pytestmark = pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")


def table(n=30, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 6.0, (n, 2))
    f = np.sin(x[:, :1]) + 0.3 * x[:, 1:]
    y = np.hstack([f, 2.0 * f + 1.0, np.cos(x[:, :1])]) + 0.2 * rng.normal(size=(n, 3))
    y[3, 1] = np.nan
    y[10:14, 2] = np.nan
    return x, y


@pytest.fixture(scope="module")
def gp():
    x, y = table()
    return cg.MultiTaskGP(kernel=kernels.RBF()).fit(x, y, task_names=["Cd", "<b>Cu</b>", "Zn"])


def test_counts_of_the_data(gp):
    data = summarise(gp).data
    assert data == {
        "rows": 30,
        "features": ["x0", "x1"],
        "tasks": 3,
        "observations": 85,
        "gaps": 5,
        "layout": "masked",
    }


def test_tasks_are_in_their_units(gp):
    y = table()[1]
    found = summarise(gp).tasks
    b, noise = np.diag(gp.model_.task_covariance), np.diag(gp.model_.noise_covariance)
    assert [task.n_observations for task in found] == [30, 29, 26]
    np.testing.assert_allclose([task.mean for task in found], np.nanmean(y, axis=0), rtol=1e-12)
    np.testing.assert_allclose([task.signal_std for task in found], np.sqrt(b), rtol=1e-12)
    np.testing.assert_allclose([task.noise_std for task in found], np.sqrt(noise), rtol=1e-12)
    np.testing.assert_allclose([task.signal_share for task in found], b / (b + noise), rtol=1e-12)


def test_another_unit_scales_what_has_that_unit():
    x, y = table()
    first, second = (
        summarise(cg.MultiTaskGP(kernel=kernels.RBF()).fit(x, s * y)).tasks for s in (1.0, 1000.0)
    )
    for a, b in zip(first, second):
        assert b.mean == pytest.approx(1000.0 * a.mean, rel=1e-9)
        assert b.signal_std == pytest.approx(1000.0 * a.signal_std, rel=1e-4)
        assert b.noise_std == pytest.approx(1000.0 * a.noise_std, rel=1e-4)
        assert b.signal_share == pytest.approx(a.signal_share, rel=1e-4)


def test_text_holds_the_numbers_in_aligned_columns(gp):
    text = str(gp.summary())
    assert text.splitlines()[0] == "MultiTaskGP"
    lengthscale = gp.model_.parameters["terms[0].kernel.lengthscale"]
    assert f"x0 {lengthscale[0]:.4g}, x1 {lengthscale[1]:.4g}" in text
    rho, error = gp.model_.task_correlation, gp.model_.task_correlation_std_error
    rows = text[text.index("Task correlations") :].splitlines()
    assert "standard errors above the diagonal" in rows[0]
    assert rows[3].split() == ["<b>Cu</b>", f"{rho[1, 0]:.2f}", "1.00", f"±{error[1, 2]:.2f}"]
    assert len({len(row) for row in rows[1:5]}) == 1
    assert max(map(len, text.splitlines())) < 130


def test_html_escapes_names_and_is_well_formed(gp):
    html = gp.summary()._repr_html_()
    assert "<b>" not in html
    assert html.count("&lt;b&gt;Cu&lt;/b&gt;") >= 3

    class Balance(HTMLParser):
        open_tags: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag, attrs):
            self.open_tags.append(tag)

        def handle_endtag(self, tag):
            assert self.open_tags.pop() == tag

    parser = Balance()
    parser.feed(html)
    assert parser.open_tags == []


def test_html_takes_its_colours_from_the_page(gp):
    html = gp.summary()._repr_html_()
    for colour in ("#", "rgb", "white", "black"):
        assert colour not in html
    assert "color:inherit" in html


def test_dictionary_has_every_number(gp):
    found = gp.summary().to_dict()
    assert found["fit"]["log_marginal_likelihood"] == gp.model_.log_likelihood
    assert found["tasks"][1]["name"] == "<b>Cu</b>"
    assert set(found["parameters"]) == set(gp.model_.parameters)
    np.testing.assert_array_equal(found["task_correlation"], gp.model_.task_correlation)


def test_warnings_of_the_fit_are_there():
    x, y = table()
    gp = cg.MultiTaskGP(kernel=kernels.RBF()).fit(np.hstack([x, np.ones((30, 1))]), y)
    assert "column 'x2' of x is constant and has no influence" in str(gp.summary())


def test_many_tasks_stay_short():
    rng = np.random.default_rng(1)
    x = np.linspace(0.0, 6.0, 12)[:, None]
    y = np.sin(x) @ rng.normal(size=(1, 150)) + 0.3 * rng.normal(size=(12, 150))
    settings = {"kernel": kernels.RBF(lengthscale=1.0), "optimizer": None, "noise": np.full(150, 0.1)}
    w = rng.normal(size=(150, 2))
    task = tasks.LowRank(2, W=w, kappa=np.full(150, 0.05))
    summary = cg.MultiTaskGP(task=task, **settings).fit(x, y).summary()
    assert len(str(summary).splitlines()) < 60
    assert max(map(len, str(summary).splitlines())) < 130
    assert len(summary._repr_html_()) < 40_000
    assert len(summary.to_dict()["tasks"]) == 150
    b = w @ w.T + 0.05 * np.eye(150)
    rho = b / np.sqrt(np.outer(np.diag(b), np.diag(b)))
    strongest = np.abs(rho - 2.0 * np.eye(150) * rho).max(where=~np.eye(150, dtype=bool), initial=0.0)
    first = str(summary)[str(summary).index("Task correlations") :].splitlines()[2].split()
    assert abs(abs(float(first[4])) - strongest) < 0.006


def test_a_list_of_observations_has_no_gaps():
    x = np.linspace(0.0, 6.0, 24)[:, None]
    labels = np.array(["a", "b", "b"] * 8)
    gp = cg.MultiTaskGP(kernel=kernels.RBF()).fit(x, np.sin(x[:, 0]), tasks=labels)
    summary = gp.summary()
    assert "gaps" not in summary.data
    assert [task.n_observations for task in summary.tasks] == [8, 16]
    assert summary.tasks[0].mean == pytest.approx(np.sin(x[labels == "a", 0]).mean())


def test_known_noise_counts_as_noise():
    x, y = table()
    y = np.nan_to_num(y)
    variances = np.full(y.shape, 0.5)
    gp = cg.MultiTaskGP(kernel=kernels.RBF()).fit(x, y, noise_variance=variances)
    noise = np.diag(gp.model_.noise_covariance)
    np.testing.assert_allclose([t.noise_std for t in gp.summary().tasks], np.sqrt(noise + 0.5), rtol=1e-12)


def test_ridge_regression():
    x, y = table()
    kr = cg.MultiTaskKernelRidge(kernel=kernels.RBF(1.0), alphas=[0.1, 1.0, 10.0]).fit(x, np.nan_to_num(y))
    summary = kr.summary()
    assert summary.fit["alpha"] == kr.model_.alpha
    assert summary.fit["penalties_tried"] == 3
    assert summary.task_correlation_std_error is None
    assert "alpha" in str(summary)
    assert str(summary).splitlines()[0] == "MultiTaskKernelRidge"


def test_before_fit():
    with pytest.raises(cg.NotFittedError):
        summarise(cg.MultiTaskGP())


KERNELS = [
    kernels.RBF(0.7),
    kernels.Matern12(0.7),
    kernels.Matern32(0.7),
    kernels.Matern52(0.7),
    kernels.RationalQuadratic(0.7, 1.3),
    kernels.Periodic(0.7, 2.0),
    kernels.Cosine(2.0).on([0]),
    kernels.Constant(),
    kernels.Linear(0.4),
    kernels.Polynomial(3, 0.4),
    kernels.SpectralMixture(
        weights=[0.9, 0.3], frequencies=[[0.6, 0.1], [0.4, 0.3]], bandwidths=[[0.4, 0.5], [0.2, 0.3]]
    ),
    kernels.Categorical(rho=0.3).on([1]),
    kernels.Linear(0.4).on([1]) + 0.5 * kernels.RBF(0.7).on([0]),
    (kernels.Linear(0.4) + kernels.Constant()) * kernels.Polynomial(2, 0.1).on([1, 0]),
]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
def test_prior_variance_is_the_kernels_own(kernel):
    """With one row the likelihood at values given tells k(x, x): the density of N(y; 0, k + s)."""
    x, y, noise = np.array([[1.5, -0.5]]), 0.8, 0.1
    gp = _core.GaussianProcess.fit(
        _core.Dataset.table(x, np.array([[y]])),
        observer=None,
        kernel=tree(kernel),
        task=tree(tasks.FreeForm([[1.0]])),
        noise=np.array([noise]),
        mean="zero",
        normalize_x=False,
        normalize_y=False,
        optimizer="none",
    )
    (k,) = _core.gram_diagonal(gp.kernel, x)
    expected = -0.5 * (np.log(2 * np.pi * (k + noise)) + y * y / (k + noise))
    assert gp.log_likelihood == pytest.approx(expected, rel=1e-10)


def test_every_kernel_has_a_prior_variance():
    seen = {type(k).__name__ for k in KERNELS} | {"Categorical", "Cosine"}
    leaves = {name for name in kernels.__all__ if isinstance(getattr(kernels, name), type)}
    assert leaves - {"Columns", "Product", "Scale", "Sum", "Kernel"} <= seen


def test_an_unknown_kernel_has_none():
    known, unknown = {"name": "RBF", "values": {"lengthscale": 1.0}}, {"name": "Wavelet"}
    with pytest.raises(ValueError, match="unknown kernel 'Wavelet'"):
        _core.gram_diagonal({"name": "Sum", "children": [known, unknown]}, np.ones((2, 1)))


def test_tables_in_text_and_html():
    section = Section("Tasks", [["a", "1"], ["longer", "22"]], ["task", "n"])
    assert as_text("T", [section]).splitlines() == [
        "T",
        "",
        "Tasks",
        "  task     n",
        "  a        1",
        "  longer  22",
    ]
    assert "<th scope=" in as_html("T & U", [section])
    assert "T &amp; U" in as_html("T & U", [section])


def test_values_are_named_or_summed_up():
    assert values([1.0, 2.5], ["a", "b"]) == "a 1, b 2.5"
    assert values(np.arange(20.0)) == "<20>, 0 to 19"
    assert values(np.eye(2)) == "<2 x 2>, 0 to 1"
    assert values(3.14159) == "3.142"


def test_long_descriptions_are_shortened():
    x = np.linspace(0.0, 6.0, 12)[:, None]
    y = np.sin(x) @ np.ones((1, 5))
    b = 0.3 * np.eye(5) + 0.7
    gp = cg.MultiTaskGP(
        kernel=kernels.RBF(1.0), task=tasks.FreeForm(b), noise=np.full(5, 0.1), optimizer=None
    )
    assert gp.fit(x, y).summary().model["task"] == "FreeForm(B=<5 x 5>)"
