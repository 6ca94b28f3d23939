"""Metals of the Swiss Jura in the units they were measured in, with warps of the outputs side by side.

Fills in cadmium and copper at 100 validation sites from metals known at all 359, as ``jura_cokriging.py``
does: without a warp, under the logarithm, and under warps whose parameters are learned in the likelihood.
Predictions are medians, intervals are between quantiles, densities are of concentrations.

    python warped_metals.py            tables only
    python warped_metals.py FOLDER     and the figure FOLDER/warped_metals.svg
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from common import figures
from common.jura import PLACE, Sites
from numpy.typing import NDArray

import coregion as cg
from coregion import kernels, tasks

JOBS = {"Cd": ["Ni", "Zn"], "Cu": ["Pb", "Ni", "Zn"]}
"""A metal wanted, and those known at every site."""
WARPS = ["identity", "log", "box-cox", "yeo-johnson", "sinh-arcsinh"]
LEVELS = [0.025, 0.25, 0.5, 0.75, 0.975]
"""Levels of the quantiles: two intervals about the median."""
ONE_ABOVE = 0.841344746068543
"""Share of a normal distribution below one standard deviation above its mean."""
HELD = ("reference", "location", "scale")
"""Parameters of warps that are not learned."""


class Line(NamedTuple):
    """A warp, the model fitted with it, and what it is worth at the validation sites."""

    name: str
    gp: cg.MultiTaskGP
    medians: NDArray[np.float64]
    errors: NDArray[np.float64]
    nlpd: float
    in_half: float
    in_most: float

    @property
    def mae(self) -> float:
        """Mean absolute error in mg/kg."""
        return float(self.errors.mean())


def main() -> None:
    """Prints all tables, and draws the figure where a folder is given."""
    folder = figures.folder_from_arguments(__doc__)
    warnings.simplefilter("ignore", cg.BoundaryWarning)
    clock = time.perf_counter()
    training, validation = Sites.read("prediction"), Sites.read("validation")
    X = pd.concat([training.X, validation.X])[PLACE]
    metals = pd.concat([training.metals, validation.metals])
    print(
        f"{len(X)} sites, {len(validation)} of them for validation; concentrations in mg/kg as they were "
        "measured, predictions\nmedians, likelihoods and densities of concentrations"
    )
    drawn = {}
    for number, (target, given) in enumerate(JOBS.items(), start=1):
        print(f"\n{number}. {target} with {', '.join(given)} known at all sites\n")
        Y = metals[[target, *given]].copy()
        Y.iloc[len(training) :, 0] = np.nan
        truth = validation.metals[target].to_numpy()
        lines = [run(name, X, Y, truth) for name in WARPS]
        print_lines(lines)
        drawn[target] = (lines, truth)
    if folder is not None:
        draw(folder, drawn)
    print(f"Total time {time.perf_counter() - clock:.1f} s")


def run(name: str, X: pd.DataFrame, Y: pd.DataFrame, truth: NDArray[np.float64]) -> Line:
    """Fits a model with a warp and scores what it fills in."""
    gp = cg.MultiTaskGP(kernels.Matern12(), task=tasks.FreeForm(), noise="full", warp=name).fit(X, Y)
    n_training = len(Y) - len(truth)
    q = gp.impute(quantiles=[*LEVELS, ONE_ABOVE])[n_training:, 0]
    # On the warped scale predictions are normal: their medians are their means.
    warp = gp.warps_[0]
    mean = warp.forward(np.ascontiguousarray(q[:, 2]))
    std = warp.forward(np.ascontiguousarray(q[:, 5])) - mean
    z = (warp.forward(truth) - mean) / std
    losses = 0.5 * z**2 + np.log(std) + 0.5 * np.log(2.0 * np.pi) - warp.log_slope(truth)
    return Line(
        name,
        gp,
        medians=q[:, 2],
        errors=np.abs(q[:, 2] - truth),
        nlpd=float(losses.mean()),
        in_half=float(np.mean((q[:, 1] <= truth) & (truth <= q[:, 3]))),
        in_most=float(np.mean((q[:, 0] <= truth) & (truth <= q[:, 4]))),
    )


def print_lines(lines: list[Line]) -> None:
    """Prints the scores, what the learned warps lose or gain against the logarithm, and their parameters."""
    print(f"  {'':12} | log likelihood |    MAE ± std.err. |    NLPD | in 50 % | in 95 % | converged")
    for line in lines:
        error = np.std(line.errors, ddof=1) / np.sqrt(len(line.errors))
        print(
            f"  {line.name:12} | {line.gp.log_marginal_likelihood_:>14.1f} | "
            f"{line.mae:>7.4f} ± {error:>7.4f} | {line.nlpd:>7.4f} | {100 * line.in_half:>5.0f} % | "
            f"{100 * line.in_most:>5.0f} % | {'yes' if line.gp.report_.converged else 'no'}"
        )
    log = next(line for line in lines if line.name == "log")
    print("\n  Mean absolute error against that under the logarithm:")
    for line in lines:
        if line is not log:
            print(f"    {line.name:12} {100 * (line.mae / log.mae - 1):+.1f} %")
    print("\n  Parameters learned:")
    for line in lines:
        for path, value in line.gp.parameters_.items():
            if path.startswith("warp") and not path.endswith(HELD):
                print(f"    {line.name:12} {path:18} {float(value):.3f}")


def draw(folder: Path, jobs: dict[str, tuple[list[Line], NDArray[np.float64]]]) -> None:
    """Medians against what was measured: without a warp, under the logarithm, and under a learned warp."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(jobs), figsize=(12.5, 5.5), layout="constrained")
    colours = {"identity": figures.GREY, "log": figures.RED, "box-cox": figures.BLUE}
    for ax, (metal, (lines, truth)) in zip(axes, jobs.items()):
        for line in lines:
            if line.name in colours:
                label = f"{line.name}: MAE {line.mae:.3f}"
                ax.scatter(truth, line.medians, s=16, color=colours[line.name], label=label)
        high = 1.05 * truth.max()
        ax.plot([0.0, high], [0.0, high], color="black", linewidth=0.8, zorder=0)
        ax.set(
            title=f"{metal} at the validation sites, mg/kg",
            xlabel="measured",
            ylabel="predicted median",
            xlim=(0.0, high),
            ylim=(0.0, high),
        )
        ax.legend(loc="upper left")
    figures.save(figure, folder, "warped_metals.svg")


if __name__ == "__main__":
    main()
