"""Five planted mistakes, each of which a type checker must report.  Never run."""

import minigan as mg

x = mg.tensor([1.0, 2.0], requires_grad=True)
loss = (x * x).sum()

mg.grad(loss, [x], create_grph=True)  # mistake: wrong keyword
mg.grad(loss, "x")  # mistake: wrong argument type
mg.gard(loss, [x])  # mistake: misspelt name
value, gradient, rest = mg.value_and_grad(mg.ops.sum)(x)  # mistake: wrong number of results
mg.optim.EMA(x, 0.99)  # mistake: a Tensor where a Module is wanted
