"""Scores of predicted Gaussians, station by station and for all stations together, and what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from common.difference import Difference, compared
from numpy.typing import NDArray

from coregion import metrics

from .data import STATIONS, Rows
from .joint import Joint

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Together:
    """How good a joint prediction of all stations is."""

    losses: Floats
    """Negative log density of all stations on each day, in nats."""
    rmse: float
    """Of the mean over the stations, as what follows."""
    nlpd: float
    coverage: tuple[float, float]

    @property
    def loss(self) -> float:
        """The mean of the losses."""
        return float(self.losses.mean())


@dataclass(frozen=True)
class Score:
    """How good the predictions of a model are."""

    name: str
    smse: Floats
    """Mean squared error (T,) over that of the training mean."""
    rmse: Floats
    nlpd: Floats
    """Mean negative log density (T,) of each station by itself, in nats."""
    coverage: tuple[float, float]
    """Shares of the measurements inside their 50 % and 95 % intervals."""
    squares: Floats
    """Contribution of each day to the mean SMSE."""
    together: Together | None = None
    """Of all stations together, where the model says what they have in common."""


def both_coverages(truth: Floats, mean: Floats, std: Floats) -> tuple[float, float]:
    """Shares inside the 50 % and the 95 % intervals."""
    half, most = (float(metrics.coverage(truth, mean, std, level=level)) for level in (0.5, 0.95))
    return half, most


@dataclass(frozen=True)
class Judge:
    """The measurements that predictions are judged by."""

    truth: Floats
    """Square roots measured (m, T)."""
    reference: Floats
    """Mean of each station over the training days."""
    blocks: Rows
    """The block of each day: days of different blocks count as independent of each other."""

    def alone(self, name: str, mean: Floats, std: Floats) -> Score:
        """Scores the predictions (m, T) of each station by itself."""
        trivial = ((self.truth - self.reference) ** 2).mean(axis=0)
        each = {"multioutput": "raw_values"}
        return Score(
            name,
            smse=np.asarray(metrics.smse(self.truth, mean, train_mean=self.reference, **each)),
            rmse=np.asarray(metrics.rmse(self.truth, mean, **each)),
            nlpd=np.asarray(metrics.nlpd(self.truth, mean, std, **each)),
            coverage=both_coverages(self.truth, mean, std),
            squares=((self.truth - mean) ** 2 / trivial).mean(axis=1),
        )

    def joint(self, name: str, p: Joint) -> Score:
        """Scores joint predictions."""
        alone = self.alone(name, p.mean, p.std)
        truth, (mean, std) = self.truth.mean(axis=1), p.of_mean()
        together = Together(
            losses=p.losses(self.truth),
            rmse=float(metrics.rmse(truth, mean)),
            nlpd=float(metrics.nlpd(truth, mean, std)),
            coverage=both_coverages(truth, mean, std),
        )
        return Score(**{**vars(alone), "together": together})

    def smse_gap(self, one: Score, other: Score) -> Difference:
        """How the mean SMSE of a model differs from that of another."""
        return compared(one.squares, other.squares, self.blocks.tolist())


def print_stations(scores: list[Score]) -> None:
    """Prints the scores of each station."""
    for title, values in (
        ("mean squared error over that of the training mean (SMSE)", [s.smse for s in scores]),
        ("root mean squared error, square roots of knots", [s.rmse for s in scores]),
        ("negative log predictive density, nats", [s.nlpd for s in scores]),
    ):
        print(f"  {title}")
        print(f"  {'':27}", *(f"{name:>6}" for name in [*STATIONS, "mean"]))
        for score, each in zip(scores, values):
            print(f"  {score.name:27}", *(f"{v:6.3f}" for v in [*each, each.mean()]))
        print()


def print_together(scores: list[Score]) -> None:
    """Prints the coverage of the intervals and what was said of all stations together."""
    print(f"  {'':27} | each station by | all stations | mean wind over the 12 stations")
    print(f"  {'':27} | itself:  inside | on one day:  |                  inside")
    print(f"  {'':27} |   50 %     95 % |   nats a day |  RMSE   NLPD   50 %    95 %")
    for s in scores:
        half, most = (percent(c) for c in s.coverage)
        line = f"  {s.name:27} | {half:>6}   {most:>6} |"
        if s.together is not None:
            t = s.together
            half, most = (percent(c) for c in t.coverage)
            line += f" {t.loss:12.3f} | {t.rmse:.3f} {t.nlpd:6.3f} {half:>6}  {most:>6}"
        print(line)
    print()


def print_comparison(judge: Judge, scores: list[Score]) -> None:
    """Compares the first model with each of the others."""
    own, *others = scores
    print(f"  The {own.name} against the others, mean SMSE:")
    gaps = {other.name: judge.smse_gap(own, other) for other in others}
    for other in others:
        wins = (own.smse < other.smse).sum()
        print(f"    {other.name:27} {gaps[other.name]}; better at {wins} of {len(STATIONS)} stations")
    if own.together is not None:
        print("  and log loss of all stations together, nats a day:")
        for other in others:
            if other.together is not None:
                gap = compared(own.together.losses, other.together.losses, judge.blocks.tolist())
                print(f"    {other.name:27} {gap}")
    for how, clear in (("clearly", True), ("not clearly", False)):
        names = [name for name, gap in gaps.items() if gap.excess >= 0.0 and gap.is_clear == clear]
        print(f"  Smaller mean SMSE, {how}: {'; '.join(names) or 'none'}.")


def print_intervals(multi: Score, single: Score, constant: Score) -> None:
    """Says what becomes of a mean over the stations in models that know nothing of each other."""
    m, s, c = multi.together, single.together, constant.together
    if m is None or s is None or c is None:
        return
    print(
        f"  The {single.name} hold {percent(s.coverage[1])} of the mean wind in their 95 % intervals, "
        f"the {multi.name} {percent(m.coverage[1])}."
    )
    if s.coverage[1] < m.coverage[1]:
        print("  Stations that share the weather do not average their errors out.")
    if s.loss > c.loss:
        print(f"  Of all stations together the {constant.name} with the covariance of the training days says")
        print(f"  more than they do: {c.loss:.1f} against {s.loss:.1f} nats a day are lost.")
    print()


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100.0 * share:.0f} %"
