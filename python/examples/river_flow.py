"""River flow 48 hours ahead at 8 gauges, tested on blocks of time that were not learned from.

``python river_flow.py [FIGURE_DIR]`` cuts windows from the hourly flows, learns from blocks of them and
predicts others; chooses multi-task kernel ridge regression by leaving out whole blocks of time in closed
form, and compares it with the same for each gauge alone, a Gaussian process, the training mean, persistence
and linear ridge regression. The figure is ``FIGURE_DIR/river_flow.svg``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from common.difference import Difference
from common.figures import BLUE, GREY, RED, folder_from_arguments, save
from river import kernel_ridge, linear
from river.data import AHEAD, CYCLE, FORMS, GAUGES, SPAN, TEST, TRAINING, Floats, Windows, rrmse, split
from river.kernel_ridge import SHARES, Chosen, Setting
from river.linear import LinearRidge

import coregion as cg
from coregion.kernels import Matern52
from coregion.tasks import FreeForm

ROWS = 1000, 1000
"""Rows to learn from and to test on."""
SHOWN = 3
"""The gauge whose flow is drawn: one where the models differ."""


@dataclass(frozen=True)
class Score:
    """Predicted flows (m, T) and how good they are: the RRMSE of each gauge, and the same with each block of
    test rows left out in turn (blocks, T)."""

    name: str
    flows: Floats
    errors: Floats
    without: Floats

    @classmethod
    def of(cls, name: str, flows: Floats, training: Windows, test: Windows) -> Score:
        """Scores predicted flows."""
        kept = [test.block != block for block in np.unique(test.block)]
        without = [rrmse(test.y[rows], flows[rows], training.y) for rows in kept]
        return cls(name, flows, rrmse(test.y, flows, training.y), np.array(without))

    @property
    def mean(self) -> float:
        """The aRRMSE."""
        return float(self.errors.mean())

    def against(self, other: Score) -> Difference:
        """How the mean error differs from that of another model; the standard error is the jackknife's over
        blocks (Efron & Tibshirani 1993, ch. 11)."""
        differences = (self.without - other.without).mean(axis=1)
        return Difference(self.mean - other.mean, differences.std() * np.sqrt(len(differences) - 1))


def powers(penalties: Iterable[float], grid: Floats) -> str:
    """Powers of ten, those at an end of their grid with a star."""
    return " ".join(f"{np.log10(p):g}{'*' if p in (grid[0], grid[-1]) else ''}" for p in penalties)


def print_choice(chosen: Chosen, ridge: LinearRidge) -> None:
    """Prints which models were chosen."""
    shared, own = chosen.shared, chosen.own
    print(f"  Left out by {chosen.by}, in closed form, {chosen.seconds:.1f} s:")
    print(f"    multi-task kernel ridge: {shared.name}")
    star = "*" if shared.share == SHARES[-1] else ""
    print(f"      rho {shared.share:g}{star}, {shared.ridge.alpha_:.2f} times the gauges' own penalties")
    print(f"    each gauge by itself: {', '.join(one.name for one in own)}")
    print(f"      log10 of the penalties: {powers((one.penalty for one in own), kernel_ridge.PENALTIES)}")
    print("    linear ridge, log10 of the penalties as shares of the rows:")
    print(f"      {powers(ridge.penalties, linear.PENALTIES)}")
    print("    *: at an end of its grid. The lowest penalty is least squares, the highest a constant.\n")


def print_optimism(setting: Setting, chosen: list[Chosen], training: Windows, test: Windows) -> None:
    """Prints what leaving out estimates beside what the test rows say."""

    def line(name: str, estimate: float, flows: Floats) -> None:
        error = rrmse(test.y, flows, training.y).mean()
        print(f"{name:50} {estimate:9.4f} {error:6.4f} {error / estimate:17.2f}")

    print(f"  {'aRRMSE':48} estimated   test  test / estimated")
    for c in chosen:
        print(f"    left out by {c.by}")
        shared = f"      multi-task, {c.shared.name}, rho {c.shared.share:g}"
        line(shared, c.shared.error, setting.flows_of_shared(c.shared, test))
        estimate = float(np.mean([one.error for one in c.own]))
        line("      each gauge by itself", estimate, setting.flows_of_own(c.own, test))
    kept = rrmse(training.y, training.now, training.y).mean()
    line("    persistence, as a yardstick", kept, test.now)
    print()


def print_scores(scores: list[Score]) -> None:
    """Prints the errors, which model is best in all, and where the first one is not."""
    print(f"  {'RRMSE':16}", *(f"{name:>7}" for name in [*GAUGES, "aRRMSE"]))
    for s in scores:
        print(f"  {s.name:16}", *(f"{v:7.4f}" for v in [*s.errors, s.mean]))
    own, *others = scores
    print(f"\n  aRRMSE of the {own.name} against the others:")
    for other in others:
        print(f"    {other.name:16} {own.against(other)}")
    for other in others:
        ahead = [gauge for t, gauge in enumerate(GAUGES) if other.errors[t] <= own.errors[t]]
        if ahead:
            print(f"  At {', '.join(ahead)} the {other.name} is no worse.")
    best = min(scores, key=lambda s: s.mean)
    print(f"  Least aRRMSE: {best.name}, {best.mean:.4f}.\n")


def draw(folder: Path, test: Windows, scores: list[Score]) -> None:
    """A test block as it came and as it was predicted, and the errors at each gauge."""
    import matplotlib.pyplot as plt

    drawn = list(zip(scores[:4], (BLUE, "#1b7837", RED, GREY)))
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    blocks = [np.flatnonzero(test.block == block) for block in np.unique(test.block)]
    rows = max(blocks, key=lambda rows: test.y[rows, SHOWN].std())  # where most happens
    day = (test.hour[rows] + AHEAD) / 24.0
    left.plot(day, test.y[rows, SHOWN], color="black", label="measured")
    for s, colour in drawn:
        left.plot(day, s.flows[rows, SHOWN], color=colour, label=s.name)
    title = f"Flow at {GAUGES[SHOWN]}, predicted {AHEAD} hours before"
    left.set(title=title, xlabel="day", ylabel="flow")
    left.legend(fontsize=8)
    for place, (s, colour) in enumerate(drawn):
        heights = np.arange(len(GAUGES)) + 0.15 * (place - 1.5)
        right.plot(s.errors, heights, "o", color=colour, label=f"{s.name}: mean {s.mean:.3f}")
    right.set_yticks(range(len(GAUGES)), GAUGES)
    right.invert_yaxis()
    right.grid(axis="x", alpha=0.2)
    most = max(s.errors.max() for s, _ in drawn)
    right.set(title="RMSE relative to the training mean", xlim=(0.0, 1.5 * most))  # room for the legend
    right.legend(fontsize=8, loc="lower right")
    save(figure, folder, "river_flow.svg")


def main(folder: Path | None = None) -> None:
    """Runs the example; draws the figure where a folder is given."""
    begin = time.perf_counter()
    training, test = split(*ROWS)
    apart = np.abs(test.hour[:, None] - training.hour).min()
    n_blocks, n_test_blocks = (len(np.unique(windows.block)) for windows in (training, test))
    print(
        f"Of every {CYCLE} hours, {TRAINING} are learned from and {TEST} tested on, {SPAN} left out between "
        f"them:\n{len(training)} training rows in {n_blocks} blocks, {len(test)} test rows in "
        f"{n_test_blocks} blocks, no two of them closer than {apart}\n"
        f"hours: a window spans {SPAN}, none of a training row overlaps one of a test row."
    )

    print("\n1. What to learn: aRRMSE of ridge regression, training blocks left out in turn\n")
    fits = {}
    for form in FORMS:
        fits[form] = LinearRidge(training, form)
        print(f"  {form!s:16} {fits[form].error:.4f}")
    persistence = rrmse(training.y, training.now, training.y).mean()
    print(f"  (persistence {persistence:11.4f})")
    form, ridge = min(fits.items(), key=lambda fit: fit[1].error)
    print(f"  Taken: {form}.\n")

    print("2. The model, by the training rows\n")
    setting = Setting(training, form)
    by_block = Chosen.by_leaving_out(training.block, setting)
    by_row = Chosen.by_leaving_out(None, setting)
    print_choice(by_block, ridge)
    print_optimism(setting, [by_row, by_block], training, test)

    print(f"3. The test blocks, {AHEAD} hours ahead\n")
    # A multi-task Gaussian process, one lengthscale for all inputs. Its parameters maximise the marginal
    # likelihood, which takes what is left of neighbouring hours for independent noise: where it is not,
    # the lengthscale comes out short.
    gp = cg.MultiTaskGP(Matern52(ard=False), FreeForm(), noise="full")
    gp.fit(form.inputs(training, training), pd.DataFrame(form.outputs(training), columns=GAUGES))
    flows = {
        "multi-task ridge": setting.flows_of_shared(by_block.shared, test),
        "own kernel ridge": setting.flows_of_own(by_block.own, test),
        "linear ridge": ridge.predict(test),
        "persistence": test.now,
        "training mean": np.broadcast_to(training.y.mean(axis=0), test.y.shape),
        "multi-task GP": form.flows(gp.predict(form.inputs(training, test)), test),
    }
    scores = [Score.of(name, predicted, training, test) for name, predicted in flows.items()]
    print_scores(scores)
    print("  The GP has one Matern kernel, and its likelihood takes what is left of neighbouring hours for")
    print(f"  independent: {gp.summary().model['kernel']}.\n")
    if folder is not None:
        draw(folder, test, scores)
    print(f"Total time {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main(folder_from_arguments(__doc__))
