"""The variational autoencoder: the ELBO against a model in which everything is known, its parts, shapes, learning."""

import numpy as np
import pytest

import minigan as mg
from minigan import models, optim
from minigan.models import vae
from minigan.random import Generator


def normal(shape, seed=0, dtype="float64"):
    return Generator(seed).normal(shape, dtype)


def log_normal(x, mean, covariance):
    """log N(x; mean, covariance) of one vector."""
    r = x - mean
    return -0.5 * (r @ np.linalg.solve(covariance, r) + np.linalg.slogdet(2 * np.pi * covariance)[1])


def kl_of_normals(mean, covariance, other_mean, other_covariance):
    inverse = np.linalg.inv(other_covariance)
    r = other_mean - mean
    logs = np.linalg.slogdet(other_covariance)[1] - np.linalg.slogdet(covariance)[1]
    return 0.5 * (np.trace(inverse @ covariance) + r @ inverse @ r - len(mean) + logs)


def quadrature(d):
    """Points +-sqrt(d) e_i: their mean is the expectation of any quadratic function of N(0, I), exactly."""
    return np.sqrt(d) * np.concatenate([np.eye(d), -np.eye(d)])


@pytest.mark.parametrize("exact_posterior", [False, True])
def test_elbo_plus_the_divergence_from_the_posterior_is_the_log_evidence(exact_posterior):
    """p(z) = N(0, I), p(x|z) = N(W z + b, s^2 I), q(z|x) = N(A x + c, diag v): every term is known."""
    d, n, s = 2, 3, 0.7
    w, b = normal((n, d), 1), normal((n,), 2)
    if exact_posterior:
        w = np.linalg.qr(w)[0] * [1.5, 0.5]  # orthogonal columns: the posterior has no correlation, so q can equal it
    precision = np.eye(d) + w.T @ w / s**2
    posterior = np.linalg.inv(precision)
    if exact_posterior:
        a, v = posterior @ w.T / s**2, np.diag(posterior)
        c = -a @ b
    else:
        a, v, c = normal((d, n), 3), np.array([0.3, 1.7]), normal((d,), 4)
    points = quadrature(d)
    for x in normal((3, n), 5):
        rows = np.repeat(x[None], len(points), axis=0)
        found = vae.elbo(
            rows,
            points,
            lambda x: (x @ a.T + c, np.broadcast_to(np.log(v), (len(x), d))),
            lambda z: z @ w.T + b,
            lambda x, y: vae.gaussian(x, y, s),
        ).mean()
        evidence = log_normal(x, b, w @ w.T + s**2 * np.eye(n))
        gap = kl_of_normals(a @ x + c, np.diag(v), posterior @ w.T @ (x - b) / s**2, posterior)
        np.testing.assert_allclose(found + gap, evidence, rtol=1e-12)
        assert gap < 1e-12 if exact_posterior else gap > 0.1


def test_kl_against_the_general_formula_and_near_zero():
    mean, log_variance = normal((4, 3)), normal((4, 3), 1)
    expected = [
        kl_of_normals(m, np.diag(np.exp(lv)), np.zeros(3), np.eye(3)) for m, lv in zip(mean, log_variance, strict=True)
    ]
    np.testing.assert_allclose(vae.kl(mean, log_variance), expected, rtol=1e-12)
    assert vae.kl(np.zeros((2, 3)), np.zeros((2, 3))).tolist() == [0, 0]
    tiny = np.full((1, 1), 1e-6)
    np.testing.assert_allclose(vae.kl(0 * tiny, tiny), 1e-12 / 4, rtol=1e-6)  # 1 - 1 would have lost it


def test_a_draw_has_the_mean_and_the_deviation_it_is_asked_for():
    noise = normal((100_000, 2))
    z = vae.reparametrise(np.array([1.0, -2.0]), np.log([4.0, 0.25]), noise)
    np.testing.assert_allclose(z.mean(0), [1, -2], atol=0.03)
    np.testing.assert_allclose(z.std(0), [2, 0.5], rtol=0.02)
    assert np.array_equal(z, np.array([1.0, -2.0]) + np.exp(0.5 * np.log([4.0, 0.25])) * noise)


def test_gradients():
    x, noise = np.abs(normal((2, 3))) / 4, normal((2, 2), 1)
    weight, back = normal((3, 4), 2), normal((2, 3), 3)

    def bound(weight, back, likelihood):
        def encode(x):
            heads = mg.tensor(x) @ weight
            return heads[:, :2], heads[:, 2:]

        return vae.elbo(x, noise, encode, lambda z: mg.ops.tanh(z @ back), likelihood)

    for likelihood in (lambda x, y: vae.gaussian(x, y, 0.5), vae.bernoulli):
        mg.check.gradcheck(lambda w, b, f=likelihood: bound(w, b, f), [weight, back], order=2)


def small(**options):
    return vae.VAE(3, (8, 8, 1), 2, 3, rng=Generator(0), **options)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_parts_are_those_of_the_dcgan(likelihood):
    model = small(likelihood=likelihood)
    critic = models.dcgan.critic((8, 8, 1), 2, 3, outputs=6, rng=Generator(0))
    assert {k: v.shape for k, v in model.encoder.state_dict().items()} == {
        k: v.shape for k, v in critic.state_dict().items()
    }
    generator = models.dcgan.generator(3, (8, 8, 1), 2, 3, rng=Generator(0))
    assert [p.shape for p in model.decoder.parameters()] == [p.shape for p in generator.parameters()]
    x, noise = normal((4, 8, 8, 1), dtype="float32").clip(0, 1), normal((4, 3), 1, "float32")
    mean, log_variance = model.encode(x)
    assert mean.shape == log_variance.shape == (4, 3)
    heads = model.encoder(x).numpy()
    assert np.array_equal(np.concatenate([mean.numpy(), log_variance.numpy()], axis=1), heads)
    bound = model.elbo(x, noise)
    assert bound.shape == (4,)
    assert bound.dtype == np.float32
    grads = mg.grad(-bound.mean(), model.parameters())
    assert all(np.isfinite(g.numpy()).all() for g in grads)
    assert model.parameters()[0].name == "vae.encoder.conv1.weight"
    assert hasattr(model.decoder, "tanh") == (likelihood == "gaussian"), "logits have no bounds"
    low = -1 if likelihood == "gaussian" else 0
    images = model(20 * noise).numpy()
    assert images.shape == (4, 8, 8, 1)
    assert low <= images.min()
    assert images.max() <= 1


def test_the_elbo_of_the_model_is_its_formula():
    model, x, noise = small(sigma=0.5, dtype="float64"), normal((4, 8, 8, 1)), normal((4, 3), 1)
    mean, log_variance = (t.numpy() for t in model.encode(x))
    y = model.decoder(mean + np.exp(log_variance / 2) * noise).numpy()
    likelihood = -((x - y) ** 2 / (2 * 0.25) + np.log(0.5) + 0.5 * np.log(2 * np.pi)).sum((1, 2, 3))
    divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(1)
    np.testing.assert_allclose(model.elbo(x, noise).numpy(), likelihood - divergence, rtol=1e-12)


def test_it_learns():
    model = small(dtype="float64")
    adam = optim.Adam(model.parameters(), 3e-3)
    x = np.tile(np.linspace(-0.9, 0.9, 8)[None, :, None, None], (8, 1, 8, 1)) * np.sign(normal((8, 1, 1, 1), 3))
    bounds = []
    for step in range(60):
        bound = model.elbo(x, normal((8, 3), step)).mean()
        adam.step(mg.grad(-bound, model.parameters()))
        bounds.append(bound.item())
    assert np.mean(bounds[-5:]) > np.mean(bounds[:5]) + 50


def test_refusals():
    with pytest.raises(ValueError, match="likelihood must be gaussian or bernoulli, got 'laplace'"):
        small(likelihood="laplace")
    with pytest.raises(ValueError, match="sigma must be positive, got 0"):
        small(sigma=0)
    with pytest.raises(ValueError, match=r"mean \(4, 3\), log variance \(4, 3\) and noise \(3,\) must have one shape"):
        small(dtype="float64").elbo(normal((4, 8, 8, 1)), normal((3,)))
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\), the decoder gave \(2, 1\)"):
        vae.gaussian(np.ones((2, 3)), np.ones((2, 1)), 1.0)
    with pytest.raises(ValueError, match="does not broadcast"):
        vae.bernoulli(np.ones((2, 3)), np.ones((1, 3)))
