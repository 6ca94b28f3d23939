"""The examples in the docstrings run, and every public item has a docstring."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import coregion

MODULES = [
    f"coregion.{found.name}" for found in pkgutil.iter_modules(coregion.__path__) if found.name != "_core"
]


@pytest.mark.parametrize("name", ["coregion", *MODULES])
def test_examples(name):
    if name == "coregion.plots":
        pytest.importorskip("matplotlib")
    module = importlib.import_module(name)
    found = doctest.testmod(module)
    assert found.failed == 0


@pytest.mark.parametrize("name", coregion.__all__)
def test_public_items_are_documented(name):
    if name in ("__version__", "plots"):
        return
    item = getattr(coregion, name)
    assert inspect.getdoc(item)
    if inspect.isclass(item):
        for member, value in vars(item).items():
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{member}"
