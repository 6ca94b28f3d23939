"""What the plots show: the data on the axes, their labels, and what they refuse."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from plot_models import NAMES, B, curve, evaluated, table, thirty

import coregion as cg
from coregion import kernels, plots, tasks
from coregion.plots import _cluster, _style

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")


@pytest.fixture(autouse=True)
def closed_figures():
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(scope="module")
def gp():
    return evaluated(*table(), NAMES)


@pytest.fixture(scope="module")
def line():
    return evaluated(*table(d=1), NAMES)


@pytest.fixture(scope="module")
def many():
    return thirty()


# The heat map.


def heat(ax):
    return np.asarray(ax.get_images()[0].get_array())


def test_heat_map_shows_the_correlations_in_the_order_given(gp):
    ax = plots.task_correlation(gp, order="given")
    rho = B / np.sqrt(np.outer(np.diag(B), np.diag(B)))
    np.testing.assert_allclose(heat(ax), rho, atol=1e-10)
    assert [label.get_text() for label in ax.get_yticklabels()] == NAMES
    assert [label.get_text() for label in ax.get_xticklabels()] == NAMES
    assert not any(child.collections for child in ax.child_axes if not child.get_ylabel())


def test_heat_map_puts_related_tasks_side_by_side(gp):
    ax = plots.task_correlation(gp)
    order = [label.get_text() for label in ax.get_yticklabels()]
    assert abs(order.index("Cd") - order.index("Zn")) == 1
    places = [NAMES.index(name) for name in order]
    np.testing.assert_allclose(heat(ax), np.asarray(gp.task_correlation_)[np.ix_(places, places)])
    tree = ax.child_axes[0]
    (branches,) = tree.collections
    assert len(branches.get_segments()) == 2
    heights = [segment[:, 0].max() for segment in branches.get_segments()]
    assert heights[0] == pytest.approx(1.0 - 0.9 / np.sqrt(1.5))


def test_cells_hold_values_and_standard_errors():
    gp = cg.MultiTaskGP(kernel=kernels.RBF()).fit(*table(), task_names=NAMES)
    rho, error = gp.task_correlation_, gp.task_correlation_std_error_
    texts = {text.get_position(): text.get_text() for text in plots.task_correlation(gp, order="given").texts}
    assert texts[1, 0] == f"{rho[0, 1]:.2f}\n±{error[0, 1]:.2f}"
    assert texts[2, 2] == "1.00"
    without = plots.task_correlation(gp, order="given", std_error=False)
    assert without.texts[1].get_text() == f"{rho[0, 1]:.2f}"


def test_heat_map_of_many_tasks_leaves_out_numbers_and_names():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(90, 4))
    b = w @ w.T
    rho = b / np.sqrt(np.outer(np.diag(b), np.diag(b)))
    ax = plots.task_correlation(np.clip(rho, -1, 1), names=[f"t{i}" for i in range(90)])
    assert not ax.texts
    assert len(ax.get_xticks()) == 30
    distance = 1 - np.abs(np.clip(rho, -1, 1))
    order = _cluster.leaf_order(_cluster.average_linkage(distance), distance)
    assert [label.get_text() for label in ax.get_xticklabels()] == [f"t{i}" for i in order[::3]]


def test_heat_map_in_axes_given(gp):
    _, (left, right) = plt.subplots(1, 2, layout="constrained")
    assert plots.task_correlation(gp, ax=right) is right
    assert not left.get_images()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"gp": np.eye(3), "order": "spectral"}, "order"),
        ({"gp": np.ones((2, 3))}, "gp"),
        ({"gp": 2.0 * np.eye(3)}, "gp"),
        ({"gp": np.eye(3), "names": ["a"]}, "names"),
        ({"gp": "model"}, "gp"),
        ({"gp": np.full((2, 2), np.nan)}, "gp"),
    ],
)
def test_heat_map_refuses(arguments, name):
    with pytest.raises(ValueError, match=name):
        plots.task_correlation(**arguments)


# Predictions.


def band(ax, label):
    """Lower and upper edge of a band over its grid."""
    (found,) = [c for c in ax.collections if c.get_label() == label]
    vertices = found.get_paths()[0].vertices
    n = (len(vertices) - 3) // 2
    return vertices[1 : n + 1], vertices[n + 2 : 2 * n + 2][::-1]


def test_mean_and_bands_are_those_of_predict(line):
    axes = plots.predictions(line, level=0.8, include_noise=True)
    assert [ax.get_title() for ax in axes] == NAMES
    grid = curve(axes[1], "mean")[:, :1]
    mean, latent = line.predict(grid, return_std=True)
    noisy = line.predict(grid, return_std=True, include_noise=True)[1]
    for task, ax in enumerate(axes):
        np.testing.assert_allclose(curve(ax, "mean")[:, 1], mean[:, task])
        for label, std in (("latent function", latent), ("observation", noisy)):
            edges = [edge[:, 1] for edge in band(ax, label)]
            expected = [
                mean[:, task] - 1.2815515655 * std[:, task],
                mean[:, task] + 1.2815515655 * std[:, task],
            ]
            np.testing.assert_allclose(edges, expected, rtol=1e-9, atol=1e-9)


def test_training_data_are_drawn_without_gaps(line):
    x, y = table(d=1)
    axes = plots.predictions(line)
    assert not any(c.get_label() == "observation" for c in axes[0].collections)
    for task, ax in enumerate(axes):
        seen = ~np.isnan(y[:, task])
        np.testing.assert_allclose(curve(ax, "training data"), np.column_stack([x[seen, 0], y[seen, task]]))


def test_other_features_are_held(gp):
    x = table()[0]
    grid = np.linspace(0.0, 6.0, 9)
    (ax,) = plots.predictions(gp, grid, feature="x1", tasks="Zn")
    median = np.sort(x[:, 0])[14]
    rows = np.column_stack([np.full(9, median), grid])
    np.testing.assert_allclose(curve(ax, "mean")[:, 1], gp.predict(rows)[:, 2])
    assert ax.get_figure().get_supxlabel() == f"x1, at x0 = {median:.4g}"
    for others in ({"x0": 1.5}, {0: 1.5}, [1.5, 0.0]):
        (ax,) = plots.predictions(gp, grid, feature=1, tasks=2, others=others)
        rows[:, 0] = 1.5
        np.testing.assert_allclose(curve(ax, "mean")[:, 1], gp.predict(rows)[:, 2])


def test_whole_rows_are_drawn_in_the_order_of_the_feature(gp):
    rows = np.array([[3.0, 1.0], [1.0, 5.0], [2.0, 2.0]])
    truth = np.arange(9.0).reshape(3, 3)
    (ax,) = plots.predictions(gp, rows, tasks=["Cu"], truth=truth)
    np.testing.assert_allclose(curve(ax, "mean")[:, 0], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(curve(ax, "mean")[:, 1], gp.predict(rows)[[1, 2, 0], 1])
    np.testing.assert_allclose(curve(ax, "truth"), [[1.0, 4.0], [2.0, 7.0], [3.0, 1.0]])


def test_truth_may_be_a_function(line):
    axes = plots.predictions(line, truth=lambda rows: np.hstack([np.sin(rows), rows, -rows]))
    xy = curve(axes[2], "truth")
    np.testing.assert_allclose(xy[:, 1], -xy[:, 0])


def test_a_list_of_observations_is_drawn_by_task():
    x = np.linspace(0.0, 6.0, 24)
    labels = np.array(["level", "flow"] * 12)
    gp = cg.MultiTaskGP(
        kernel=kernels.RBF(1.0), task=tasks.FreeForm(np.eye(2)), noise=np.full(2, 0.1), optimizer=None
    )
    gp.fit(x[:, None], np.sin(x), tasks=labels, task_names=["level", "flow"])
    axes = plots.predictions(gp)
    assert [ax.get_title() for ax in axes] == ["level", "flow"]
    np.testing.assert_allclose(curve(axes[1], "training data")[:, 0], x[1::2])


def test_levels_of_a_category_are_drawn_one_by_one():
    x, y = table()
    x[:, 1] = np.arange(30) % 3
    kernel = kernels.RBF(lengthscale=1.3).on([0]) * kernels.Categorical(rho=0.4, levels=[0.0, 1.0, 2.0]).on(
        [1]
    )
    gp = evaluated(x, y, NAMES, kernel=kernel)
    (ax,) = plots.predictions(gp, feature=1, tasks="Cd")
    xy = curve(ax, "mean")
    np.testing.assert_allclose(xy[:, 0], [0.0, 1.0, 2.0])
    np.testing.assert_allclose(curve(ax, "training data")[:, 0], x[:, 1] + 0.12)
    (bars,) = ax.collections
    low, high = bars.get_segments()[1][:, 1]
    rows = np.column_stack([np.full(3, np.sort(x[:, 0])[14]), [0.0, 1.0, 2.0]])
    mean, std = gp.predict(rows, return_std=True)
    assert (low, high) == pytest.approx(
        (mean[1, 0] - 1.959964 * std[1, 0], mean[1, 0] + 1.959964 * std[1, 0])
    )
    assert len(plots.predictions(gp)) == 3  # the category held at a level that occurs


def test_predictions_in_axes_given(line):
    _, axes = plt.subplots(1, 3)
    found = plots.predictions(line, axes=axes)
    assert list(found) == list(axes)
    assert axes[2].get_xlabel() == "x0"
    labels = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert labels == ["95% latent function", "mean", "training data"]


def test_many_tasks_are_cut_and_said_so(many):
    axes = plots.predictions(many)
    assert len(axes) == 20
    assert "the first 20 of 30 tasks" in axes[0].get_figure().get_supylabel()
    assert len(plots.predictions(many, tasks=range(25))) == 25


def test_ridge_regression_has_no_band():
    x, y = table(d=1)
    kr = cg.MultiTaskKernelRidge(kernel=kernels.RBF(1.0), alpha=0.1).fit(x, np.nan_to_num(y))
    axes = plots.predictions(kr)
    assert not axes[0].collections
    xy = curve(axes[0], "mean")
    np.testing.assert_allclose(xy[:, 1], kr.predict(xy[:, :1])[:, 0])
    with pytest.raises(ValueError, match="include_noise"):
        plots.predictions(kr, include_noise=True)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"level": 1.0}, "level"),
        ({"level": True}, "level"),
        ({"feature": "depth"}, "feature"),
        ({"feature": 2}, "feature"),
        ({"tasks": "Pb"}, "task"),
        ({"tasks": []}, "tasks"),
        ({"X": np.ones((3, 1))}, "X"),
        ({"X": np.ones((3, 2)), "others": {0: 1.0}}, "others"),
        ({"others": [1.0]}, "others"),
        ({"truth": np.ones(3)}, "truth"),
    ],
)
def test_predictions_refuse(gp, arguments, name):
    with pytest.raises(ValueError, match=name):
        plots.predictions(gp, **arguments)


def test_the_number_of_axes_is_checked(gp):
    with pytest.raises(ValueError, match="axes"):
        plots.predictions(gp, axes=plt.subplots(1, 2)[1])


# Learning.


@pytest.fixture(scope="module")
def learned():
    x, y = table(d=1)
    return cg.MultiTaskGP(kernel=kernels.RBF(), n_restarts=1, random_state=0).fit(x, y)


def test_the_trace_is_drawn_with_its_best(learned):
    ax = plots.learning_trace(learned)
    trace = np.array(learned.model_.report["trace"])
    np.testing.assert_allclose(curve(ax, "evaluation"), trace)
    np.testing.assert_allclose(curve(ax, "best so far")[:, 1], np.maximum.accumulate(trace[:, 1]))
    np.testing.assert_allclose(curve(ax, "reached by each start")[:, 1], learned.model_.report["restarts"])


def test_the_gap_is_on_a_logarithmic_axis(learned):
    ax = plots.learning_trace(learned, scale="gap")
    trace = np.array(learned.model_.report["trace"])
    gap = trace[:, 1].max() - trace[:, 1]
    np.testing.assert_allclose(curve(ax, "evaluation")[:, 1], gap[gap > 0])
    assert ax.get_yscale() == "log"


def test_no_trace_where_nothing_was_learned(gp):
    with pytest.raises(ValueError, match="nothing was learned"):
        plots.learning_trace(gp)
    x, y = table(d=1)
    kr = cg.MultiTaskKernelRidge(kernel=kernels.RBF(1.0), alpha=0.1).fit(x, np.nan_to_num(y))
    with pytest.raises(ValueError, match="MultiTaskGP"):
        plots.learning_trace(kr)


# Spectrum.


def test_bars_are_eigenvalues_and_texts_shares(gp):
    covariance, correlation = plots.spectrum(gp)
    values = np.linalg.eigvalsh(B)[::-1]
    np.testing.assert_allclose([bar.get_height() for bar in covariance.patches], values, atol=1e-10)
    assert [text.get_text() for text in covariance.texts] == [
        f"{100 * v / values.sum():.0f}%" for v in values
    ]
    rho = B / np.sqrt(np.outer(np.diag(B), np.diag(B)))
    heights = [bar.get_height() for bar in correlation.patches]
    np.testing.assert_allclose(heights, np.linalg.eigvalsh(rho)[::-1], atol=1e-10)
    assert len(plots.spectrum(gp, of="correlation")) == 1
    with pytest.raises(ValueError, match="of"):
        plots.spectrum(gp, of="noise")
    with pytest.raises(ValueError, match="axes"):
        plots.spectrum(gp, axes=plt.subplots()[1])


# All of them.

EVERY = [
    plots.coverage,
    plots.leave_out,
    plots.learning_trace,
    plots.pit,
    plots.predictions,
    plots.residuals,
    plots.spectrum,
    plots.task_correlation,
]


@pytest.mark.parametrize("plot", EVERY, ids=lambda plot: plot.__name__)
def test_before_fit(plot):
    with pytest.raises(cg.NotFittedError):
        plot(cg.MultiTaskGP())


def test_every_plot_is_tested():
    assert sorted(plot.__name__ for plot in EVERY) == plots.__all__


@pytest.mark.parametrize("plot", EVERY, ids=lambda plot: plot.__name__)
def test_nothing_drawn_is_cut_off(plot, learned):
    """Texts and axes lie inside the figure after layout."""
    found = np.ravel(np.asarray(plot(learned), dtype=object))
    figure = found[0].get_figure()
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    assert box.x0 > -0.05
    assert box.y0 > -0.05
    assert box.x1 < width + 0.05
    assert box.y1 < height + 0.05


def test_twenty_tasks_look_different():
    looks = {(_style.colour(t), _style.marker(t), str(_style.dashes(t))) for t in range(20)}
    assert len(looks) == 20


WITHOUT = """
import sys
sys.modules["matplotlib"] = None
from coregion import plots
try:
    plots.spectrum([[1.0, 0.0], [0.0, 1.0]])
except ImportError as error:
    print(error)
"""


def test_without_matplotlib_the_extra_is_named():
    found = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert "pip install coregion[plots]" in found.stdout


def test_importing_the_plots_does_not_load_matplotlib():
    code = "import sys; from coregion import plots; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
