"""Data frames of pandas and polars in, names kept, frames out."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import evaluated, table

import coregion as cg

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

LIBRARIES = ["pandas", "polars"]


def frame(library, columns):
    return pd.DataFrame(columns) if library == "pandas" else pl.DataFrame(columns)


def frames(library):
    x, y = table()
    return frame(library, {"lon": x[:, 0], "lat": x[:, 1]}), frame(library, {"Cd": y[:, 0], "Ni": y[:, 1]})


@pytest.fixture(params=LIBRARIES)
def library(request):
    return request.param


def test_names_of_columns_become_names_of_features_and_tasks(library):
    x, y = frames(library)
    gp = cg.MultiTaskGP(cg.kernels.Matern52().on(["lat", "lon"])).fit(x, y)
    assert list(gp.feature_names_in_) == ["lon", "lat"]
    assert gp.feature_names_in_.dtype == object
    assert gp.task_names_ == ["Cd", "Ni"]
    assert gp.kernel_.columns == [1, 0]
    arrays = cg.MultiTaskGP().fit(*table())
    assert gp.log_marginal_likelihood_ == pytest.approx(arrays.log_marginal_likelihood_)
    np.testing.assert_allclose(gp.predict(x), arrays.predict(table()[0]), rtol=1e-6)
    with pytest.raises(cg.InvalidValueError, match="'alt', expected one of: lon, lat"):
        cg.MultiTaskGP(cg.kernels.RBF().on("alt")).fit(x, y)


def test_columns_are_those_of_the_fit(library):
    x, y = frames(library)
    kr = cg.MultiTaskKernelRidge().fit(x, y)
    swapped = x[["lat", "lon"]]
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        kr.predict(swapped)
    other = frame(library, {"lon": [1.0], "alt": [2.0]})
    expected = "unseen at fit time:\n- alt\nFeature names seen at fit time, yet now missing:\n- lat"
    with pytest.raises(ValueError, match=expected):
        kr.predict(other)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but MultiTaskKernelRidge was"):
        kr.predict(np.ones((2, 2)))
    arrays = cg.MultiTaskKernelRidge().fit(*table())
    with pytest.warns(
        UserWarning, match="X has feature names, but MultiTaskKernelRidge was fitted without"
    ) as w:
        arrays.predict(x)
    assert w[0].filename == __file__
    assert not hasattr(kr.fit(*table()), "feature_names_in_")


def test_missing_values_are_gaps_in_y_and_refused_in_x(library):
    x, _ = frames(library)
    values = table()[1][:, 0].tolist()
    values[3] = None
    y = frame(library, {"Cd": values, "Ni": table()[1][:, 1]})
    gp = evaluated(2).fit(x, y)
    assert np.isnan(gp.model_.data.y[3, 0])
    assert gp.model_.data.n_observed == 59
    with pytest.raises(cg.NotFiniteError, match="X: found NaN at row 3, column 0"):
        gp.fit(y, x)


def test_types_of_columns(library):
    x = frame(library, {"a": [0, 1, 2, 3], "b": [True, False, True, True], "c": [0.5, 1.5, 2.0, 1.0]})
    if library == "pandas":
        x = x.assign(d=pd.array([1, 2, 3, 4], "Int32"), e=pd.array([True, True, False, True], "boolean"))
        y = pd.DataFrame({"u": pd.array([1.0, None, 2.0, 3.0], "Float64"), "v": [1, 2, 3, 4]})
        y["w"] = pd.Series([1, 2, None, 4], dtype="double[pyarrow]")
    else:
        x = x.with_columns(
            d=pl.Series([1, 2, 3, 4], dtype=pl.UInt8), e=pl.Series([1, 2, 3, 4]).cast(pl.Decimal(10, 2))
        )
        y = pl.DataFrame({"u": [1.0, None, 2.0, 3.0], "v": [1, 2, 3, 4], "w": [1, 2, None, 4]})
    gp = evaluated(3).fit(x, y)
    assert gp.model_.data.x.shape == (4, 5)
    expected = [[1, 1, 1], [np.nan, 2, 2], [2, 3, np.nan], [3, 4, 4]]
    np.testing.assert_array_equal(gp.model_.data.y, expected)


def test_columns_that_are_no_numbers_are_refused_with_advice(library):
    import datetime

    days = [datetime.datetime(2020, 1, day) for day in (1, 2, 3)]
    with pytest.raises(
        ValueError, match=r"X: found dates or times in column 'date', expected numbers.*df\['date'\]"
    ):
        cg.MultiTaskGP().fit(frame(library, {"date": days}), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="dates or times in column 'left'"):
        cg.MultiTaskGP().fit(frame(library, {"left": [d - days[0] for d in days]}), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"X: found text .*'clay'.* in column 'rock'.*Categorical"):
        cg.MultiTaskGP().fit(frame(library, {"rock": ["clay", "sand", "clay"]}), [1.0, 2.0, 3.0])
    if library == "pandas":
        rock = pd.DataFrame({"rock": pd.Categorical(["clay", "sand", "clay"])})
    else:
        rock = pl.DataFrame({"rock": pl.Series(["clay", "sand", "clay"], dtype=pl.Categorical)})
    with pytest.raises(ValueError, match=r"categories in column 'rock'.*on\(\['rock'\]\)"):
        cg.MultiTaskGP().fit(rock, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="y: found text"):
        cg.MultiTaskGP().fit([[0.0], [1.0], [2.0]], frame(library, {"rock": ["clay", "sand", "clay"]}))


def test_what_pandas_and_polars_have_of_their_own():
    with pytest.raises(ValueError, match="call collect"):
        cg.MultiTaskGP().fit(pl.DataFrame({"a": [1.0]}).lazy(), [1.0])
    with pytest.raises(ValueError, match="dates or times in column 'm'"):
        cg.MultiTaskGP().fit(pd.DataFrame({"m": pd.period_range("2020", periods=2, freq="M")}), [1.0, 2.0])
    objects = pd.DataFrame({"a": np.array([1, 2.5, np.float32(3)], dtype=object)})
    assert cg.MultiTaskKernelRidge().fit(objects, [1.0, 2.0, 3.0]).n_features_in_ == 1
    with pytest.raises(TypeError, match="only supported if all input features have string names"):
        cg.MultiTaskGP().fit(pd.DataFrame({"a": [1.0], 1: [2.0]}), [1.0])
    numbered = pd.DataFrame(table()[0])
    gp = cg.MultiTaskKernelRidge().fit(numbered, pd.DataFrame(table()[1]))
    assert gp.task_names_ == ["task 0", "task 1"]
    assert not hasattr(gp, "feature_names_in_")
    years = cg.MultiTaskKernelRidge().fit(numbered, pd.DataFrame(table()[1], columns=[2010, 2011]))
    assert years.task_names_ == ["2010", "2011"]


def test_a_series_is_one_task_with_its_name(library):
    x, y = frames(library)
    kr = cg.MultiTaskKernelRidge().fit(x, y["Ni"])
    assert kr.task_names_ == ["Ni"]
    assert kr.predict(x).shape == (30,)
    index = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=[7, 8, 9]).index
    assert cg.MultiTaskKernelRidge().fit(table(3)[0], index).predict(table(3)[0]).shape == (3,)


def test_labels_of_observations_in_series(library):
    x, y = np.arange(6.0)[:, None], np.array([0.1, 2.0, 0.3, 2.1, 1.9, 0.2])
    words = ["Ni", "Cd", "Ni", "Cd", "Cd", "Ni"]
    gp = evaluated(2)
    assert gp.fit(x, y, tasks=frame(library, {"t": words})["t"]).task_names_ == ["Cd", "Ni"]
    if library == "pandas":
        declared = pd.Series(pd.Categorical(words, categories=["Ni", "Zn", "Cd"]))
    else:
        declared = pl.Series(words, dtype=pl.Enum(["Ni", "Zn", "Cd"]))
    for labels in (declared, pd.Categorical(words, categories=["Ni", "Zn", "Cd"])):
        with pytest.warns(cg.DataWarning, match="'Zn' has no observation"):
            gp = evaluated(3).fit(x, y, tasks=labels)
        assert gp.task_names_ == ["Ni", "Zn", "Cd"]
    by_name = gp.predict(x, tasks=declared)
    np.testing.assert_array_equal(by_name, gp.predict(x)[range(6), [0, 2, 0, 2, 2, 0]])
    groups = frame(library, {"g": list("aabbcc")})["g"]
    np.testing.assert_array_equal(gp.k_fold(groups), gp.k_fold([0, 0, 1, 1, 2, 2]))


def test_integer_categories_are_labels():
    x, y = np.arange(4.0)[:, None], np.array([0.1, 2.0, 0.3, 2.1])
    stations = pd.Series([205, 101, 205, 101], dtype="category")
    gp = evaluated(2).fit(x, y, tasks=stations)
    assert gp.task_names_ == ["101", "205"]
    np.testing.assert_array_equal(gp.predict(x, tasks=stations), gp.predict(x)[range(4), [1, 0, 1, 0]])
    missing = pd.Series(pd.Categorical(["a", None, "a", "b"]))
    with pytest.raises(cg.InvalidValueError, match="missing label"):
        gp.fit(x, y, tasks=missing)


def test_given_columns_are_found_by_name(library):
    x, y = frames(library)
    gp = cg.MultiTaskGP().fit(x, y)
    known = frame(library, {"Ni": [8.0, 12.0]})
    found = gp.predict(x[:2], given=known)
    np.testing.assert_array_equal(found[:, 1], [8.0, 12.0])
    np.testing.assert_array_equal(found, gp.predict(x[:2], given=[[np.nan, 8.0], [np.nan, 12.0]]))
    with pytest.raises(cg.UnknownNameError, match="given: unknown task 'Zn'"):
        gp.predict(x[:2], given=frame(library, {"Zn": [8.0, 12.0]}))
    swapped = y[["Ni", "Cd"]]
    assert gp.score(x, swapped) == gp.score(x, y)


def test_predictions_come_as_frames_where_asked_for():
    x, y = frames("pandas")
    x.index = [f"site {i}" for i in range(30)]
    gp = cg.MultiTaskGP().fit(x, y)
    expected = gp.predict(x, return_std=True)
    mean, std = gp.set_output(transform="pandas").predict(x, return_std=True)
    assert list(mean.columns) == list(std.columns) == ["Cd", "Ni"]
    assert list(mean.index) == list(x.index)
    np.testing.assert_array_equal(mean.to_numpy(), expected[0])
    np.testing.assert_array_equal(std.to_numpy(), expected[1])
    one = gp.predict(x, tasks=["Cd"] * 30)
    assert isinstance(one, pd.Series)
    assert list(one.index) == list(x.index)
    assert gp.task_view("Ni").predict(x).name == "Ni"
    assert isinstance(gp.predict(x, quantiles=[0.5]), np.ndarray)
    polars = gp.set_output(transform="polars").predict(x)
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == ["Cd", "Ni"]
    np.testing.assert_array_equal(polars.to_numpy(), expected[0])
    assert isinstance(gp.set_output(transform=None).predict(x), pl.DataFrame)
    assert isinstance(gp.set_output(transform="default").predict(x), np.ndarray)
    with pytest.raises(ValueError, match="transform: found 'arrow'"):
        gp.set_output(transform="arrow")
    vector = cg.MultiTaskKernelRidge().set_output(transform="pandas").fit(x, y["Cd"]).predict(x)
    assert isinstance(vector, pd.Series)
    assert vector.name == "Cd"


def test_weights_of_zero_in_frames(library):
    x, y = frames(library)
    w = np.ones(30)
    w[::3] = 0.0
    kr = cg.MultiTaskKernelRidge().fit(x, y, w)
    arrays = cg.MultiTaskKernelRidge().fit(*(a[w > 0] for a in table()))
    np.testing.assert_allclose(kr.predict(x), arrays.predict(table()[0]))
    assert kr.task_names_ == ["Cd", "Ni"]
    assert list(kr.feature_names_in_) == ["lon", "lat"]
