"""What decides a training run, and the presets that can be trained by name."""

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Literal

LOSSES = Literal["minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"]
PENALTIES = Literal["none", "gradient_penalty", "zero_centered", "r1", "r1_r2", "dragan", "clip"]


@dataclass(frozen=True)
class Config:
    """Every setting of a training run.  Two runs with equal settings on one machine are equal to the bit."""

    data: str = "mnist-10k"
    """A named data set (mnist-10k, digits-8x8, stacked-mnist-10k, mnist, fashion-mnist, kmnist, cifar-10,
    stacked-mnist), or the path of an IDX, .npy or .npz file or of a folder of images."""
    steps: int = 5000
    """Generator updates."""
    batch_size: int = 64
    """Samples in each update."""
    seed: int = 0
    """Decides the weights, the order of the data and the noise."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    threads: int = 0
    """Threads for products of matrices; 0 is as many as there are cores. Small networks gain nothing from a second."""

    model: Literal["dcgan", "dense"] = "dcgan"
    """Convolutional or fully connected networks."""
    conditional: bool = False
    """Tell both networks the class of each sample; needs labelled data."""
    latent: int = 100
    """Numbers in the noise vector z."""
    generator_width: int = 64
    """Channels before the generator's last layer (dcgan), or units in a hidden layer (dense)."""
    critic_width: int = 64
    """Channels after the critic's first layer (dcgan), or units in a hidden layer (dense)."""
    kernel: int = 5
    """Side of the convolution kernels (dcgan)."""
    refine: bool = False
    """Add a stride-1 layer on the generator's smallest map (dcgan)."""
    generator_slope: float = 0.2
    """Slope of the generator's leaky ReLU; 0 is ReLU."""
    critic_norm: bool = False
    """Batch norm in the critic (dcgan); not with a gradient penalty."""
    spectral: bool = False
    """Spectral normalisation of the critic (dcgan)."""
    dropout: float = 0.0
    """Share of the critic's activations that training sets to 0 (dcgan)."""

    loss: LOSSES = "non_saturating"
    """The two-player objective."""
    label_smoothing: float = 0.0
    """How far below 1 the label of real samples lies (minimax and non_saturating)."""
    augment: str = ""
    """What both real and generated images go through before the critic: color, translation, cutout, by commas."""
    instance_noise: float = 0.0
    """Deviation of the noise added to all that the critic sees, falling to 0 over the run."""
    penalty: PENALTIES = "none"
    """What holds the critic's slope."""
    penalty_weight: float = 10.0
    """lambda or gamma of the penalty; the limit of the weights for clip."""
    penalty_interval: int = 1
    """Compute the penalty at every k-th critic step, times k."""
    critic_steps: int = 1
    """Critic updates for each generator update."""

    optimizer: Literal["adam", "rmsprop"] = "adam"
    """For both networks."""
    generator_lr: float = 2e-4
    """Learning rate of the generator."""
    critic_lr: float = 2e-4
    """Learning rate of the critic."""
    beta1: float = 0.5
    """Adam's first moment decay."""
    beta2: float = 0.999
    """Adam's second moment decay."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How both learning rates fall to 0 over the run."""
    ema: float = 0.0
    """Half-life of the averaged generator, as a share of the run; samples come from the average.  0 is no average."""

    def check(self):
        """ValueError if a setting is out of range or two contradict each other."""
        for name in (
            "steps",
            "batch_size",
            "latent",
            "generator_width",
            "critic_width",
            "kernel",
            "penalty_interval",
            "critic_steps",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        self._check_numbers()
        if self.critic_norm and self.penalty not in ("none", "clip"):
            raise ValueError(f"critic_norm couples the samples of a batch, so it cannot go with penalty={self.penalty}")
        if self.model == "dense" and (self.critic_norm or self.refine or self.dropout or self.spectral):
            raise ValueError("critic_norm, spectral, refine and dropout belong to model=dcgan")
        if self.label_smoothing and self.loss not in ("minimax", "non_saturating"):
            raise ValueError(f"label_smoothing belongs to the losses minimax and non_saturating, got loss={self.loss}")
        if not 0 <= self.label_smoothing < 0.5:
            raise ValueError(f"label_smoothing must lie in [0, 0.5), got {self.label_smoothing}")
        if self.instance_noise < 0:
            raise ValueError(f"instance_noise must be at least 0, got {self.instance_noise}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema is a share of the run, in [0, 1), got {self.ema}")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1, got {self.seed}")

    def _check_numbers(self):
        for name in ("generator_lr", "critic_lr", "penalty_weight"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("beta1", "beta2", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        if not 0 <= self.generator_slope <= 1:
            raise ValueError(f"generator_slope must lie in [0, 1], got {self.generator_slope}")
        if self.threads < 0:
            raise ValueError(f"threads must be at least 0, got {self.threads}")


@dataclass(frozen=True)
class Preset:
    """A named configuration, with a line on what it is and where it comes from."""

    config: Config
    about: str


_WGAN_GP = Config(
    steps=2000, refine=True, loss="wasserstein", penalty="gradient_penalty", penalty_weight=10.0, critic_steps=5,
    generator_lr=1e-4, critic_lr=1e-4, beta2=0.9, dropout=0.3,
)  # fmt: skip

PRESETS = {
    "digits": Preset(
        Config(
            steps=4000, batch_size=32, conditional=True, latent=64, generator_width=16, critic_width=16, kernel=4,
            threads=1,
            generator_slope=0.0, critic_norm=True, generator_lr=1e-3, critic_lr=1e-3, beta2=0.99, schedule="linear",
            ema=0.03,
        ),
        "the default: a small class-conditional DCGAN, projection critic, averaged generator; "
        "about a minute on two cores",
    ),
    "dcgan-28-wgan-gp": Preset(
        _WGAN_GP,
        "DCGAN of 28x28 images as a Wasserstein GAN with gradient penalty (Gulrajani et al. 2017)",
    ),
    "dcgan": Preset(
        Config(steps=3000, refine=True, beta2=0.999),
        "DCGAN with the non-saturating loss (Radford et al. 2015)",
    ),
    "dcgan-bn": Preset(
        Config(steps=3000, refine=True, critic_norm=True),
        "DCGAN with batch norm in the discriminator too, as in the paper",
    ),
    "sngan": Preset(
        Config(steps=3000, refine=True, spectral=True, loss="hinge"),
        "DCGAN with a spectrally normalised critic and the hinge loss (Miyato et al. 2018)",
    ),
    "wgan": Preset(
        dataclasses.replace(
            _WGAN_GP, penalty="clip", penalty_weight=0.01, dropout=0.0, optimizer="rmsprop",
            generator_lr=5e-5, critic_lr=5e-5,
        ),
        "DCGAN as a Wasserstein GAN with clipped weights (Arjovsky et al. 2017)",
    ),
    "dense-128": Preset(
        Config(steps=20000, model="dense", generator_width=128, critic_width=128, beta1=0.5),
        "two hidden layers of 128: the smallest GAN that draws digits (Goodfellow et al. 2014)",
    ),
    "dense-1024": Preset(
        Config(steps=5000, model="dense", generator_width=1024, critic_width=1024, beta1=0.5),
        "two hidden layers of 1024",
    ),
}  # fmt: skip
DEFAULT = "digits"


def preset(name):
    """The Config of a preset; ValueError with the nearest name if there is none."""
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"unknown preset {name!r}; {hint}There are: {', '.join(PRESETS)}")
    return PRESETS[name].config
