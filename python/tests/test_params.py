"""Parameters: stored as given, reached by paths, printed and compared."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import coregion as cg
from coregion import kernels, tasks

KERNELS = [getattr(kernels, name) for name in kernels.__all__]
KERNELS = [kind for kind in KERNELS if kind._kinds and kind is not kernels.Kernel]
ESTIMATORS = [cg.MultiTaskGP, cg.MultiTaskKernelRidge]


@pytest.mark.parametrize("kind", [*KERNELS, *ESTIMATORS, tasks.FreeForm, tasks.LowRank, tasks.Diagonal])
def test_constructors_store_their_arguments(kind):
    names = [p for p in inspect.signature(kind.__init__).parameters if p != "self"]
    values = {name: object() for name in names}
    made = kind(**values)
    assert made.get_params(deep=False) == values
    assert vars(made) == values


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_every_parameter_is_documented(kind):
    for name in kind().get_params(deep=False):
        assert name in kind.__doc__, name


def test_parameters_of_parameters():
    gp = cg.MultiTaskGP(kernels.RBF(lengthscale=1.0) + 2.0 * kernels.Linear(), tasks.LowRank(rank=3))
    params = gp.get_params()
    assert params["kernel__k1__lengthscale"] == 1.0
    assert params["kernel__k2__scale"] == 2.0
    assert params["task__rank"] == 3
    gp.set_params(kernel__k1__lengthscale=5.0, task__rank=1, kernel__k2=kernels.Constant())
    assert gp.kernel.kernels[0].lengthscale == 5.0
    assert gp.task.rank == 1
    assert repr(gp.kernel) == "RBF(lengthscale=5.0) + Constant()"
    both = gp.set_params(kernel=kernels.RBF(), kernel__lengthscale=[1.0, 2.0])
    assert both is gp
    assert gp.kernel.lengthscale == [1.0, 2.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda k: k + k,
        lambda k: k * k,
        lambda k: k + kernels.Linear() + k,
        lambda k: k + 2.0 * k,
        lambda k: k.on([0]) * k.on([1]),
        lambda k: (k + kernels.Constant()) + (k + kernels.Linear()),
    ],
)
def test_a_kernel_that_stands_twice_has_parameters_of_its_own(make):
    kernel = kernels.RBF(lengthscale=[1.0])
    made = make(kernel)
    before = made.get_params()
    path = next(name for name in before if name.endswith("lengthscale"))
    made.set_params(**{path: 5.0})
    after = {name: value for name, value in made.get_params().items() if name.endswith("lengthscale")}
    assert len(after) == 2
    assert [name for name, value in after.items() if value == 5.0] == [path]


def test_a_kernel_in_a_sum_is_the_object_given():
    one, two = kernels.RBF(), kernels.RBF()
    made = one + two
    assert made.kernels[0] is one
    assert made.kernels[1] is two


def test_the_scale_of_a_kernel_can_be_held():
    held = kernels.Scale(kernels.RBF(), 2.0, fixed=["scale"])
    assert held.get_params(deep=False) == {"kernel": kernels.RBF(), "scale": 2.0, "fixed": ["scale"]}
    assert repr(held) == "Scale(kernel=RBF(), scale=2.0, fixed=['scale'])"
    assert eval(repr(held), vars(kernels)) == held
    assert repr(3.0 * held) == "Scale(kernel=RBF(), scale=6.0, fixed=['scale'])"
    assert (held * kernels.Linear()).fixed == ["scale"]
    assert held.on([0]).fixed == ["scale"]
    assert (held * held).fixed == ["scale"]
    assert not (held * (2.0 * kernels.Linear())).fixed
    assert repr(2.0 * kernels.RBF()) == "2.0 * RBF()"


def test_a_held_scale_stays_where_it_is(xy, tmp_path):
    def fitted(scale):
        model = cg.MultiTaskGP(kernels.RBF() + scale, cg.tasks.FreeForm())
        return model.fit(*xy)

    held = fitted(kernels.Scale(kernels.Linear(), 0.3, fixed=["scale"]))
    free = fitted(0.3 * kernels.Linear())
    assert held.kernel_.kernels[1].scale == 0.3
    assert held.kernel_.kernels[1].fixed == ["scale"]
    assert abs(free.kernel_.kernels[1].scale - 0.3) > 1e-3
    held.save(tmp_path / "model")
    assert cg.load(tmp_path / "model").kernel_ == held.kernel_
    with pytest.raises(ValueError, match="unknown value of Scale 'size', expected one of: scale"):
        fitted(kernels.Scale(kernels.Linear(), 0.3, fixed=["size"]))


def test_unknown_parameters_are_named():
    with pytest.raises(ValueError, match="Invalid parameter 'alpha' for estimator MultiTaskGP"):
        cg.MultiTaskGP().set_params(alpha=1.0)
    with pytest.raises(ValueError, match="kernel is None, which has no parameters: set kernel first"):
        cg.MultiTaskGP().set_params(kernel__lengthscale=1.0)
    with pytest.raises(ValueError, match="Invalid parameter 'scale'"):
        cg.MultiTaskGP(kernels.RBF()).set_params(kernel__scale=1.0)


def test_a_class_is_a_value_like_any_other():
    gp = cg.MultiTaskGP(kernels.RBF)
    assert gp.get_params()["kernel"] is kernels.RBF


def test_estimators_are_printed_by_what_differs_from_the_defaults():
    assert repr(cg.MultiTaskGP()) == "MultiTaskGP()"
    gp = cg.MultiTaskGP(kernels.RBF(lengthscale=2.0), noise=np.array([0.1, 0.2]), n_restarts=3)
    assert repr(gp) == "MultiTaskGP(kernel=RBF(lengthscale=2.0), noise=[0.1, 0.2], n_restarts=3)"
    assert eval(repr(gp), vars(kernels) | {"MultiTaskGP": cg.MultiTaskGP}).get_params()["n_restarts"] == 3
    assert cg.MultiTaskGP()._repr_html_() == "<pre>MultiTaskGP()</pre>"


def test_estimators_are_compared_by_identity():
    one, other = cg.MultiTaskGP(), cg.MultiTaskGP()
    assert one == one
    assert one != other
    assert len({one, other}) == 2
    assert kernels.RBF(lengthscale=1.0) == kernels.RBF(lengthscale=1.0)


def test_fitting_does_not_touch_the_parameters(xy):
    kernel, noise = kernels.RBF(), np.array([0.1, 0.2])
    gp = cg.MultiTaskGP(kernel, noise=noise).fit(*xy)
    assert gp.kernel is kernel
    assert gp.noise is noise
    assert kernel.lengthscale is None
    assert gp.kernel_.lengthscale is not None
