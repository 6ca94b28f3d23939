"""A label means the same task before and after a file, and whatever was given as names."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import evaluated, table

import coregion as cg

X, TWO = table()
Y = np.column_stack([TWO, TWO.sum(axis=1)])

UNKNOWN = "unknown"

NAMES: dict[str, tuple[list[Any], dict[Any, Any]]] = {
    "numbers from 1": ([1, 2, 3], {1: 0, 3: 2, "2": 1, 0: UNKNOWN, 4: UNKNOWN}),
    "numbers as text": (["1", "2", "3"], {1: 0, 3: 2, "2": 1, 0: UNKNOWN}),
    "numbers in another order": ([2, 0, 1], {2: 0, 0: 1, 1: 2, "1": 2}),
    "numbers from 0": ([0, 1, 2], {0: 0, 2: 2, "task 1": 1, 3: UNKNOWN}),
    "text": (["a", "b", "c"], {"a": 0, 0: 0, 2: 2, 3: UNKNOWN, -1: UNKNOWN, "d": UNKNOWN}),
    "text and a number": (["a", 0, "c"], {"a": 0, 0: 1, 2: 2, "0": 1}),
}


def saved(model: cg.MultiTaskGP, folder: Path) -> cg.MultiTaskGP:
    model.save(folder / "model.safetensors")
    again = cg.load(folder / "model.safetensors")
    assert isinstance(again, cg.MultiTaskGP)
    return again


AGAIN: dict[str, Callable[[cg.MultiTaskGP, Path], cg.MultiTaskGP]] = {
    "fitted": lambda model, folder: model,
    "loaded": saved,
    "pickled": lambda model, folder: pickle.loads(pickle.dumps(model)),
}


def assert_means(model: cg.MultiTaskGP, label: Any, place: Any) -> None:
    if place == UNKNOWN:
        with pytest.raises(cg.UnknownNameError):
            model.predict(X[:1], tasks=[label])
        with pytest.raises(cg.UnknownNameError):
            model.task_view(label)
        return
    found = model.predict(X[:2], tasks=[label, label])
    np.testing.assert_allclose(found, model.predict(X[:2])[:, place], rtol=1e-12)
    assert model.task_view(label).name == model.task_names_[place]


@pytest.mark.parametrize("way", AGAIN)
@pytest.mark.parametrize("kind", NAMES)
def test_labels_mean_the_same_task_everywhere(kind: str, way: str, tmp_path: Path) -> None:
    names, meant = NAMES[kind]
    model = AGAIN[way](evaluated(3).fit(X, Y, task_names=names), tmp_path)
    for label, place in meant.items():
        assert_means(model, label, place)


@pytest.mark.parametrize("way", AGAIN)
@pytest.mark.parametrize("columns", [[1, 2, 3], [1.0, 2.0, 3.0]])
def test_columns_of_a_frame_may_be_numbers(columns: list[Any], way: str, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    model = AGAIN[way](evaluated(3).fit(X, pd.DataFrame(Y, columns=columns)), tmp_path)
    for label, place in NAMES["numbers from 1"][1].items():
        assert_means(model, label, place)
    found = model.predict(X[:1], given=pd.DataFrame([[0.5]], columns=[columns[1]]))
    assert found[0, 1] == 0.5


@pytest.mark.parametrize("way", AGAIN)
def test_columns_with_the_numbers_of_unnamed_tasks(way: str, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    y = pd.DataFrame(Y)
    model = AGAIN[way](evaluated(3).fit(X, y), tmp_path)
    assert model.score(X, y[[2, 0, 1]]) == pytest.approx(model.score(X, Y), rel=1e-12)
    assert model.predict(X[:1], given=pd.DataFrame({2: [0.5]}))[0, 2] == 0.5


@pytest.mark.parametrize("way", AGAIN)
def test_observations_with_labels_that_are_numbers(way: str, tmp_path: Path) -> None:
    labels = np.array([2, 1] * 15)
    model = AGAIN[way](evaluated(2).fit(X, Y[:, 0], tasks=labels, task_names=[1, 2]), tmp_path)
    np.testing.assert_array_equal(model.model_.data.entries[:, 1], labels - 1)
    np.testing.assert_allclose(
        model.predict(X, tasks=labels), model.predict(X)[range(30), labels - 1], rtol=1e-12
    )
    text = AGAIN[way](evaluated(2).fit(X, Y[:, 0], tasks=labels, task_names=["2", "1"]), tmp_path)
    np.testing.assert_array_equal(text.model_.data.entries[:, 1], 2 - labels)


@pytest.mark.parametrize(("names", "label"), [(["a", "b", "c"], "a"), ([7, 8, 9], 7), (None, 0)])
def test_a_column_given_twice_is_refused(names: Any, label: Any) -> None:
    pd = pytest.importorskip("pandas")
    model = evaluated(3).fit(X, Y, task_names=names)
    twice = pd.DataFrame(Y[:, :2], columns=[label, label])
    message = f"found column {label!r} twice, expected each task once"
    with pytest.raises(cg.InvalidValueError, match=f"given: {message}"):
        model.predict(X, given=twice)
    with pytest.raises(cg.InvalidValueError, match=f"y: {message}"):
        model.score(X, twice)
    with pytest.raises(cg.InvalidValueError, match=f"y: {message}"):
        model.condition(X, twice)
    with pytest.raises(ValueError, match="twice"):
        cg.MultiTaskGP().fit(X, twice)


def test_plots_mean_the_same_task() -> None:
    pytest.importorskip("matplotlib")
    from coregion.plots._fitted import chosen_tasks

    model = evaluated(3).fit(X, Y, task_names=[1, 2, 3])
    assert chosen_tasks(model, [3, "1"]) == [2, 0]
    with pytest.raises(cg.UnknownNameError):
        chosen_tasks(model, -1)
    assert chosen_tasks(evaluated(3).fit(X, Y), [2, -1, "task 1"]) == [2, 2, 1]
    with pytest.raises(cg.UnknownNameError, match="task: found 0, expected one of: 1, 2, 3"):
        chosen_tasks(model, 0)
