"""`mg.grad`: the nodes that it visits, the inputs that it refuses, the dtype of its result."""

import numpy as np
import pytest

import minigan as mg
from minigan import ops
from minigan.op import Plan


@pytest.fixture
def pulled(monkeypatch):
    """The names of the operations that a sweep goes through, in order."""
    names, pull = [], Plan.pull

    def counted(self, node, g, path, create_graph):
        names.append(self.name)
        return pull(self, node, g, path, create_graph)

    monkeypatch.setattr(Plan, "pull", counted)
    return names


@pytest.fixture
def x():
    return mg.tensor([1.0, 2.0, 3.0], requires_grad=True)


def values(gradients):
    return [g.data.tolist() for g in gradients]


# --- what it computes


def test_gradients_come_in_the_order_asked(x):
    y = mg.tensor([4.0, 5.0, 6.0], requires_grad=True)
    z = (x * y).sum()
    assert values(mg.grad(z, [y, x, y], retain_graph=True)) == [[1, 2, 3], [4, 5, 6], [1, 2, 3]]
    assert isinstance(mg.grad(z, x), tuple)


def test_a_tensor_used_many_times_collects_every_use(x):
    (g,) = mg.grad((x * x + x * 3.0 - x).sum(), [x])
    assert g.data.tolist() == [4, 6, 8]


def test_several_outputs_add_up(x):
    a, b = (x * x).sum(), (3.0 * x).sum()
    assert values(mg.grad([a, b, a], [x])) == [[7, 11, 15]]


def test_grad_outputs_weigh_the_outputs(x):
    y = x * x
    assert values(mg.grad(y, [x], np.array([1.0, 0, -1]), retain_graph=True)) == [[2, 0, -6]]
    assert values(mg.grad([y, x], [x], [np.ones(3), 2 * np.ones(3)])) == [[4, 6, 8]]


def test_the_gradient_is_linear_in_grad_outputs(x):
    u = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (g,) = mg.grad(x * x, [x], u, create_graph=True)
    assert values(mg.grad(g.sum(), [u], retain_graph=True)) == [[2, 4, 6]]
    assert values(mg.grad(g.sum(), [x])) == [[2, 4, 6]]


def test_a_number_is_a_weak_grad_output():
    x = mg.tensor([1.0], requires_grad=True, dtype="float32")
    (g,) = mg.grad(x.sum(), [x], 2.0)
    assert g.dtype == np.float32
    assert g.data.tolist() == [2]


def test_an_output_may_be_an_input(x):
    y = (x * x).sum()
    assert values(mg.grad(y, [y, x])) == [1, [2, 4, 6]]


def test_inputs_may_be_intermediate(x):
    h = x * x
    z = (h * h).sum() + h.sum()
    assert values(mg.grad(z, [h])) == [[3, 9, 19]]


def test_inputs_may_depend_on_one_another(x):
    h = x * x
    z = (h * x).sum()  # dz/dh = x with x fixed; dz/dx = 3 x^2 in all
    assert values(mg.grad(z, [x, h], retain_graph=True)) == [[3, 12, 27], [1, 2, 3]]
    assert values(mg.grad(z, [h, x], create_graph=True)) == [[1, 2, 3], [3, 12, 27]]


def test_higher_orders(x):
    g = (x**5).sum()
    for factor, power in [(5, 4), (20, 3), (60, 2), (120, 1), (120, 0)]:
        (g,) = mg.grad(g.sum(), [x], create_graph=True)
        assert np.allclose(g.data, factor * np.array([1.0, 2, 3]) ** power, rtol=1e-14)


def test_gradients_without_create_graph_are_constants(x):
    assert not mg.grad((x * x).sum(), [x])[0].requires_grad
    assert mg.grad((x * x).sum(), [x], create_graph=True)[0].requires_grad


def test_no_grad_builds_nothing_and_create_graph_overrides_it(x):
    with mg.no_grad():
        assert not (x * x).requires_grad
    y = (x * x * x).sum()
    with mg.no_grad():
        (g,) = mg.grad(y, [x], create_graph=True)
        assert not (x * x).requires_grad
    assert values(mg.grad(g.sum(), [x])) == [[6, 12, 18]]


def test_detach_cuts(x):
    y = (x * x.detach()).sum()
    assert values(mg.grad(y, [x])) == [[1, 2, 3]]


# --- what it visits


def test_only_what_lies_between_is_visited(x, pulled):
    w = mg.tensor([1.0, 1.0, 1.0], requires_grad=True)
    h = ops.tanh(ops.exp(x))
    z = ops.sin(h * w).sum()
    mg.grad(z, [w])
    assert pulled == ["sum", "sin", "mul"]


def test_a_critic_is_passed_through_without_its_weight_gradients(monkeypatch):
    called = []
    weighted = mg.op(
        lambda x, w: x * w,
        x=lambda g, w: called.append("x") or g * w,
        w=lambda g, x: called.append("w") or g * x,
    )
    x, w = mg.tensor([2.0], requires_grad=True), mg.tensor([3.0], requires_grad=True)
    mg.grad(weighted(x, w).sum(), [x])
    assert called == ["x"]


def test_branches_that_do_not_lead_to_an_input_are_left_alone(x, pulled):
    other = mg.tensor([1.0, 1.0, 1.0], requires_grad=True)
    z = (ops.exp(x) + ops.cos(ops.sin(other))).sum()
    mg.grad(z, [x])
    assert pulled == ["sum", "add", "exp"]


def test_an_unused_input_is_an_error_that_names_it_or_none(x):
    w = mg.Parameter(np.ones(2), "critic.w")
    z = x.sum()
    with pytest.raises(ValueError, match=r"inputs\[1\], critic.w float64 \(2,\), is not reachable.*allow_unused=True"):
        mg.grad(z, [x, w], retain_graph=True)
    g, unused = mg.grad(z, [x, w], allow_unused=True)
    assert g.data.tolist() == [1, 1, 1]
    assert unused is None


def test_a_constant_output_reaches_nothing(x):
    with pytest.raises(ValueError, match=r"not reachable"):
        mg.grad(mg.tensor(1.0), [x])
    assert mg.grad(mg.tensor(1.0), [x], allow_unused=True) == (None,)


def test_a_younger_input_does_not_hide_an_older_one(x):
    h = x * 2.0
    late = mg.tensor([1.0, 1.0, 1.0], requires_grad=True)
    assert values(mg.grad((h * late).sum(), [late, x])) == [[2, 4, 6], [2, 2, 2]]


# --- whose graph it frees


def test_a_second_sweep_of_a_freed_graph_is_an_error(x):
    z = (x * x).sum()
    mg.grad(z, [x])
    with pytest.raises(RuntimeError, match=r"freed by an earlier grad\(\).*'sum'.*retain_graph=True"):
        mg.grad(z, [x])


def test_half_of_the_graph_freed(x):
    h = ops.exp(x)
    a, b = h.sum(), (h * h).sum()
    mg.grad(a, [x])
    with pytest.raises(RuntimeError, match=r"freed"):
        mg.grad(b, [x])


def test_retain_graph_keeps_it(x):
    z = (x * x).sum()
    for _ in range(3):
        assert values(mg.grad(z, [x], retain_graph=True)) == [[2, 4, 6]]


def test_create_graph_retains_unless_told_otherwise(x):
    z = (x * x).sum()
    mg.grad(z, [x], create_graph=True)
    mg.grad(z, [x], retain_graph=False, create_graph=True)
    with pytest.raises(RuntimeError, match=r"freed"):
        mg.grad(z, [x])


def test_what_was_not_on_the_path_is_not_freed(x):
    w = mg.tensor([1.0, 1.0, 1.0], requires_grad=True)
    h = ops.exp(x)
    mg.grad((h * w).sum(), [w])
    assert np.allclose(mg.grad(h.sum(), [x])[0].data, h.data)


# --- dtypes


FORMS = {
    "x+n": lambda x, n: x + n,
    "n+x": lambda x, n: n + x,
    "x*n": lambda x, n: x * n,
    "n*x": lambda x, n: n * x,
    "x-n": lambda x, n: x - n,
    "n-x": lambda x, n: n - x,
    "x/n": lambda x, n: x / n,
    "n/x": lambda x, n: n / x,
    "x**n": lambda x, n: x**n,
    "n**x": lambda x, n: n**x,
    "maximum": ops.maximum,
    "where": lambda x, n: ops.where(np.array([True, False]), x, n),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "number", [2, 2.5, np.float64(2.5), np.float32(2.5), np.int64(2)], ids=lambda n: f"{type(n).__name__}"
)
@pytest.mark.parametrize("form", FORMS)
def test_numbers_are_weak(dtype, number, form):
    x = mg.tensor([1.5, 0.5], requires_grad=True, dtype=dtype)
    y = FORMS[form](x, number)
    (g,) = mg.grad(y.sum(), [x], create_graph=True)
    (plain,) = mg.grad(y.sum(), [x], retain_graph=True)
    (h,) = mg.grad((g * g + x).sum(), [x])
    assert {y.dtype, g.dtype, plain.dtype, h.dtype} == {np.dtype(dtype)}


@pytest.mark.parametrize("combine", [lambda a, b: a + b, lambda a, b: a @ b, lambda a, b: ops.concatenate([a, b])])
def test_mixed_precisions_are_an_error(combine):
    a, b = mg.tensor([1.0], requires_grad=True, dtype="float32"), mg.tensor([1.0])
    for pair in [(a, b), (b, a)]:
        with pytest.raises(TypeError, match=r"mixed dtypes float32, float64.*astype"):
            combine(*pair)
    with pytest.raises(TypeError, match=r"mixed dtypes"):
        combine(a, np.ones(1))


def test_grad_outputs_must_have_the_dtype_of_the_output():
    x = mg.tensor([1.0], requires_grad=True, dtype="float32")
    with pytest.raises(TypeError, match=r"grad_outputs\[0\] is float64 but outputs\[0\] is float32"):
        mg.grad(x * 2.0, [x], np.ones(1))


def test_integers_carry_no_gradient():
    with pytest.raises(TypeError, match=r"floating-point.*int64.*astype"):
        mg.tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match=r"floating-point"):
        mg.Parameter(np.array([True]))
    labels = mg.tensor([1, 2])
    with pytest.raises(TypeError, match=r"inputs\[0\], int64 \(2,\): only floating-point tensors have gradients"):
        mg.grad(labels.sum(), [labels])


def test_an_integer_tensor_widens_float32_only_with_an_error():
    x = mg.tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    with pytest.raises(TypeError, match=r"mul.*int64.*float64.*astype"):
        x * mg.tensor([1, 2])
    assert (x * mg.tensor([True, False])).dtype == np.float32


def test_complex_tensors_have_holomorphic_derivatives():
    z = mg.tensor([1 + 2j, 0.5 - 1j], requires_grad=True)
    (g,) = mg.grad((z * z * z).sum(), [z], create_graph=True)
    (h,) = mg.grad(g.sum(), [z])
    assert np.allclose(g.data, 3 * z.data**2)
    assert np.allclose(h.data, 6 * z.data)
    w = mg.tensor([1 + 1j], requires_grad=True, dtype="complex64")
    assert mg.grad(ops.exp(w).sum(), [w])[0].dtype == np.complex64


def test_gradients_have_the_shapes_of_their_inputs():
    shapes = [(), (1,), (3,), (2, 1), (2, 3), (1, 2, 1)]
    tensors = [mg.tensor(np.ones(s), requires_grad=True) for s in shapes]
    total = tensors[0]
    for t in tensors[1:]:
        total = total * t
    for create_graph in (True, False):
        assert [g.shape for g in mg.grad(total.sum(), tensors, create_graph=create_graph)] == shapes


# --- backward(), the imperative face


def test_backward_accumulates_in_leaves(x):
    w = mg.Parameter(np.ones(3))
    (x * w).sum().backward()
    (x * w).sum().backward()
    assert x.grad.data.tolist() == [2, 2, 2]
    assert w.grad.data.tolist() == [2, 4, 6]
    x.grad = None
    assert x.grad is None
    (x * x).backward(np.array([1.0, 1, 0]))
    assert x.grad.data.tolist() == [2, 4, 0]


def test_backward_keeps_no_gradient_of_what_is_not_a_leaf(x):
    h = x * x
    h.sum().backward()
    assert h.grad is None
    with pytest.raises(AttributeError, match=r"requires_grad=True"):
        h.grad = x


def test_backward_refuses(x):
    with pytest.raises(ValueError, match=r"cannot create_graph"):
        x.sum().backward(create_graph=True)
    with pytest.raises(ValueError, match=r"3 elements"):
        (x * x).backward()
    with pytest.raises(ValueError, match=r"nothing that requires a gradient"):
        mg.tensor(1.0).backward()
    z = x.sum()
    z.backward()
    with pytest.raises(RuntimeError, match=r"freed"):
        z.backward()


@pytest.mark.parametrize(
    "key",
    [
        ((0, 0, 1), slice(None)),
        ((0, 0, 1),),
        (range(-3, 3),),
        (slice(None), (0, 0)),
        ((0, 0), [1, 1]),
        ([True, False, True], [1, 1]),
    ],
    ids=repr,
)
def test_a_sequence_as_an_index_may_repeat_itself(key):
    x = mg.tensor(np.zeros((3, 4)), requires_grad=True)
    expected = np.zeros((3, 4))
    np.add.at(expected, key, np.ones(x[key].shape))
    assert (mg.grad(x[key].sum(), [x])[0].numpy() == expected).all()
