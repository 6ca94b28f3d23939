"""Inputs: the same numbers in any container give the same answers."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import evaluated, table

import coregion as cg


def fitted(x, y, **options):
    return cg.MultiTaskKernelRidge(cg.kernels.RBF(lengthscale=1.5), alpha=0.3).fit(x, y, **options)


def every_other(a):
    wide = np.zeros((2 * a.shape[0], 2 * a.shape[1]))
    wide[::2, ::2] = a
    return wide[::2, ::2]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


CONTAINERS = {
    "list": lambda a: a.tolist(),
    "list of arrays": list,
    "tuple": lambda a: tuple(map(tuple, a)),
    "Fortran": np.asfortranarray,
    "not contiguous": every_other,
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "read only": read_only,
    "objects": lambda a: a.astype(object),
    "other bytes": lambda a: a.astype(">f8"),
    "long": lambda a: a.astype(np.longdouble),
    "masked": np.ma.asarray,
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(xy, name):
    x, y = xy
    put = CONTAINERS[name]
    expected = fitted(x, y).predict(x[:5])
    found = fitted(put(x), put(y)).predict(put(x[:5]))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.int8, np.uint16, bool])
def test_types_of_numbers(xy, dtype):
    x, y = (np.abs(np.round(a)).astype(dtype) for a in xy)
    expected = fitted(x.astype(float), y.astype(float)).predict(x.astype(float))
    np.testing.assert_array_equal(fitted(x, y).predict(x), expected)


def test_data_are_not_changed(xy):
    x, y = xy
    before = x.copy(), y.copy()
    cg.MultiTaskGP().fit(x, y).predict(x)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_later_changes_of_the_data_do_not_reach_the_model(xy):
    x, y = xy
    kr = fitted(x, y)
    before = kr.predict(x)
    y[:] = 0.0
    kept = x.copy()
    x[:] = 0.0
    np.testing.assert_array_equal(kr.predict(kept), before)


def test_masked_and_absent_outputs_are_gaps(xy):
    x, y = xy
    gaps = y.copy()
    gaps[3, 1] = np.nan
    expected = evaluated(2).fit(x, gaps)
    assert expected.model_.data.n_observed == 59
    masked = np.ma.masked_array(y, mask=np.isnan(gaps))
    objects = gaps.astype(object)
    objects[3, 1] = None
    for found in (masked, objects):
        gp = evaluated(2).fit(x, found)
        assert gp.log_marginal_likelihood_ == expected.log_marginal_likelihood_
    integers = np.ma.masked_array(np.round(y).astype(int), mask=np.isnan(gaps))
    assert evaluated(2).fit(x, integers).model_.data.n_observed == 59
    with pytest.raises(cg.NotFiniteError):
        cg.MultiTaskGP().fit(np.ma.masked_array(x, mask=x > 5.9), y)


def test_objects_that_become_arrays_are_read(xy):
    class Wrapped:
        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self.array, dtype=dtype)

        def __len__(self):
            return len(self.array)

    x, y = xy
    np.testing.assert_array_equal(fitted(Wrapped(x), Wrapped(y)).predict(Wrapped(x)), fitted(x, y).predict(x))


def test_objects_that_are_no_numbers_are_type_errors():
    x = np.array([[{}], [1.0]], dtype=object)
    with pytest.raises(TypeError, match=r"argument must be .* string.* number"):
        fitted(x, [1.0, 2.0])


LABELS = {
    "integers": np.array([0, 1, 0, 1, 1, 0]),
    "small integers": np.array([0, 1, 0, 1, 1, 0], dtype=np.uint8),
    "list": [0, 1, 0, 1, 1, 0],
    "floats": np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0]),
}


@pytest.mark.parametrize("name", LABELS)
def test_tasks_in_numbers(name):
    x, y = np.arange(6.0)[:, None], np.array([0.1, 2.0, 0.3, 2.1, 1.9, 0.2])
    gp = evaluated(2).fit(x, y, tasks=LABELS[name])
    assert gp.task_names_ == ["task 0", "task 1"]
    np.testing.assert_array_equal(gp.model_.data.entries[:, 1], [0, 1, 0, 1, 1, 0])
    table = gp.predict(x)
    np.testing.assert_array_equal(gp.predict(x, tasks=LABELS[name]), table[range(6), [0, 1, 0, 1, 1, 0]])


@pytest.mark.parametrize(
    "put", [list, np.array, lambda a: np.array(a, dtype=object), lambda a: np.array(a, "S2")]
)
def test_tasks_in_words(put):
    words = put(["Ni", "Cd", "Ni", "Cd", "Cd", "Ni"])
    x, y = np.arange(6.0)[:, None], np.array([0.1, 2.0, 0.3, 2.1, 1.9, 0.2])
    gp = evaluated(2).fit(x, y, tasks=words)
    assert gp.task_names_ == ["Cd", "Ni"]
    by_place = gp.predict(x, tasks=[1, 0, 1, 0, 0, 1])
    np.testing.assert_array_equal(gp.predict(x, tasks=words), by_place)
    ordered = evaluated(3)
    with pytest.warns(cg.DataWarning, match="'Zn' has no observation"):
        ordered.fit(x, y, tasks=words, task_names=["Ni", "Zn", "Cd"])
    assert ordered.task_names_ == ["Ni", "Zn", "Cd"]
    assert ordered.predict(x).shape == (6, 3)


def test_labels_that_are_other_numbers():
    x, y = np.arange(6.0)[:, None], np.array([0.1, 2.0, 0.3, 2.1, 1.9, 0.2])
    stations = np.array([205, 101, 205, 101, 101, 205])
    gp = evaluated(2).fit(x, y, tasks=stations, task_names=[101, 205])
    assert gp.task_names_ == ["101", "205"]
    expected = gp.predict(x)[range(6), (stations == 205).astype(int)]
    np.testing.assert_array_equal(gp.predict(x, tasks=stations), expected)
    np.testing.assert_array_equal(gp.predict(x, tasks=stations.astype(str)), expected)
    assert gp.task_view(101).name == "101"
    with pytest.raises(cg.UnknownNameError, match="101, 205"):
        gp.predict(x[:1], tasks=[0])


def test_names_for_the_columns_of_a_table():
    x, y = table()
    gp = evaluated(2).fit(x, y, task_names=("level", "flow"))
    assert gp.task_names_ == ["level", "flow"]
    assert gp.task_view("flow").name == "flow"
    np.testing.assert_array_equal(
        gp.predict(x[:2], tasks=["flow", "level"]), gp.predict(x[:2])[[0, 1], [1, 0]]
    )
