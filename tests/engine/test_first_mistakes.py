"""Mistakes that users of PyTorch and NumPy make first: each works, or one sentence names the remedy."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops

X = mg.tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True)
A = np.ones((2, 2))


def constant_gradient(**options):
    (g,) = mg.grad((X * X).sum(), [X], **options)
    return mg.grad((g * g).sum(), [X])


def constant_penalty():
    """A loss with history, and a second input that is reached only through a gradient without history."""
    c = mg.tensor(2.0, requires_grad=True)
    (g,) = mg.grad((c * X * X).sum(), [X])
    return mg.grad(X.sum() + (g * g).sum(), [X, c])


def without_recording():
    with mg.no_grad():
        y = X * 2.0
    return mg.grad(y.sum(), [X])


def added_in_place():
    array = np.ones((2, 2))
    array += X
    return array


def one_gradient():
    return mg.grad((X * X).sum(), X)


WRONG = {
    "np.exp": (lambda: np.exp(X), TypeError, ["np.exp", "Tensor", "mg.ops.exp", "x.numpy()"]),
    "np.isfinite": (lambda: np.isfinite(X), TypeError, ["np.isfinite", "x.numpy()"]),
    "np.add.reduce": (lambda: np.add.reduce(X), TypeError, ["np.add", "mg.ops.add"]),
    "array += tensor": (added_in_place, TypeError, ["np.add", "mg.ops.add"]),
    "np.mean": (lambda: np.mean(X), TypeError, ["np.mean(x)", "x.mean()", "mg.ops.mean"]),
    "np.sum": (lambda: np.sum(X, axis=0), TypeError, ["np.sum(x)", "method"]),
    "np.var": (lambda: np.var(X), TypeError, ["dtype", "method"]),
    "dim": (lambda: X.sum(dim=0), TypeError, ["'dim'", "'axis'"]),
    "mean-dim": (lambda: X.mean(dim=0), TypeError, ["'dim'", "'axis'"]),
    "var-dim": (lambda: X.var(dim=0), TypeError, ["'dim'", "'axis'"]),
    "max-keepdim": (lambda: X.max(0, keepdim=True), TypeError, ["'keepdim'", "'keepdims'"]),
    "softmax-dim": (lambda: ops.softmax(X, dim=1), TypeError, ["'dim'", "'axis'"]),
    "log_softmax-dim": (lambda: ops.log_softmax(X, dim=1), TypeError, ["'dim'", "'axis'"]),
    "norm-dim": (lambda: ops.norm(X, dim=1), TypeError, ["'dim'", "'axis'"]),
    "concatenate-dim": (lambda: ops.concatenate([X, X], dim=1), TypeError, ["'dim'", "'axis'"]),
    "stack-dim": (lambda: ops.stack([X, X], dim=1), TypeError, ["'dim'", "'axis'"]),
    "unknown-keyword": (lambda: X.sum(axes=0), TypeError, ["'axes'", "help()"]),
    "create_graph": (constant_gradient, ValueError, ["inputs[0]", "not reachable", "create_graph=True", "no history"]),
    "create_graph-of-one-term": (constant_penalty, ValueError, ["inputs[1]", "not reachable", "create_graph=True"]),
    "create_graph-of-the-input": (
        lambda: mg.grad((one_gradient()[0] * X).sum(), [one_gradient()[0]]),
        ValueError,
        ["does not require a gradient", "create_graph=True"],
    ),
    "no_grad": (without_recording, ValueError, ["not reachable", "no_grad()", "no history"]),
    "backward": (lambda: X.detach().sum().backward(), ValueError, ["requires a gradient", "detach()"]),
    "detach": (lambda: mg.grad(X.detach().sum(), [X]), ValueError, ["not reachable", "detach()", "no history"]),
    "gradients.shape": (lambda: one_gradient().shape, AttributeError, ["'shape'", "tuple", "(g,) = mg.grad"]),
    "gradients.numpy": (lambda: one_gradient().numpy(), AttributeError, ["'numpy'", "tuple", "(g,) = mg.grad"]),
    "gradients * 2": (lambda: one_gradient() * 2.0, TypeError, ["tuple", "(g,) = mg.grad"]),
    "2 * gradients": (lambda: 2 * one_gradient(), TypeError, ["tuple", "(g,) = mg.grad"]),
    "gradients + 1": (lambda: one_gradient() + 1.0, TypeError, ["tuple", "(g,) = mg.grad"]),
    "X - gradients": (lambda: X - one_gradient(), TypeError, ["tuple", "(g,) = mg.grad"]),
    "-gradients": (lambda: -one_gradient(), TypeError, ["tuple", "(g,) = mg.grad"]),
    "float(gradients)": (lambda: float(one_gradient()), TypeError, ["tuple", "(g,) = mg.grad"]),
    "ops.sum(gradients)": (lambda: ops.sum(one_gradient()), AttributeError, ["tuple", "(g,) = mg.grad"]),
    "ops.exp(gradients)": (lambda: ops.exp(one_gradient()), TypeError, ["exp", "Gradients"]),
    "gradients.typo": (lambda: one_gradient().typo, AttributeError, ["'tuple' object has no attribute 'typo'"]),
    "concatenate-numbers": (lambda: ops.concatenate([X.sum(), X.sum()]), ValueError, ["shape ()", "stack"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_sentence_names_the_remedy(name):
    call, kind, words = WRONG[name]
    with pytest.raises(kind) as caught:
        call()
    missing = [w for w in words if w not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (ops.relu, ["x"]),
        (lambda t: ops.leaky_relu(t) * X, ["x"]),
        (lambda t: X * t, ["y"]),
        (lambda t: t * X, ["x"]),
        (lambda t: ops.layer_norm(t, np.ones(2), np.ones(2)), ["layer_norm", "x"]),
        (lambda t: ops.conv2d(t.reshape(1, 2, 2, 1), mg.tensor(np.ones((1, 1, 1, 1)))), ["conv2d", "x"]),
    ],
)
def test_an_array_of_pytorch_is_refused_by_name(call, arguments):
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"torch\.Tensor.*mg\.from_dlpack") as caught:
        call(torch.ones(2, 2))
    assert all(a in str(caught.value) for a in arguments)


def test_gradients_are_a_tuple():
    both = mg.grad((X * X).sum(), [X, X])
    assert isinstance(both, tuple)
    assert len(both + (1,)) == len((1,) + both) == 3
    (g,) = one_gradient()
    assert g.shape == (2, 2)


@pytest.mark.parametrize("name", ["abs", "exp", "log", "sqrt", "tanh"])
def test_functions_that_are_methods_too(name):
    assert (getattr(X, name)().data == getattr(ops, name)(X).data).all()


@pytest.mark.parametrize(
    ("sign", "call"),
    {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "**": lambda a, b: a**b,
        "@": lambda a, b: a @ b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
        "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
    }.items(),
)
def test_an_array_on_the_left_gives_a_tensor(sign, call):
    left = A * 2.0
    found = call(left, X)
    assert isinstance(found, mg.Tensor)
    assert (found.data == call(left, X.data)).all()


def test_cupy_sees_none():
    """CuPy's operators leave the work to those of Tensor if its instance says None."""
    assert X.__array_ufunc__ is None


@pytest.mark.parametrize("axis", [0, -1, (0,)])
@pytest.mark.parametrize("name", ["sum", "mean", "var", "max", "min", "logsumexp", "norm", "softmax", "log_softmax"])
def test_a_single_number_has_an_axis_0(name, axis):
    function = getattr(ops, name)
    if "softmax" in name and isinstance(axis, tuple):
        axis = 0
    x = mg.tensor(3.0, requires_grad=True)
    y = function(x, axis=axis)
    assert y.shape == ()
    assert y.item() == {"var": 0, "softmax": 1, "log_softmax": 0}.get(name, 3)
    expected = 0 if name in ("var", "softmax", "log_softmax") else 1
    for create_graph in (False, True):
        (g,) = mg.grad(function(x, axis=axis), [x], create_graph=create_graph)
        assert g.item() == expected
    with pytest.raises(ValueError, match=r"axis=1|axis 1"):
        function(x, axis=1)


def test_names_that_are_public():
    assert sorted(mg.__all__) == [name for name in dir(mg) if not name.startswith("_")]
    assert {"np", "import_module", "TYPE_CHECKING"}.isdisjoint(dir(mg))
    for name in mg.__all__:
        assert getattr(mg, name) is not None
    assert dir(ops) == sorted(ops.__all__)
    assert all(callable(getattr(ops, name)) for name in set(ops.__all__) - {"resample"})


@pytest.mark.parametrize(
    "function",
    [mg.grad, mg.op, mg.fused, mg.capture, mg.Tensor.sum, mg.Tensor.exp, *[getattr(ops, n) for n in ops.__all__]],
    ids=lambda f: f.__name__,
)
def test_help_has_a_name_and_a_sentence(function):
    assert function.__doc__
    assert len(function.__doc__.splitlines()[0]) >= 10
    assert "<lambda>" not in function.__name__
    assert not function.__name__.startswith("_")


class TestDetectAnomaly:
    def caught(self, call):
        with pytest.raises(FloatingPointError) as caught, mg.detect_anomaly():
            call()
        return str(caught.value)

    def test_a_value(self):
        said = self.caught(lambda: ops.tanh(ops.log(X - 2.0)))
        assert "log(x: float64 (2, 2)) gave 1 NaN and 1 infinite of 4 elements" in said
        assert "finite, from -1 to 2" in said

    def test_a_value_that_was_given(self):
        assert "y was not finite already" in self.caught(lambda: X * mg.tensor([np.inf, 1.0]))

    def test_a_gradient(self):
        z = mg.Parameter(np.array([0.0, 1.0]), "critic.scale")
        said = self.caught(lambda: mg.grad(ops.sqrt(z).sum(), [z]))
        assert "derivative of sqrt, whose output has shape (2,)" in said
        assert "gradient of critic.scale of shape (2,) with 0 NaN and 1 infinite of 2 elements" in said
        assert "the gradient of the output was finite" in said

    def test_a_gradient_that_was_given(self):
        call = lambda: mg.grad(X * 2.0, [X], np.full((2, 2), np.nan))
        assert "the gradient of the output was not finite already" in self.caught(call)

    def test_a_second_derivative(self):
        x = mg.tensor([1e-220], requires_grad=True)

        def twice():
            (g,) = mg.grad(ops.sqrt(x).sum(), [x], create_graph=True)
            return mg.grad(g.sum(), [x])

        assert "detect_anomaly" in self.caught(twice)

    def test_a_layer(self):
        layer = mg.nn.Linear(2, 3, rng=mg.random.Generator(0))
        layer.weight.name = "critic.dense.weight"
        layer.weight.assign_(np.full((2, 3), 1e30, np.float32))
        said = self.caught(lambda: layer(mg.tensor(np.full((1, 2), 1e30, np.float32))))
        assert "linear(x: float32 (1, 2), weight: float32 (2, 3)" in said
        assert "in or after the layer 'critic.dense'" in said

    def test_a_joined_value(self):
        assert "xs[1] was not finite" in self.caught(lambda: ops.concatenate([X, np.full((2, 2), np.nan)]))

    def test_all_is_well(self):
        expected = mg.grad((ops.exp(X) * X).sum(), [X])[0]
        with mg.detect_anomaly():
            found = mg.grad((ops.exp(X) * X).sum(), [X])[0]
        assert (found.data == expected.data).all()
        with np.errstate(all="ignore"):
            assert np.isnan(ops.log(mg.tensor([-1.0])).data).all()

    def test_a_profile_goes_on(self):
        with mg.profile(output=None) as p, mg.detect_anomaly():
            mg.grad((ops.exp(X) * X).sum(), [X])
        assert "exp" in {row.op for row in p.rows}
