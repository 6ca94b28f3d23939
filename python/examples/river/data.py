"""The flows, the windows cut from them, the split into blocks of time, and the forms to learn them in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from common.data import read
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

GAUGES = ["CHSI2", "NASI2", "EADM7", "SCLM7", "CLKM7", "VALI2", "NAPM7", "DLDI4"]
LAGS = [0, 6, 12, 18, 24, 36, 48, 60]
"""Hours back of the inputs. The first is now."""
AHEAD = 48
"""Hours ahead of the outputs."""
SPAN = LAGS[-1] + AHEAD
"""First to last hour of a window."""
TRAINING, TEST = 600, 184
"""Hours of a cycle: those to learn from, then those to test on. As many as a window spans are left out
after either."""
CYCLE = TRAINING + TEST + 2 * SPAN


@dataclass(frozen=True)
class Windows:
    """Rows of windows, in the order of time."""

    hour: Counts
    block: Counts
    """The block of time that each row belongs to."""
    x: Floats
    """Flows now and before (n, 64), the flows now first."""
    y: Floats
    """Flows ahead (n, 8)."""

    def __len__(self) -> int:
        return len(self.hour)

    @property
    def now(self) -> Floats:
        """The flows (n, 8) of the last hour known."""
        return self.x[:, : len(GAUGES)]

    def rows(self, rows: Counts) -> Windows:
        """Some of the rows."""
        return Windows(self.hour[rows], self.block[rows], self.x[rows], self.y[rows])

    def thinned(self, n: int) -> Windows:
        """So many rows, evenly spread."""
        n = min(n, len(self))
        return self.rows(np.arange(n) * len(self) // n)


def split(n_training: int, n_test: int) -> tuple[Windows, Windows]:
    """Training and test rows: evenly spread over those that the cycle gives."""
    table = read("mulan_rf1", "flows.csv")
    flows, hours = table[GAUGES].to_numpy(dtype=float), table["hour"].to_numpy()
    rows, blocks, places = [], [], []
    first_block = 0
    for inside in table.groupby("part").indices.values():  # the two parts of an interrupted series
        whole = np.arange(len(inside) - SPAN)
        rows.append(inside[whole + SPAN - AHEAD])
        blocks.append(first_block + whole // CYCLE)
        places.append(whole % CYCLE)
        first_block += -(-len(whole) // CYCLE)
    at, place = np.concatenate(rows), np.concatenate(places)
    x = np.hstack([flows[at - lag] for lag in LAGS])
    every = Windows(hours[at], np.concatenate(blocks), x, flows[at + AHEAD])

    def within(start: int, length: int) -> Windows:
        return every.rows(np.flatnonzero((start <= place) & (place < start + length)))

    return within(0, TRAINING).thinned(n_training), within(TRAINING + SPAN, TEST).thinned(n_test)


@dataclass(frozen=True)
class Form:
    """What models see and say: flows or their logs, the level ahead or its change from now."""

    logs: bool
    change: bool

    def __str__(self) -> str:
        return ("change of " if self.change else "") + ("logs" if self.logs else "flows")

    def _of(self, flows: Floats) -> Floats:
        return np.asarray(np.log(flows)) if self.logs else flows

    def inputs(self, training: Windows, at: Windows) -> Floats:
        """Inputs (n, 64), standardised by the training rows."""
        known = self._of(training.x)
        mean, std = known.mean(axis=0), known.std(axis=0)
        return np.asarray((self._of(at.x) - mean) / std)

    def outputs(self, at: Windows) -> Floats:
        """Outputs (n, 8)."""
        level = self._of(at.y)
        return level - self._of(at.now) if self.change else level

    def flows(self, outputs: Floats, at: Windows) -> Floats:
        """Flows from outputs (..., n, 8)."""
        level = outputs + self._of(at.now) if self.change else outputs
        return np.exp(level) if self.logs else level


FORMS = [Form(logs, change) for logs in (False, True) for change in (False, True)]
"""The forms to choose from."""


def rrmse(truth: Floats, flows: Floats, training: Floats) -> Floats:
    """Root mean squared error of each gauge over that of the mean of the training rows: (8,), or (..., 8)
    for several predictions (..., n, 8)."""
    trivial = ((truth - training.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(((truth - flows) ** 2).sum(axis=-2) / trivial))
