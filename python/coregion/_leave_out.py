"""What is left out of the training observations and predicted from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _prediction, _scalars
from ._errors import invalid

if TYPE_CHECKING:
    from ._estimator import Estimator
    from ._types import Floats


def leave_one_out(estimator: Estimator, by: Any, groups: Any, return_log_density: Any) -> Any:
    """Leave-one-out of either estimator."""
    model = estimator._model()
    check_left_out(by)
    with_density = _scalars.switch(return_log_density, "return_log_density")
    mean, std, density = model.leave_one_out(by, estimator._groups(groups))
    mean, std = estimator._at_observations(mean), estimator._at_observations(std)
    return (mean, std, np.asarray(density)) if with_density else (mean, std)


def quantiles_left_out(estimator: Estimator, by: Any, groups: Any, quantiles: Any) -> Floats:
    """Quantiles of leave-one-out, an axis of levels at the end."""
    model = estimator._model()
    check_left_out(by)
    levels = _prediction.levels(quantiles).tolist()
    found = model.leave_one_out_quantiles(by, levels, estimator._groups(groups))
    return estimator._at_observations(np.asarray(found))


def check_left_out(by: Any) -> None:
    """Refuses what is not left out."""
    if by not in ("row", "entry", "task"):
        raise invalid("by", repr(by), "'row', 'entry' or 'task'")
