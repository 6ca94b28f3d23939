"""Telling the user how far a fit has come."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import numpy as np

from ._errors import invalid
from ._types import Observer
from .exceptions import CancelledError


class Watch:
    """What is told of the progress of one fit: a bar, a function of the user, lines of print, or nothing.

    To be used in a ``with`` statement, which closes the bar; `observer` is what the core is given.
    """

    def __init__(self, progress: Any, verbose: Any, title: str) -> None:
        self._listeners: list[Observer] = []
        self._bar: _Bar | None = None
        self._ended = False
        self._told = 0
        if callable(progress):
            self._listeners.append(progress)
        elif progress is True or progress == 1:
            self._bar = _Bar(title)
            self._listeners.append(self._bar.update)
        elif progress not in (False, None, 0):
            raise invalid("progress", repr(progress), "True, False or a function of one dictionary")
        if verbosity(verbose) >= 2:
            self._listeners.append(_print)

    @property
    def observer(self) -> Observer | None:
        """Tells every listener, and asks for an end where one returns False; None without listeners."""
        return self._tell if self._listeners else None

    def _tell(self, state: dict[str, Any]) -> bool:
        if self._ended:
            return False
        answers = [listener(dict(state)) for listener in self._listeners]  # every one is told
        self._ended = any(isinstance(answer, (bool, np.bool_)) and not answer for answer in answers)
        self._told += 1
        return not self._ended

    def finished(self) -> None:
        """Called after work that came to its end: refuses it where a listener had asked for an end before.

        Short work may be over before it hears the answer.
        """
        if self._ended:
            message = f"cancelled by the progress function when told {self._told} time(s)"
            raise CancelledError(message, evaluations=self._told)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def verbosity(verbose: Any) -> int:
    """``verbose`` as a number."""
    try:
        if not isinstance(verbose, str) and int(verbose) == verbose and verbose >= 0:
            return int(verbose)
    except (TypeError, ValueError, OverflowError):
        pass
    raise invalid("verbose", repr(verbose), "0, 1 or 2")


def _print(state: dict[str, Any]) -> None:
    print(", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in state.items()))


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class _Bar:
    """A tqdm bar; without tqdm one line on stderr that is written again."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.steps = 0
        self.bar: Any = None
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return
        self.bar = tqdm(desc=title, unit="evaluation")

    def update(self, state: dict[str, Any]) -> None:
        """Shows a state."""
        self.steps += 1
        rest = {k: v for k, v in state.items() if k not in ("evaluations", "done", "total")}
        if self.bar is None:
            of = f"{state['done']} of {state['total']}" if "total" in state else f"evaluation {self.steps}"
            shown = "".join(f", {k.replace('_', ' ')} {_shown(v)}" for k, v in rest.items())
            sys.stderr.write(f"\r{self.title}: {of}{shown}")
            sys.stderr.flush()
            return
        if "total" in state:
            self.bar.total, self.bar.unit = state["total"], "it"
            self.bar.update(state["done"] - self.bar.n)
        else:
            self.bar.update(1)
        self.bar.set_postfix({k.replace("_", " "): _shown(v) for k, v in rest.items()}, refresh=False)

    def close(self) -> None:
        """Ends the bar."""
        if self.bar is not None:
            self.bar.close()
        elif self.steps:
            sys.stderr.write("\n")
