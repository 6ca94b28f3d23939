"""What a fitted Gaussian process answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays, _core, _data, _prediction, _scalars
from ._errors import invalid
from ._estimator import Estimator
from ._leave_out import leave_one_out, quantiles_left_out
from ._random import random_groups, seed_of
from ._task_view import TaskView
from ._types import Floats

if TYPE_CHECKING:
    from typing_extensions import Self


class Posterior(Estimator):
    """The methods of a fitted `MultiTaskGP`."""

    random_state: Any

    def predict(
        self,
        X: Any,
        *,
        return_std: bool = False,
        return_cov: bool = False,
        include_noise: bool = False,
        tasks: Any = None,
        given: Any = None,
        quantiles: Any = None,
        task_features: Any = None,
    ) -> Any:
        """Predictions at new inputs, in the units of y.

        With a warp the mean is that of a new observation, its noise included; the median, the quantile at
        0.5, is the prediction of least absolute error. Covariances are refused: draw samples.

        Parameters
        ----------
        X : array-like (m, d)
        return_std : bool
            Whether standard deviations come with the means.
        return_cov : bool
            Whether the covariance of all predictions comes with the means; ``cov[i, t, j, s]`` is that of
            task t at row i and task s at row j.
        include_noise : bool
            Whether uncertainty is that of a new observation; otherwise of the latent functions. Means with
            ``given`` are those of observations either way: they use what the noises of tasks share. Where
            these are correlated, a latent function has another mean than the one that is returned, and
            quantiles of it are refused.
        tasks : array-like (m,), optional
            The task wanted at each row; answers then are vectors.
        given : array-like (m, T), optional
            What was measured at the new rows, NaN where not. The model is conditioned on it, row by row;
            given entries come back as they are. A data frame may have columns for some of the tasks only.
        quantiles : list of float, optional
            Levels above 0 and below 1.
        task_features : array-like (S, q), optional
            Descriptors of tasks that were not seen, in the columns that the ``features`` of `tasks.Kernel`
            had: answers are of these S tasks in place of the T. Exact where the solver is. The mean of such a
            task is that of the training tasks by ordinary kriging, and the error of that is part of the
            standard deviations. Noise is known of it where ``noise="shared"``.

        Returns
        -------
        mean : array (m, T), (m, S) with ``task_features``, or (m,) with ``tasks`` and where y was a vector
        std : array of the same shape
            With ``return_std``.
        cov : array (m, T, m, T), or (m, m)
            With ``return_cov``.
        quantiles : array (m, T, q), or (m, q)
            With ``quantiles``, in place of the mean.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For inputs that do not fit, unknown tasks, and kinds of answers that exclude each other.
        MemoryBudgetError
            For a covariance beyond ``memory_budget``.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
        >>> gp = cg.MultiTaskGP().fit(X, Y)
        >>> mean, std = gp.predict([[1.0], [2.5]], return_std=True, include_noise=True)
        >>> mean.shape, std.shape
        ((2, 2), (2, 2))
        >>> gp.predict([[1.0], [2.5]], tasks=[0, 1]).shape
        (2,)
        >>> float(gp.predict([[1.0], [2.5]], given=[[0.8, np.nan], [np.nan, np.nan]])[0, 0])
        0.8
        """
        model = self._model()
        _prediction.check_kinds(return_std, return_cov, quantiles, include_noise, given)
        at = None if quantiles is None else _prediction.levels(quantiles)
        x = self._rows(X)
        if task_features is not None:
            alone = {"tasks": tasks is None, "given": given is None, "return_cov": not return_cov}
            _prediction.check_alone("task_features", alone)
            features = _arrays.inputs(task_features, "task_features")
            return _prediction.of_unseen_tasks(
                model, x, features, at, std=bool(return_std), include_noise=bool(include_noise)
            )
        numbers = self._task_numbers(tasks, len(x))
        measured = None if given is None else self._table(given, "given", len(x))
        if at is not None:
            values = _prediction.quantile_values(model, x, measured, numbers, at, bool(include_noise))
            return self._squeezed(values) if numbers is None else values
        mean, std = _prediction.moments(
            model, x, measured, numbers, std=bool(return_std), include_noise=bool(include_noise)
        )
        if numbers is None:
            mean, std = self._squeezed(mean), self._squeezed(std)
        names = self.task_names_ if numbers is None else []
        out = self._as_output(mean, names, X)
        if return_cov:
            cov = _prediction.covariance(model, x, numbers, bool(include_noise))
            return out, cov[:, 0, :, 0] if numbers is None and self._vector else cov
        return (out, self._as_output(std, names, X)) if return_std else out

    def predict_task_covariances(self, X: Any, *, include_noise: bool = False) -> Floats:
        """Covariances between the tasks at each new row, without those between rows.

        Parameters
        ----------
        X : array-like (m, d)
        include_noise : bool
            Whether they are of new observations; otherwise of the latent functions.

        Returns
        -------
        array (m, T, T)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For inputs that do not fit.
        MemoryBudgetError
            Beyond ``memory_budget``.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
        >>> gp = cg.MultiTaskGP().fit(X, Y)
        >>> std = gp.predict([[2.5]], return_std=True)[1]
        >>> bool(np.allclose(np.diag(gp.predict_task_covariances([[2.5]])[0]), std[0] ** 2))
        True
        """
        noise = _scalars.switch(include_noise, "include_noise")
        covariances = np.asarray(self._model().predict_task_covariances(self._rows(X)))
        return covariances + self._model().noise_covariance if noise else covariances

    def _model_mean(self, x: Floats) -> Floats:
        mean, _ = self._model().predict(x, std=False, include_noise=False)
        return np.asarray(mean)

    def condition(self, X: Any, y: Any, noise_variance: Any = None, *, tasks: Any = None) -> Self:
        """A new fitted estimator that has seen more rows, with kernel, B and noise held.

        Exact: what a model of all rows says at these parameters; a mean whose coefficients are estimated is
        estimated from all rows.

        Parameters
        ----------
        X : array-like (m, d)
        y : array-like (m, T), or (m,) where y was a vector and with ``tasks``
            NaN where nothing was measured.
        noise_variance : array-like of the shape of y, optional
            Known variances of the noise; needed where ``fit`` had them.
        tasks : array-like (m,), optional
            The task of each row, where y is a list of observations.

        Returns
        -------
        MultiTaskGP

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For shapes and numbers that do not fit.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
        >>> gp = cg.MultiTaskGP().fit(X, Y)
        >>> more = gp.condition([[8.0]], [[np.sin(8.0), np.nan]])
        >>> before, after = (m.predict([[8.0]], return_std=True)[1][0, 0] for m in (gp, more))
        >>> bool(after < before)
        True
        """
        model, x = self._model(), self._rows(X)
        if tasks is not None:
            y = _arrays.vector(y, "y", len(x), "row of X")
            names = self.task_names_
            labels = [names[place] for place in self._labels.places_of(tasks, "tasks", len(x))]
            known = None
            if noise_variance is not None:
                known = _arrays.vector(noise_variance, "noise_variance", len(x), "row of X")
            added = _core.Dataset.long(x, y, labels, noise_variances=known, task_names=names)
            return self._with_model(model.condition(added.x, added.y, noise_variances=added.noise_variances))
        table = self._table(y, "y", len(x))
        own = None if self._labels.unnamed else self.task_names_
        variances = _data.noise_table(noise_variance, table.shape, self._vector, own)
        return self._with_model(model.condition(x, table, noise_variances=variances))

    def task_view(self, task: Any) -> TaskView:
        """One task as a model of its own: what all tasks say of it.

        Parameters
        ----------
        task : str or int
            Name of the task, or its place where no task has that number as its name.

        Returns
        -------
        TaskView
            Its answers have no axis for the tasks.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        UnknownNameError
            Where there is no such task.
        """
        self._model()
        return TaskView(self, self._labels.place(task))  # type: ignore[arg-type]

    def impute(self, *, return_std: bool = False, include_noise: bool = True, quantiles: Any = None) -> Any:
        """The training table with its gaps filled by the conditional means.

        What was observed comes back as it is, with standard deviation 0. With ``noise="full"`` a gap is
        also read off the errors of the other tasks at its row.

        Parameters
        ----------
        return_std : bool
            Whether standard deviations come with the table.
        include_noise : bool
            Whether they are of a new observation; otherwise of the latent function.
        quantiles : list of float, optional
            Levels above 0 and below 1.

        Returns
        -------
        table : array (n, T), or (n,) where y was a vector
            For a list of observations the rows are the distinct inputs, as in ``model_.data.x``.
        std : array of the same shape
            With ``return_std``.
        quantiles : array (n, T, q), or (n, q)
            With ``quantiles``, in place of the table.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For levels that are none, and ``quantiles`` beside ``return_std``.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
        >>> Y[3, 1] = np.nan
        >>> table = cg.MultiTaskGP().fit(X, Y).impute()
        >>> bool(abs(table[3, 1] - np.cos(X[3, 0])) < 0.2), bool(table[2, 1] == Y[2, 1])
        (True, True)
        """
        std = _scalars.switch(return_std, "return_std")
        noise = _scalars.switch(include_noise, "include_noise")
        if quantiles is not None:
            _prediction.check_kinds(std, False, quantiles, noise, None)
            at = _prediction.levels(quantiles).tolist()
            return np.asarray(self._squeezed(self._model().impute_quantiles(at, include_noise=noise)))
        mean, deviation = self._model().impute(std=std, include_noise=noise)
        names = self.task_names_
        out = self._as_output(self._squeezed(mean), names, None)
        return (out, self._as_output(self._squeezed(deviation), names, None)) if std else out

    def sample_y(
        self, X: Any, n_samples: int = 1, random_state: Any = 0, *, include_noise: bool = False
    ) -> Floats:
        """Joint draws of all tasks at all rows.

        Parameters
        ----------
        X : array-like (m, d)
        n_samples : int
            Number of draws.
        random_state : int, numpy RandomState or Generator, or None
            The same state gives the same draws; ``None`` takes it from numpy's global state.
        include_noise : bool
            Whether draws are of new observations; otherwise of the latent functions.

        Returns
        -------
        array (m, T, n_samples), or (m, n_samples) where y was a vector

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For inputs that do not fit.
        MemoryBudgetError
            Beyond ``memory_budget``.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
        >>> cg.MultiTaskGP().fit(X, Y).sample_y([[1.0], [2.0], [3.0]], n_samples=5).shape
        (3, 2, 5)
        """
        x = self._rows(X)
        number = _scalars.count(n_samples, "n_samples", least=1)
        noise = _scalars.switch(include_noise, "include_noise")
        seed = seed_of(random_state, default=None)
        return np.asarray(self._squeezed(self._model().sample(x, number, include_noise=noise, seed=seed)))

    def leave_one_out(
        self,
        by: str = "row",
        groups: Any = None,
        *,
        return_log_density: bool = False,
        quantiles: Any = None,
    ) -> Any:
        """What the model says of each training observation from all others, in closed form.

        Parameters and scales are held at their values, which had seen what is left out: for few rows and many
        parameters the answer is somewhat optimistic. So is the mean, unless it is "constant": that is
        estimated anew from what is left, except where nothing would be left of some task. With a mixing the
        solver "mixed" leaves out rows or entries of complete tables; ``solver="dense"`` serves the rest.

        Parameters
        ----------
        by : {"row", "entry", "task"}
            What is left out at a time: all tasks at one input, one task at one input, or a whole task.
        groups : array-like (n,), optional
            Labels of the rows that are left out together; with ``by="entry"`` one task of them at a time.
        return_log_density : bool
            Whether log predictive densities of what is left out together come as well.
        quantiles : list of float, optional
            Levels above 0 and below 1: quantiles of each observation come in place of means and deviations.

        Returns
        -------
        mean, std : arrays (n, T), (n,) where y was a vector, (N,) in the order given for observations
            Means and standard deviations of the observation; NaN where nothing was observed.
        log_density : array
            (n, T) for entries, (n, 1) for rows, (1, T) for tasks, (G, 1) for groups of rows and (G, T) for
            those of entries, groups in the order of their sorted labels. For a list of observations the
            rows are the distinct inputs, as in ``model_.data.x``.
        quantiles : array (n, T, q), (n, q) or (N, q)
            With ``quantiles``; medians where the level is 0.5, also of warped outputs.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For another ``by``, for labels that do not fit, for what the solver does not serve, for levels
            that are none, and for ``quantiles`` beside ``return_log_density``.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
        >>> gp = cg.MultiTaskGP().fit(X, Y)
        >>> rows, entries = (gp.leave_one_out(by=by)[1] for by in ("row", "entry"))
        >>> bool((entries <= rows).all())
        True
        >>> low, high = np.moveaxis(gp.leave_one_out(quantiles=[0.025, 0.975]), -1, 0)
        >>> bool(np.mean((low < Y) & (Y < high)) > 0.8)
        True
        """
        if quantiles is None:
            return leave_one_out(self, by, groups, return_log_density)
        _prediction.check_alone("quantiles", {"return_log_density": not return_log_density})
        return quantiles_left_out(self, by, groups, quantiles)

    def k_fold(self, groups: Any) -> tuple[Any, Any]:
        """Each group of rows predicted from all others, the covariance factored anew for each.

        The same numbers as `leave_one_out` with groups, at the cost of one factorisation for each group
        and less memory. Parameters are held.

        Parameters
        ----------
        groups : array-like (n,), or int
            Labels of the rows; a whole number k makes k random groups of nearly equal size, the same ones
            for the same ``random_state``.

        Returns
        -------
        mean, std : arrays of the shapes of `leave_one_out`

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For labels that do not fit.
        """
        model = self._model()
        if _scalars.is_whole(groups):
            codes = random_groups(groups, model.data.n_rows, seed_of(self.random_state, default=0))
        else:
            found = self._groups(groups)
            if found is None:
                raise invalid("groups", "None", "labels of the rows, or a number of groups")
            codes = found
        mean, std = model.k_fold(codes)
        return self._at_observations(mean), self._at_observations(std)

    def log_marginal_likelihood(self, parameters: Any = None, *, eval_gradient: bool = False) -> Any:
        """Log marginal likelihood in nats: total, natural logarithm, in the units of y.

        Parameters
        ----------
        parameters : dict of array, optional
            Values by path, as in ``parameters_``; those not given keep their values.
        eval_gradient : bool
            Whether the gradient comes as well, with respect to the parameters in their natural units.

        Returns
        -------
        value : float
        gradient : dict of array
            By path, with ``eval_gradient``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        UnknownNameError
            For a path that is none of the model.
        ValueError
            For values of another shape or that no parameter may have.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> gp = cg.MultiTaskGP().fit(X, np.sin(X[:, 0]) + 0.1 * np.cos(40.0 * X[:, 0]))
        >>> path = "terms[0].kernel.lengthscale"
        >>> twice = {path: 2.0 * gp.parameters_[path]}
        >>> gp.log_marginal_likelihood(twice) < gp.log_marginal_likelihood_
        True
        """
        model = self._model()
        with_gradient = _scalars.switch(eval_gradient, "eval_gradient")
        if parameters is None and not with_gradient:
            return float(model.log_likelihood)
        if parameters is not None and not hasattr(parameters, "items"):
            raise invalid("parameters", type(parameters).__name__, "a dictionary of arrays by path")
        values = {
            str(path): _arrays.to_floats(value, f"parameters[{path!r}]")
            for path, value in (parameters or {}).items()
        }
        value, gradient = model.log_marginal_likelihood(values)
        return (float(value), dict(gradient)) if with_gradient else float(value)
