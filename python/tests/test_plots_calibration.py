"""Plots of what the model says of data left out: coverage, transforms, observed against predicted."""

from __future__ import annotations

import numpy as np
import pytest
from plot_models import NAMES, curve, evaluated, table, thirty

from coregion import plots

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
def many():
    return thirty()


# Calibration.


def test_coverage_is_the_share_inside():
    truth = np.array([[0.5], [1.5], [-2.5], [np.nan]])
    ax = plots.coverage(truth=truth, mean=0.0 * truth, std=1.0 + 0.0 * truth, levels=[0.5, 0.9, 0.99])
    np.testing.assert_allclose(curve(ax, "0"), [[0.5, 1 / 3], [0.9, 2 / 3], [0.99, 1.0]])


def test_coverage_by_task_and_of_all(gp):
    y, (mean, std) = table()[1], gp.leave_one_out(by="entry")
    ax = plots.coverage(gp, by="entry", levels=[0.8])
    inside = np.abs(y - mean) <= 1.2815515655 * std
    seen = ~np.isnan(y)
    for task, name in enumerate(NAMES):
        assert curve(ax, name)[0, 1] == pytest.approx(inside[seen[:, task], task].mean())
    assert curve(ax, "all tasks")[0, 1] == pytest.approx(inside[seen].mean())
    pair = plots.coverage(gp, by="entry", levels=[0.8], tasks=["Zn", "Cd"])
    assert curve(pair, "all tasks")[0, 1] == pytest.approx(inside[:, [0, 2]][seen[:, [0, 2]]].mean())


def test_groups_are_left_out_together(gp):
    groups = np.arange(30) // 5
    y, (mean, std) = table()[1], gp.leave_one_out(groups=groups)
    expected = plots.coverage(truth=y, mean=mean, std=std, names=NAMES)
    found = plots.coverage(gp, groups=groups)
    np.testing.assert_array_equal(curve(found, "all tasks"), curve(expected, "all tasks"))


def test_coverage_of_many_tasks_has_no_names(many):
    ax = plots.coverage(many)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["calibrated", "each of 30 tasks", "all tasks"]


def test_pit_counts_probabilities():
    truth = np.array([[-3.0, 0.1], [-2.0, 0.2], [0.3, np.nan], [3.0, 2.0]])
    ax = plots.pit(truth=truth, mean=0.0 * truth, std=1.0 + 0.0 * truth, bins=4)
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, [8 / 7, 0.0, 12 / 7, 8 / 7])


def test_pit_for_each_task(gp):
    axes = plots.pit(gp, each_task=True)
    assert [ax.get_title() for ax in axes] == NAMES
    y, (mean, std) = table()[1], gp.leave_one_out()
    seen = ~np.isnan(y[:, 2])
    p = plots._fitted.normal_cdf(((y - mean) / std)[seen, 2])
    expected = np.histogram(p, np.linspace(0, 1, 11), density=True)[0]
    np.testing.assert_allclose([bar.get_height() for bar in axes[2].patches], expected)


ARRAYS = {"truth": np.ones((3, 2)), "mean": np.ones((3, 2)), "std": np.ones((3, 2))}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"std": None}, "std"),
        ({"mean": np.ones((3, 1))}, "mean"),
        ({"std": np.zeros((3, 2))}, "std"),
        ({"names": ["a"]}, "names"),
        ({"truth": np.full((3, 2), np.nan)}, "truth"),
        ({"levels": [0.5, 1.0]}, "levels"),
    ],
)
def test_coverage_refuses(changes, name):
    with pytest.raises(ValueError, match=name):
        plots.coverage(**(ARRAYS | changes))


def test_calibration_refuses_two_sources(gp):
    with pytest.raises(ValueError, match="gp"):
        plots.coverage(gp, **ARRAYS)
    with pytest.raises(ValueError, match="by"):
        plots.pit(gp, by="column")
    with pytest.raises(ValueError, match="bins"):
        plots.pit(gp, bins=1)
    with pytest.raises(ValueError, match="ax"):
        plots.pit(gp, each_task=True, ax=plt.subplots()[1])


# Leaving out.


@pytest.mark.parametrize("by", ["row", "entry", "task"])
def test_observed_against_left_out_predictions(gp, by):
    axes = plots.leave_out(gp, by)
    y, (mean, std) = table()[1], gp.leave_one_out(by=by)
    for task, ax in enumerate(axes):
        seen = ~np.isnan(y[:, task])
        (bars,) = ax.containers
        points, _, (errors,) = bars
        np.testing.assert_allclose(points.get_xydata(), np.column_stack([mean[seen, task], y[seen, task]]))
        half = [0.5 * np.ptp(segment[:, 0]) for segment in errors.get_segments()]
        np.testing.assert_allclose(half, 1.9599639845 * std[seen, task])
        residual = y[seen, task] - mean[seen, task]
        fit = 1 - np.sum(residual**2) / np.sum((y[seen, task] - y[seen, task].mean()) ** 2)
        assert ax.get_title() == f"{NAMES[task]}, $R^2$ = {fit:.2f}"


def test_all_tasks_in_one_axes_have_their_colours(gp):
    ax = plt.subplots()[1]
    (found,) = plots.leave_out(gp, axes=ax)
    assert found is ax
    assert [c.get_label() for c in ax.containers] == NAMES
    assert len({c[0].get_color() for c in ax.containers}) == 3
    assert ax.get_xlabel() == "predicted, rows left out"


def test_a_task_without_observations_leaves_its_panel_empty():
    x, y = table(d=1)
    y[:, 1] = np.nan
    gp = evaluated(x, y, NAMES)
    axes = plots.leave_out(gp)
    assert axes[1].get_title() == "Cu"
    assert len(axes[0].containers[0][0].get_xdata()) == 30
    assert len(plots.predictions(gp)) == len(plots.pit(gp, each_task=True)) == 3


def test_residuals_are_standardised(gp):
    y, (mean, std) = table()[1], gp.leave_one_out()
    seen = ~np.isnan(y[:, 2])
    z = ((y - mean) / std)[seen, 2]
    ax = plots.residuals(gp, against="x1")
    np.testing.assert_allclose(curve(ax, "Zn"), np.column_stack([table()[0][seen, 1], z]))
    assert ax.get_xlabel() == "x1"
    m = mean[seen, 2]
    scaled = (m - y[seen, 2].mean()) / y[seen, 2].std()
    np.testing.assert_allclose(curve(plots.residuals(gp), "Zn")[:, 0], scaled)
    with pytest.raises(ValueError, match="feature"):
        plots.residuals(gp, against="depth")


def test_residuals_of_many_tasks_have_no_legend(many):
    ax = plots.residuals(many)
    assert ax.get_legend() is None
    assert "30 tasks" in ax.get_ylabel()
