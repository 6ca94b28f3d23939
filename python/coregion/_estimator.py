"""What the estimators share: fitted state, pickling, new inputs, the shapes of answers."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _frames, _labels
from ._data import Training
from ._description import Kernel, Mixing, Task, described, tree, with_columns
from ._errors import incompatible, invalid, not_fitted, wrong_shape
from ._r2 import r2_score
from ._scalars import path_of
from ._sklearn import SklearnProtocol, check_feature_names
from ._types import Counts, Floats
from .exceptions import UnknownNameError

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._summary import Summary


class Estimator(SklearnProtocol, ABC):
    """A regressor whose fitted state is an object of the core, kept in ``model_``."""

    _core_type: ClassVar[Any]
    _state: ClassVar[tuple[str, ...]] = ("model_", "_labels", "_vector", "_columns", "_named")
    device: Any

    # Fitted state.

    def _keep(self, model: Any, training: Training) -> None:
        """Makes this the estimator of a fit."""
        self.model_ = model
        self._labels = training.labels
        self._vector = training.vector
        self._columns = training.data.feature_names
        self._named = training.feature_names is not None

    def _with_model(self, model: Any) -> Self:
        """An estimator with the same settings and data conventions, and another model."""
        other = type(self)(**self.get_params(deep=False))
        for name in (*self._state, "_sklearn_output_config", "_metadata_request"):
            if name in self.__dict__:
                setattr(other, name, self.__dict__[name])
        other.model_ = model
        return other

    @classmethod
    def _of_model(cls, model: Any, **params: Any) -> Self:
        """A fitted estimator of a model that was not fitted by one."""
        estimator = cls(**params)
        data = model.data
        estimator.model_ = model
        estimator._labels = _labels.TaskLabels(data.task_names)
        estimator._vector = data.is_vector
        estimator._columns = data.feature_names
        estimator._named = estimator._columns != [f"x{j}" for j in range(len(estimator._columns))]
        return estimator

    def _model(self) -> Any:
        model = self.__dict__.get("model_")
        if model is None:
            raise not_fitted(self)
        return model

    def _is_long(self) -> bool:
        return bool(self._model().data.layout == "long")

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if "model_" in state:
            state["model_"] = state["model_"].to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "model_" in state:
            self.model_ = self._core_type.from_bytes(state["model_"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fitted model to a file that Rust and later versions read too.

        The file holds data, parameters and settings of the model, not how the estimator was set up
        beyond them: `coregion.load` gives a fitted estimator. The whole file is written, or none.

        Parameters
        ----------
        path : str or path
            By custom ``.safetensors``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For a path that is no text.
        ModelFileError
            Where the file cannot be written.

        Examples
        --------
        >>> import os, tempfile
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> kr = cg.MultiTaskKernelRidge(alpha=0.1).fit(X, np.column_stack([np.sin(X), np.cos(X)]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.safetensors")
        ...     kr.save(path)
        ...     again = cg.load(path)
        >>> bool(np.allclose(again.predict(X), kr.predict(X)))
        True
        """
        self._model().save(path_of(path))

    def summary(self) -> Summary:
        """What was fitted, as a table for people.

        Returns
        -------
        Summary
            Prints as text, and as a table in notebooks.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        self._model()
        from ._summary import summarise

        return summarise(self)

    # Settings that both have.

    def _check_device(self) -> None:
        from .exceptions import DeviceError

        if self.device == "gpu":
            raise DeviceError("device: found 'gpu', and this build has no GPU backend: use 'cpu' or 'auto'")
        if self.device not in ("cpu", "auto"):
            raise invalid("device", repr(self.device), "'cpu', 'gpu' or 'auto'")

    # Fitted attributes that both have.

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X."""
        self._model()
        return len(self._columns)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns of X; defined only where X was a frame whose columns have strings as names."""
        self._model()
        if not self._named:
            raise AttributeError(f"{type(self).__name__} was fitted without feature names")
        return np.asarray(self._columns, dtype=object)

    @property
    def n_tasks_(self) -> int:
        """Number of tasks T."""
        self._model()
        return len(self._labels.names)

    @property
    def task_names_(self) -> list[str]:
        """Names of the tasks, in the order of the columns of predictions."""
        self._model()
        return self._labels.names

    @property
    def kernel_(self) -> Kernel:
        """The kernel with the values learned or given."""
        from . import kernels

        return _object(self._model().kernel, kernels)  # type: ignore[no-any-return]

    @property
    def task_(self) -> Task:
        """The task covariance with the values learned, given or chosen."""
        from . import tasks

        return _object(self._model().task, tasks)  # type: ignore[no-any-return]

    @property
    def task_covariance_(self) -> Floats:
        """The task covariance B (T, T), in squared units of the tasks."""
        return np.asarray(self._model().task_covariance)

    # New inputs, and the shapes of answers.

    def _rows(self, X: Any, argument: str = "X") -> Floats:
        """New inputs (m, d), checked against those of the fit."""
        self._model()
        own = type(self).__name__
        if _frames.is_frame(X):  # a wrong column is named before its type is looked at
            check_feature_names(own, self._columns, self._named, X, len(list(X.columns)))
            return _arrays.inputs(X, argument)
        x = _arrays.inputs(X, argument)
        check_feature_names(own, self._columns, self._named, X, x.shape[1])
        return x

    def _task_numbers(self, tasks: Any, m: int) -> Counts | None:
        return None if tasks is None else self._labels.places_of(tasks, "tasks", m)

    def _table(self, value: Any, argument: str, m: int) -> Floats:
        """Observations at new rows as a table (m, T); frames are read by the names of their columns, and
        tasks without a column were not measured."""
        named = _frames.is_frame(value) and _frames.task_names(value) is not None
        if named or (_frames.is_frame(value) and self._labels.numbered):
            own = self.task_names_
            columns = [_labels.label_of(name) for name in value.columns]
            found = [self._labels.find(label) for label in columns]
            placed = [place for place in found if place is not None]
            twice = next((label for i, label in enumerate(columns) if found[i] in found[:i]), None)
            if len(placed) == len(columns):
                if twice is not None:
                    raise invalid(argument, f"column {twice!r} twice", "each task once")
                out = np.full((m, len(own)), np.nan)
                out[:, placed] = _arrays.outputs(value, argument, m)
                return out
            if named and not self._labels.unnamed:
                unknown = str(columns[found.index(None)])
                raise UnknownNameError(
                    f"{argument}: unknown task '{unknown}', expected columns among: {', '.join(own)}",
                    kind="task",
                    name=unknown,
                    known=own,
                )
        table = _arrays.outputs(value, argument, m)
        if table.ndim == 1 and self._vector:
            table = table[:, None]
        if table.ndim != 2 or table.shape[1] != self.n_tasks_:
            expected = f"{(m, self.n_tasks_)}: a column for each task"
            if table.ndim == 1 and argument != "given":
                expected += ", or with tasks a number for each row"
            raise wrong_shape(argument, f"shape {table.shape}", expected)
        return table

    def _squeezed(self, values: Any) -> Any:
        """A table (m, T, ...) without the axis of the task where y was a vector."""
        return values[:, 0] if values is not None and self._vector else values

    def _at_observations(self, values: Floats) -> Floats:
        """A table over the rows of the data set in the shape in which y was given."""
        if self._is_long():
            entries = self._model().data.entries
            return np.asarray(values[entries[:, 0], entries[:, 1]])
        return np.asarray(self._squeezed(values))

    def _groups(self, groups: Any) -> Counts | None:
        """Labels of groups for the rows of the data set."""
        if groups is None:
            return None
        data = self._model().data
        if not self._is_long():
            return _arrays.labels_of_groups(groups, "groups", data.n_rows, "row of X")
        codes = _arrays.labels_of_groups(groups, "groups", data.n_observed, "observation")
        rows = data.entries[:, 0]
        out = np.empty(data.n_rows, dtype=np.int64)
        out[rows] = codes
        if (out[rows] != codes).any():
            expected = "one group for all observations at the same inputs"
            raise invalid("groups", "two groups at the same inputs", expected)
        return out

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, tasks: Any = None) -> float:
        """Coefficient of determination R^2, averaged over the tasks with equal weights.

        ``R^2_t = 1 - sum_i w_i (y_it - f_t(x_i))^2 / sum_i w_i (y_it - mean_t)^2`` over the observed
        entries; for complete tables it is scikit-learn's `r2_score`. A task with fewer than two observed
        entries is left out.

        Parameters
        ----------
        X : array-like (m, d)
        y : array-like (m, T), or (m,) for one task and with ``tasks``
            NaN where nothing was observed.
        sample_weight : array-like (m,), optional
        tasks : array-like (m,), optional
            The task of each row, where y is a list of observations.

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean; NaN where no task has two observed entries.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For shapes, labels or numbers that do not fit.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> round(cg.MultiTaskKernelRidge(alpha=1e-3).fit(X, np.sin(X)).score(X, np.sin(X)), 3)
        1.0
        """
        x = self._rows(X)
        weights = None
        if sample_weight is not None:
            weights = _arrays.vector(sample_weight, "sample_weight", len(x), "row of X")
            if (weights < 0.0).any():
                raise invalid("sample_weight", repr(float(weights.min())), "weights of at least 0")
        numbers = self._task_numbers(tasks, len(x))
        mean = np.asarray(self._model_mean(x))
        if numbers is None:
            return r2_score(self._table(y, "y", len(x)), mean, weights)
        y = _arrays.outputs(y, "y", len(x))
        if y.ndim != 1:
            raise incompatible("a table y and tasks", "with tasks y is a vector, a number for each row of X")
        truth = np.full(mean.shape, np.nan)
        truth[np.arange(len(x)), numbers] = y
        return r2_score(truth, mean, weights)

    @abstractmethod
    def _model_mean(self, x: Floats) -> Floats:
        """Means (m, T) at new inputs."""


def _object(node: Any, module: Any) -> Any:
    """The object of a description of the core."""
    return described(node, {name: getattr(module, name) for name in module.__all__})


def kernel_tree(kernel: Any, feature_names: list[str]) -> Any:
    """The description of a kernel, columns as numbers."""
    if not isinstance(kernel, Kernel):
        raise invalid("kernel", _found(kernel), "an object of coregion.kernels, such as kernels.Matern52()")
    return with_columns(tree(kernel), feature_names)


def task_tree(task: Any, argument: str = "task") -> Any:
    """The description of a task covariance."""
    if not isinstance(task, Task):
        raise invalid(argument, _found(task), "an object of coregion.tasks, such as tasks.LowRank(rank=2)")
    return tree(task)


def mixing_tree(mixing: Any) -> Any:
    """The description of a mixing."""
    if not isinstance(mixing, Mixing):
        expected = "an object of coregion.mixings, such as mixings.Orthogonal(latents=3)"
        raise invalid("mixing", _found(mixing), expected)
    return tree(mixing)


def _found(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object of it ({value.__name__}())"
    return f"{type(value).__name__} {value!r}"
