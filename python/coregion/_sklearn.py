"""What scikit-learn asks of an estimator, without importing it: tags, metadata routing, output frames."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from . import _frames
from ._errors import invalid, wrong_shape
from ._params import Parameterized
from ._report import warn

if TYPE_CHECKING:
    from typing_extensions import Self


class SklearnProtocol(Parameterized):
    """The protocol of scikit-learn's regressors; its classes are imported only where it calls."""

    _routed: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Names of the metadata that each method takes."""

    # Two estimators are the same only where they are one object, as everywhere in scikit-learn.
    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags, Tags, TargetTags

        target = TargetTags(required=True, multi_output=True)
        return Tags(estimator_type="regressor", target_tags=target, regressor_tags=RegressorTags())

    def __sklearn_is_fitted__(self) -> bool:
        return "model_" in self.__dict__

    # Metadata routing.

    def _get_metadata_request(self) -> Any:
        from sklearn.utils.metadata_routing import MetadataRequest

        if hasattr(self, "_metadata_request"):
            return copy.deepcopy(self._metadata_request)
        requests = MetadataRequest(owner=type(self).__name__)  # a name: requests are copied with their owner
        for method, names in self._routed.items():
            for name in names:
                getattr(requests, method).add_request(param=name, alias=None)
        return requests

    def get_metadata_routing(self) -> Any:
        """The metadata that the methods ask for, as scikit-learn's routing reads it.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRequest
        """
        return self._get_metadata_request()

    def _set_request(self, method: str, requests: dict[str, bool | str | None]) -> Self:
        from sklearn import get_config

        if not get_config().get("enable_metadata_routing", False):
            raise RuntimeError(
                "This method is only available when metadata routing is enabled. You can enable it using "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        known = set(self._routed[method])
        if set(requests) - known:
            unexpected = f"Unexpected args: {set(requests) - known} in {method}."
            raise TypeError(f"{unexpected} Accepted arguments are: {known}")
        routing = self._get_metadata_request()
        for name, alias in requests.items():
            getattr(routing, method).add_request(param=name, alias=alias)
        self._metadata_request = routing
        return self

    def set_fit_request(self, **requests: bool | str | None) -> Self:
        """Asks meta-estimators of scikit-learn to pass metadata on to ``fit``.

        Parameters
        ----------
        **requests : bool, str or None
            For each name of metadata whether it is passed on, or the name under which it comes.

        Returns
        -------
        self

        Raises
        ------
        RuntimeError
            Where metadata routing is not enabled in scikit-learn.
        TypeError
            For a name that ``fit`` does not take.
        """
        return self._set_request("fit", requests)

    def set_predict_request(self, **requests: bool | str | None) -> Self:
        """Asks meta-estimators of scikit-learn to pass metadata on to ``predict``, as `set_fit_request`."""
        return self._set_request("predict", requests)

    def set_score_request(self, **requests: bool | str | None) -> Self:
        """Asks meta-estimators of scikit-learn to pass metadata on to ``score``, as `set_fit_request`."""
        return self._set_request("score", requests)

    # Output containers.

    def set_output(self, *, transform: str | None = None) -> Self:
        """Chooses what predictions come as.

        Tables (m, T) become frames with the names of the tasks, vectors (m,) series; with pandas the index
        is that of X. Arrays of more dimensions stay arrays.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            ``None`` leaves it as it is. The name of the argument is scikit-learn's.

        Returns
        -------
        self

        Raises
        ------
        InvalidValueError
            For another value.
        """
        if transform is None:
            return self
        if transform not in ("default", "pandas", "polars"):
            raise invalid("transform", repr(transform), "'default', 'pandas', 'polars' or None")
        self._sklearn_output_config = {"transform": transform}
        return self

    def _as_output(self, values: Any, names: list[str], like: Any) -> Any:
        """A table (m, T) or a vector (m,) in the container chosen."""
        kind = getattr(self, "_sklearn_output_config", {}).get("transform", "default")
        if kind == "default" or values is None or values.ndim > 2:
            return values
        return _frames.table(kind, values, names, like, single=values.ndim == 1)

    def _repr_html_(self) -> str:
        if self.__sklearn_is_fitted__() and hasattr(self, "summary"):
            return str(self.summary()._repr_html_())
        import html

        return f"<pre>{html.escape(repr(self))}</pre>"


def check_feature_names(own: str, columns: list[str], named: bool, X: Any, n_features: int) -> None:
    """Compares the columns of X with those that ``own`` was fitted to, in scikit-learn's words."""
    given, expected = _frames.string_names(X), len(columns)
    if given is not None and not named:
        warn(f"X has feature names, but {own} was fitted without feature names")
    elif given is None and named:
        warn(f"X does not have valid feature names, but {own} was fitted with feature names")
    elif given is not None and list(given) != columns:
        raise wrong_names(columns, list(given))
    if n_features != expected:
        message = f"X has {n_features} features, but {own} is expecting {expected} features as input."
        error = wrong_shape("X", f"{n_features} columns", f"{expected} columns")
        error.args = (message,)
        raise error


def wrong_names(fitted: list[str], given: list[str]) -> Exception:
    """The refusal of columns that are not those of the fit."""
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(given) - set(fitted)), sorted(set(fitted) - set(given))
    for title, names in (
        ("Feature names unseen at fit time:\n", unseen),
        ("Feature names seen at fit time, yet now missing:\n", missing),
    ):
        if names:
            message += title + "".join(f"- {name}\n" for name in names[:5])
            message += "- ...\n" if len(names) > 5 else ""
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    error = invalid("X", "other columns", "the columns of the fit")
    error.args = (message,)
    return error
