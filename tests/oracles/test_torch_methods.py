"""Resampling, features, packing and the ELBO's parts against PyTorch."""

import numpy as np
import pytest
from oracle_tools import compare_with_torch

from minigan import gan, nn, ops
from minigan.models import vae
from minigan.ops.resample import bilinear_down, bilinear_up

torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install minigan[peers]")
F = torch.nn.functional


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def on_channels_first(f):
    return lambda x: f(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def padded_filter(x):
    """(1, 3, 3, 1) / 8 along both axes at every second pixel, the outermost pixel repeated."""
    taps = torch.tensor([1.0, 3, 3, 1], dtype=x.dtype) / 8
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, stride=2, groups=x.shape[1])


@pytest.mark.parametrize("shape", [(2, 3, 4, 2), (1, 1, 1, 1), (1, 5, 2, 3)], ids=str)
def test_bilinear_up(shape):
    theirs = on_channels_first(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
    compare_with_torch(bilinear_up, theirs, [normal(*shape)], orders=1)


@pytest.mark.parametrize("shape", [(2, 4, 6, 2), (1, 2, 2, 1), (1, 8, 4, 3)], ids=str)
def test_bilinear_down(shape):
    compare_with_torch(bilinear_down, on_channels_first(padded_filter), [normal(*shape)], orders=1)


def test_bilinear_down_inside_is_pytorchs_antialiased_interpolation():
    """On the outermost pixels PyTorch divides the weights that are left by their sum: 3/7, 3/7, 1/7."""
    x = normal(1, 10, 12, 2)
    theirs = on_channels_first(
        lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False, antialias=True)
    )(torch.tensor(x)).numpy()
    ours = bilinear_down(x)
    np.testing.assert_allclose(ours[:, 1:-1, 1:-1], theirs[:, 1:-1, 1:-1], rtol=1e-12)
    assert np.abs(ours - theirs)[:, 0].max() > 1e-3


def test_minibatch_std():
    def theirs(x):
        groups = x.reshape(2, 3, -1)
        deviation = torch.sqrt(groups.var(1, unbiased=False) + 1e-8).mean(1)
        return torch.cat([x, deviation.repeat_interleave(3)[:, None, None, None].expand(6, 2, 3, 1)], dim=3)

    compare_with_torch(nn.MinibatchStd(3), theirs, [normal(6, 2, 3, 2)], orders=2)


def test_fourier_features():
    def theirs(x):
        parts = [g(torch.pi * 2**k * x) for g in (torch.sin, torch.cos) for k in range(3)]
        return torch.cat([x, *parts], dim=-1)

    compare_with_torch(nn.FourierFeatures(3), theirs, [normal(4, 2)], orders=2)


def test_pack_is_a_concatenation_of_every_mth_sample():
    compare_with_torch(
        lambda x: gan.pack(x, 3), lambda x: torch.cat([x[0::3], x[1::3], x[2::3]], dim=-1), [normal(6, 2, 2, 2)], 1
    )


def test_kl():
    D = torch.distributions

    def theirs(mean, log_variance):
        q = D.Normal(mean, torch.exp(0.5 * log_variance))
        return D.kl_divergence(q, D.Normal(torch.zeros_like(mean), torch.ones_like(mean))).sum(1)

    compare_with_torch(vae.kl, theirs, [normal(4, 3), normal(4, 3)], orders=2)


def test_likelihoods():
    D = torch.distributions
    x, y = normal(3, 2, 2, 1), normal(3, 2, 2, 1)
    compare_with_torch(
        lambda x, y: vae.gaussian(x, y, 0.7), lambda x, y: D.Normal(y, 0.7).log_prob(x).flatten(1).sum(1), [x, y], 2
    )
    pixels = np.random.default_rng(0).uniform(size=x.shape)
    compare_with_torch(
        lambda y: vae.bernoulli(pixels, y),
        lambda y: -F.binary_cross_entropy_with_logits(y, torch.tensor(pixels), reduction="none").flatten(1).sum(1),
        [y],
        2,
    )


def test_label_smoothing():
    smooth = gan.smooth_labels(gan.losses.non_saturating, 0.8)

    def theirs(real, fake):
        bce = F.binary_cross_entropy_with_logits
        return bce(real, torch.full_like(real, 0.8)) + bce(fake, torch.zeros_like(fake))

    compare_with_torch(
        lambda r, f: ops.reshape(smooth.critic(r, f), 1),
        lambda r, f: theirs(r, f)[None],
        [normal(5, 1), normal(5, 1)],
        2,
    )
