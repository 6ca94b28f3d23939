"""Metals of the Swiss Jura that share different things over a kilometre and over a hundred metres.

``python lmc_two_scales.py [FIGURE_DIR]`` fits a linear model of coregionalization: two nested structures, a
kernel of long range and one of short range, each with a covariance of its own between four metals, and full
noise as the nugget. It is compared with one structure, and with one covariance between the metals for both
ranges, by the likelihood of 259 sites and by predictions of 100 others, from the place alone and with the
other metals measured. The figure is ``FIGURE_DIR/lmc_two_scales.svg``.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from common.difference import Difference, compared
from common.figures import BLUE, GREY, RED, folder_from_arguments, save
from common.jura import PLACE, Sites, middle
from common.score import Gaussian
from common.selection import n_learned
from numpy.typing import NDArray

import coregion as cg
from coregion import kernels, tasks

Floats = NDArray[np.float64]

METALS = ["Cd", "Cu", "Ni", "Pb"]
LONG, SHORT = 0.4, 0.07
"""Lengthscales in km that learning starts from: about a third of ranges published for these data."""
LEVELS = [0.5, 0.95]
"""Levels of the intervals whose coverage is counted."""
LAGS = np.array([0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.2, 1.6, 2.0])
"""Ends in km of the classes of distances of the variograms."""
SHOWN = ["Ni", "Pb"]
"""Metals whose variograms are printed and drawn."""


class Model(NamedTuple):
    """A model, fitted."""

    name: str
    gp: cg.MultiTaskGP

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2.0 * (n_learned(self.gp) - self.gp.log_marginal_likelihood_)


def exponential(scale: float) -> kernels.Kernel:
    """The exponential covariance of the distance, whatever its direction."""
    return kernels.Matern12(scale, ard=False)


def fit(training: Sites) -> list[Model]:
    """The models compared: the sum of two terms last."""
    both = exponential(LONG) + exponential(SHORT)
    terms = [(exponential(scale), tasks.FreeForm()) for scale in (LONG, SHORT)]
    described: dict[str, dict[str, Any]] = {
        "one range, one B": {"kernel": exponential(LONG), "task": tasks.FreeForm()},
        "two ranges, one B": {"kernel": both, "task": tasks.FreeForm()},
        "two ranges, each its B": {"terms": terms},
    }
    X, Y = training.X[PLACE], training.logs[METALS]
    fitted = {name: cg.MultiTaskGP(**settings, noise="full") for name, settings in described.items()}
    return [Model(name, gp.fit(X, Y)) for name, gp in fitted.items()]


@dataclass
class Score:
    """How good the predictions of all metals are, at the validation sites."""

    name: str
    errors: Floats
    """Absolute errors (m, T) in mg/kg."""
    losses: Floats
    """Negative log predictive densities (m, T) of the logs."""
    inside: list[float]
    """Shares of the logs inside the intervals of `LEVELS`."""

    @classmethod
    def of(cls, name: str, at: Sites, mean: Floats, std: Floats) -> Score:
        """Scores of predicted logs; the exponential of a mean is the median of the concentration."""
        logs = at.logs[METALS].to_numpy()
        z = (logs - mean) / std
        return cls(
            name,
            errors=np.abs(np.exp(mean) - at.metals[METALS].to_numpy()),
            losses=0.5 * z**2 + np.log(std) + 0.5 * np.log(2.0 * np.pi),
            inside=[float(cg.metrics.coverage(logs, mean, std, level=p)) for p in LEVELS],
        )

    def gaps(self, other: Score) -> tuple[list[Difference], Difference]:
        """What the errors of each metal are less those of another, and what all losses of a site are."""
        each = [compared(a, b) for a, b in zip(self.errors.T, other.errors.T)]
        return each, compared(self.losses.mean(axis=1), other.losses.mean(axis=1))


def with_others(gp: cg.MultiTaskGP, at: Sites) -> tuple[Floats, Floats]:
    """Means and standard deviations (m, T): each metal from the place and the other metals of its site."""
    mean, std = np.empty((2, len(at), len(METALS)))
    for t in range(len(METALS)):
        given = at.logs[METALS].to_numpy(copy=True)
        given[:, t] = np.nan
        m, s = gp.predict(at.X[PLACE], given=given, return_std=True, include_noise=True)
        mean[:, t], std[:, t] = m[:, t], s[:, t]
    return mean, std


def least_squares(training: Sites, at: Sites) -> tuple[Floats, Floats]:
    """The same by least squares of the log on the logs of the other metals."""
    mean, std = np.empty((2, len(at), len(METALS)))
    for t, metal in enumerate(METALS):
        others = [other for other in METALS if other != metal]
        p = Gaussian.of_regression(training.logs[others], training.logs[metal], at.logs[others])
        mean[:, t], std[:, t] = p.mean, p.std
    return mean, std


def by_spread(training: Sites, at: Sites) -> tuple[Floats, Floats]:
    """The mean and the spread of the training logs, whatever the place."""
    each = [Gaussian.of_training(training.logs[metal], len(at)) for metal in METALS]
    return np.column_stack([p.mean for p in each]), np.column_stack([p.std for p in each])


@dataclass
class Variogram:
    """Half the mean squared difference of the logs of pairs of sites, by their distance."""

    lags: Floats
    """Mean distance (k,) in km of the pairs of each class."""
    counts: NDArray[np.int64]
    """Pairs (k,) of each class."""
    measured: Floats
    """Semivariances (k, T)."""

    @classmethod
    def of(cls, sites: Sites) -> Variogram:
        """The variograms of all metals."""
        first, second = np.triu_indices(len(sites), 1)
        place, logs = sites.X[PLACE].to_numpy(), sites.logs[METALS].to_numpy()
        distance = np.hypot(*(place[first] - place[second]).T)
        halves = 0.5 * (logs[first] - logs[second]) ** 2
        classes = [(distance >= low) & (distance < high) for low, high in pairwise(LAGS)]
        return cls(
            lags=np.array([distance[inside].mean() for inside in classes]),
            counts=np.array([inside.sum() for inside in classes]),
            measured=np.array([halves[inside].mean(axis=0) for inside in classes]),
        )


def structures(gp: cg.MultiTaskGP) -> list[tuple[float, Floats]]:
    """The lengthscale and the covariance between the metals of each structure."""
    p = gp.parameters_
    return [(float(p[f"terms[{q}].kernel.lengthscale"]), b) for q, b in enumerate(gp.task_covariances_)]


def modelled(gp: cg.MultiTaskGP, lags: Floats) -> Floats:
    """Semivariances (k, T) that the sum of two terms says."""
    parts = [(1.0 - np.exp(-lags / scale))[:, None] * np.diag(b) for scale, b in structures(gp)]
    out: Floats = sum(parts) + np.diag(gp.noise_covariance_)
    return out


# What is printed.


def print_fits(models: list[Model]) -> None:
    """Prints the likelihoods."""
    print(
        f"  {'':24} | {'log likelihood':>14} {'parameters':>10} {'Akaike':>9} | {'solver':>9} {'time, s':>8}"
    )
    for model in models:
        report = model.gp.report_
        print(
            f"  {model.name:24} | {model.gp.log_marginal_likelihood_:14.2f} {n_learned(model.gp):10} "
            f"{model.aic:9.1f} | {report.solver:>9} {report.wall_time:8.1f}"
        )
    print()


def print_structures(gp: cg.MultiTaskGP) -> None:
    """Prints what varies over which distance, and what it has in common between the metals."""
    found, noise = structures(gp), gp.noise_covariance_
    scales = [scale for scale, _ in found]
    print(
        f"  Lengthscales {scales[0]:.3f} and {scales[1]:.3f} km: 95 % of each structure is reached within "
        f"{3.0 * scales[0]:.2f} and {3.0 * scales[1]:.2f} km.\n"
    )
    parts = [b for _, b in found] + [noise]
    total = np.diag(sum(parts))
    print("  Shares of the variance of each metal, in per cent")
    print(f"    {'':5} {'long':>7} {'short':>7} {'nugget':>7}")
    for t, metal in enumerate(METALS):
        print(f"    {metal:5}", *(f"{100.0 * part[t, t] / total[t]:7.0f}" for part in parts))
    print("\n  Correlations: of the long range below the diagonal, of the short range above it")
    print_correlations(parts[0], parts[1])
    print("  and of the nugget")
    print_correlations(noise, None)


def correlations(b: Floats) -> Floats:
    """The correlations of a covariance."""
    std = np.sqrt(np.diag(b))
    out: Floats = b / np.outer(std, std)
    return out


def print_correlations(below: Floats, above: Floats | None) -> None:
    """Prints the correlations of one covariance below the diagonal and those of another above it."""
    low = correlations(below)
    high = None if above is None else correlations(above)
    print(f"    {'':5}", *(f"{metal:>7}" for metal in METALS))
    for i, metal in enumerate(METALS):
        cells = [f"{low[i, j]:7.2f}" for j in range(i)] + [" " * 7]
        if high is not None:
            cells += [f"{high[i, j]:7.2f}" for j in range(i + 1, len(METALS))]
        print(f"    {metal:5}", " ".join(cells).rstrip())
    print()


def print_variograms(variogram: Variogram, gp: cg.MultiTaskGP) -> None:
    """Prints measured and modelled semivariances of two metals."""
    said = modelled(gp, variogram.lags)
    print("  Semivariances of the logs, measured and modelled")
    print(f"    {'km':>6} {'pairs':>6}", *(f"| {metal:>8} {'model':>8}" for metal in SHOWN))
    for k, (lag, count) in enumerate(zip(variogram.lags, variogram.counts)):
        places = [METALS.index(metal) for metal in SHOWN]
        cells = (f"| {variogram.measured[k, t]:8.3f} {said[k, t]:8.3f}" for t in places)
        print(f"    {lag:6.3f} {count:6}", *cells)
    print()


def print_scores(scores: list[Score]) -> None:
    """Prints the scores, and what the model of two structures is worth against the others."""
    inside = " ".join(f"{f'in {100 * level:.0f} %':>8}" for level in LEVELS)
    print(f"  {'MAE, mg/kg':32} |", *(f"{metal:>7}" for metal in METALS), f"| {'NLPD':>7} | {inside}")
    for s in scores:
        errors = " ".join(f"{error:7.3f}" for error in s.errors.mean(axis=0))
        shares = " ".join(f"{100.0 * share:6.1f} %" for share in s.inside)
        print(f"  {s.name:32} | {errors} | {s.losses.mean():7.4f} | {shares}")
    own, *others = scores
    print(f"\n  {own.name} against")
    for other in others:
        each, losses = own.gaps(other)
        print(f"    {other.name}:\n      NLPD {losses}")
        for metal, gap in zip(METALS, each):
            if gap.is_clear:
                print(f"      MAE of {metal} {gap}")
        clear = sum(gap.is_clear for gap in each)
        print(f"      MAE of {len(METALS) - clear} of {len(METALS)} metals: no clear difference")
    print()


def draw(folder: Path, variogram: Variogram, gp: cg.MultiTaskGP) -> None:
    """The correlations of both structures, and the variograms of two metals."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        1, 4, figsize=(17, 4.2), layout="constrained", width_ratios=[1, 1, 1.2, 1.2]
    )
    for ax, title, (scale, b) in zip(panels, ("Long range", "Short range"), structures(gp)):
        cg.plots.task_correlation(correlations(b), names=METALS, order="given", ax=ax)
        ax.set_title(f"{title}: within {3.0 * scale:.2f} km")
    lags = np.linspace(0.0, LAGS[-1], 200)
    scales = [scale for scale, _ in structures(gp)]
    for ax, metal in zip(panels[2:], SHOWN):
        t = METALS.index(metal)
        parts = [(1.0 - np.exp(-lags / scale)) * b[t, t] for scale, b in structures(gp)]
        nugget = gp.noise_covariance_[t, t]
        ax.plot(lags, np.full_like(lags, nugget), color=GREY, label="nugget")
        ax.plot(lags, parts[1], color=RED, label=f"within {3.0 * scales[1]:.2f} km")
        ax.plot(lags, parts[0], color=BLUE, label=f"within {3.0 * scales[0]:.2f} km")
        ax.plot(lags, nugget + parts[0] + parts[1], color="black", label="sum")
        ax.plot(variogram.lags, variogram.measured[:, t], "ko", label="measured")
        ax.set(title=f"Semivariance of log {metal}", xlabel="distance, km", ylim=(0.0, None))
    panels[2].legend(fontsize=8)
    save(figure, folder, "lmc_two_scales.svg")


def main(folder: Path | None = None) -> None:
    """Runs the example; draws the figure where a folder is given."""
    # A covariance of fewer directions than metals is no news; report_.warnings keeps it.
    warnings.simplefilter("ignore", cg.BoundaryWarning)
    begin = time.perf_counter()
    training, validation = Sites.read("prediction"), Sites.read("validation")
    print(
        f"{len(training)} sites to learn from, {len(validation)} for validation; models are of natural logs "
        f"of {', '.join(METALS)},\npredictions medians: the exponentials of the means"
    )

    print("\n1. Nested structures\n")
    models = fit(training)
    two = models[-1].gp
    variogram = Variogram.of(training)
    print_fits(models)
    print_structures(two)
    print_variograms(variogram, two)
    among = training.distances_between(np.arange(len(training)))
    print(
        f"  Median distance to the nearest training site: {middle(among):.3f} km from a training site, "
        f"{middle(training.distances_to(validation)):.3f} km from a\n  validation site\n"
    )

    print("2. The validation sites from their place alone\n")
    at = validation.X[PLACE]
    scores = [
        Score.of(name, validation, *gp.predict(at, return_std=True, include_noise=True))
        for name, gp in reversed(models)
    ]
    scores.append(Score.of("mean and spread of training", validation, *by_spread(training, validation)))
    print_scores(scores)

    print("3. Each metal where the other three were measured\n")
    scores = [Score.of(name, validation, *with_others(gp, validation)) for name, gp in reversed(models)]
    scores.append(Score.of("least squares on the others", validation, *least_squares(training, validation)))
    print_scores(scores)

    if folder is not None:
        draw(folder, variogram, two)
    print(f"Total time {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main(folder_from_arguments(__doc__))
