"""What decides a training run."""

import math
from dataclasses import asdict, dataclass
from typing import Literal

from ..data.mixtures import POINTS

LOSSES = Literal["minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"]
PENALTIES = Literal["none", "gradient_penalty", "zero_centered", "r1", "r1_r2", "dragan", "clip"]


@dataclass(frozen=True)
class Config:
    """Every setting of a training run.  Two runs with equal settings on one machine are equal to the bit."""

    data: str = "mnist-10k"
    """Images: mnist-10k, digits-8x8, stacked-mnist-10k, mnist, fashion-mnist, kmnist, cifar-10,
    stacked-mnist, or the path of an IDX, .npy or .npz file or of a folder of images.
    Points in the plane without end: ring, grid, swissroll, 8gaussians, 25gaussians."""
    size: int = 0
    """Side to which images are resized; 0 leaves them as they are."""
    channels: Literal[0, 1, 3] = 0
    """1 makes images gray, 3 RGB; 0 leaves them as they are."""
    held_out: int = 0
    """Samples kept out of training, for a test phase that only looks at the losses."""
    test_interval: int = 100
    """Test on held-out samples every k steps."""
    steps: int = 5000
    """Generator updates."""
    batch_size: int = 64
    """Samples in each update."""
    seed: int = 0
    """Decides the weights, the order of the data and the noise."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes a GPU if one works. cuda needs: pip install "minigan[cuda13]" (or cuda12)."""
    precision: Literal["fp32", "tf32"] = "fp32"
    """Of products on a GPU; tf32 is faster and rounds their factors to 10 bits of mantissa."""
    threads: int = 0
    """Threads for products of matrices; 0 is as many as there are cores. Small networks gain nothing from a second."""
    summary_interval: int = 0
    """Write TensorBoard summaries every k steps; 0 is never. Needs: pip install "minigan[tensorboard]"."""
    keep_last: int = 2
    """How many of the newest checkpoints to keep."""
    keep_every: int = 0
    """Save a checkpoint every k steps too, and keep it; 0 is never."""
    on_nan: Literal["stop", "rollback"] = "stop"
    """When a number is no longer one: stop, or go back to the newest checkpoint and halve both learning rates."""

    model: Literal["dcgan", "dense", "residual", "unet", "vae"] = "dcgan"
    """Convolutional, fully connected or residual networks; from image to image (unet); an autoencoder (vae)."""
    task: Literal["color", "edges"] = "color"
    """What to make of an image: colors from gray, or an image from its edges (unet)."""
    adversary: bool = True
    """Train against a critic of patches; without it by the distance to the target alone (unet)."""
    l1_weight: float = 100.0
    """Weight of the mean absolute distance to the target beside the generator's loss (unet)."""
    sigma: float = 0.3
    """Deviation of the pixels about the decoder's mean; with output=sigmoid they are Bernoulli instead (vae)."""
    conditional: bool = False
    """Tell both networks the class of each sample; needs labelled data."""
    conditioning: Literal["projection", "concatenation"] = "projection"
    """How a conditional critic learns of the class: a product with its features, or as a part of its input."""
    latent: int = 100
    """Numbers in the noise vector z."""
    generator_width: int = 64
    """Channels before the generator's last layer (dcgan, residual, vae) or after its first (unet), or units in a hidden
    layer (dense)."""
    critic_width: int = 64
    """Channels after the critic's first layer (dcgan, residual, unet), or units in a hidden layer (dense)."""
    depth: int = 2
    """Hidden layers (dense), residual blocks at each size (residual), or halvings of the sides (unet)."""
    generator_depth: int = 0
    """Hidden layers of the generator where they are not as many as the critic's; 0 is depth (dense)."""
    kernel: int = 5
    """Side of the convolution kernels (dcgan, vae)."""
    refine: bool = False
    """Add a stride-1 layer on the generator's smallest map (dcgan)."""
    generator_slope: float = 0.2
    """Slope of the generator's leaky ReLU; 0 is ReLU."""
    output: Literal["tanh", "sigmoid", "linear"] = "tanh"
    """The generator's last activation. Images are trained on in [0, 1] with sigmoid, in [-1, 1] otherwise."""
    octaves: int = 0
    """Octaves of Fourier features that the critic sees beside its input (dense)."""
    critic_norm: bool = False
    """Batch norm in the critic (dcgan, unet); not with a gradient penalty."""
    spectral: bool = False
    """Spectral normalisation of the critic (dcgan, dense)."""
    minibatch_std: bool = False
    """Tell the critic how much the samples of a batch differ (dcgan); not with a gradient penalty."""
    dropout: float = 0.0
    """Share of the critic's activations that training sets to 0 (dcgan)."""
    packing: int = 1
    """Samples that the critic judges together (PacGAN)."""

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
    penalty_weight_end: float = 0.0
    """What penalty_weight goes to over the burn-in; 0 keeps it."""
    penalty_fall: Literal["geometric", "cosine"] = "geometric"
    """How it goes there: by equal factors, or along a cosine."""
    drift: float = 0.0
    """Weight of the variance of the critic's scores, without which modes far apart trade mass in circles."""
    penalty_interval: int = 1
    """Compute the penalty at every k-th critic step, times k."""
    critic_steps: int = 1
    """Critic updates for each generator update."""
    first_phase: float = 0.0
    """Share of the run in which both networks take turns; only then does the critic take its critic_steps."""

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
    beta2_end: float = 0.0
    """What beta2 goes to over the burn-in, along a cosine; 0 keeps it."""
    schedule: Literal["constant", "linear", "cosine", "geometric", "burn_in"] = "constant"
    """How both learning rates fall: not at all, over the run, or along a cosine over the burn-in; geometric: by the
    same factor at every step."""
    lr_end: float = 0.0
    """What they fall to, as a share of themselves."""
    ema: float = 0.0
    """Half-life of the averaged generator, as a share of the run; samples come from the average.  0 is no average."""
    burn_in: float = 0.0
    """Share of the run over which penalty_weight and beta2 go to their ends and ema's half-life rises from 0."""

    def check(self):
        """ValueError if a setting is out of range, has no effect, or contradicts another."""
        self._check_ranges()
        if self.precision != "fp32" and self.device == "cpu":
            raise ValueError(f"precision {self.precision} is for a GPU, got device=cpu")
        self._check_model()
        self._check_points()
        self._check_critic()
        self._check_packing()
        self._check_schedules()

    def _check_ranges(self):
        for names, fits, expected in _RANGES:
            for name in names.split():
                if not fits(getattr(self, name)):
                    raise ValueError(f"{name} {expected}, got {getattr(self, name)}")

    def _check_model(self):
        for name, models in BELONGS.items():
            if self.model not in models and getattr(self, name) != getattr(Config, name):
                raise ValueError(f"{name} belongs to model={' or '.join(models)}, got model={self.model}")
        if self.conditioning != Config.conditioning and not self.conditional:
            raise ValueError(f"conditioning={self.conditioning} needs conditional")
        if self.model == "unet" and not self.held_out:
            raise ValueError("model=unet needs held_out, for its pictures show translations of unseen images")
        if self.model == "unet" and self.output == "sigmoid":
            raise ValueError("model=unet trains on images in [-1, 1]: it needs output=tanh or linear, got sigmoid")
        if self.model == "vae" and self.output == "linear":
            raise ValueError("model=vae needs output=tanh, for Gaussian pixels, or output=sigmoid, for Bernoulli ones")

    def _check_points(self):
        if self.data not in POINTS:
            return
        if self.model != "dense" or self.output != "linear":
            raise ValueError(
                f"points in the plane (data={self.data}) need model=dense and output=linear, "
                f"got model={self.model} and output={self.output}"
            )
        for name in ("size", "channels", "augment", "conditional"):
            if getattr(self, name):
                raise ValueError(f"{name} is for images, and data={self.data} gives points in the plane")

    def _check_critic(self):
        for name in ("critic_norm", "minibatch_std"):
            if getattr(self, name) and self.penalty not in ("none", "clip"):
                raise ValueError(f"{name} couples the samples of a batch, so it cannot go with penalty={self.penalty}")
            if getattr(self, name) and self.drift:
                raise ValueError(f"{name} couples the samples of a batch, so it cannot go with drift={self.drift:g}")
        if self.label_smoothing and self.loss not in ("minimax", "non_saturating"):
            raise ValueError(f"label_smoothing belongs to the losses minimax and non_saturating, got loss={self.loss}")
        if self.first_phase and self.critic_steps == 1:
            raise ValueError("first_phase needs critic_steps above 1, or the second phase would be like the first")

    def _check_packing(self):
        for name in ("batch_size", "held_out"):
            if getattr(self, name) % self.packing:
                raise ValueError(f"packing {self.packing} must divide {name}, got {getattr(self, name)}")
        if self.packing > 1 and self.conditional:
            raise ValueError("packing cannot go with conditional: each sample of a pack has a label of its own")
        if self.packing > 1 and self.augment:
            raise ValueError("packing cannot go with augment: a pack would be transformed as if it were one image")

    def _check_schedules(self):
        asked = [name for name in ("penalty_weight_end", "beta2_end") if getattr(self, name)]
        asked += ["schedule=burn_in"] if self.schedule == "burn_in" else []
        if asked and not self.burn_in:
            raise ValueError(f"{asked[0]} needs burn_in, the share of the run that it takes")
        if self.burn_in and not (asked or self.ema):
            raise ValueError("burn_in has no effect without penalty_weight_end, beta2_end, schedule=burn_in or ema")
        if self.penalty_weight_end and self.penalty == "none":
            raise ValueError("penalty_weight_end needs a penalty, got penalty=none")
        if self.beta2_end and self.optimizer != "adam":
            raise ValueError(f"beta2_end belongs to optimizer=adam, got optimizer={self.optimizer}")
        if self.lr_end and self.schedule == "constant":
            raise ValueError("lr_end needs a schedule by which the learning rates fall, got schedule=constant")
        if self.schedule == "geometric" and not self.lr_end:
            raise ValueError("schedule=geometric needs lr_end above 0, which equal factors never reach")


def deciding(config):
    """{name: value} of all settings but those that only say what is saved, and what follows a failure."""
    return {name: value for name, value in asdict(config).items() if name not in ("keep_last", "keep_every", "on_nan")}


_RANGES = (
    (
        "steps batch_size latent generator_width critic_width depth kernel packing penalty_interval critic_steps "
        "test_interval keep_last",
        lambda value: value >= 1,
        "must be at least 1",
    ),
    (
        "size held_out threads summary_interval keep_every generator_depth octaves instance_noise penalty_weight_end "
        "drift",
        lambda value: 0 <= value < math.inf,
        "must be at least 0",
    ),
    (
        "generator_lr critic_lr penalty_weight l1_weight sigma",
        lambda value: 0 < value < math.inf,
        "must be a positive number",
    ),
    ("beta1 beta2 beta2_end dropout", lambda value: 0 <= value < 1, "must lie in [0, 1)"),
    ("generator_slope lr_end", lambda value: 0 <= value <= 1, "must lie in [0, 1]"),
    ("label_smoothing", lambda value: 0 <= value < 0.5, "must lie in [0, 0.5)"),
    ("ema first_phase", lambda value: 0 <= value < 1, "is a share of the run, in [0, 1)"),
    ("burn_in", lambda value: 0 <= value <= 1, "is a share of the run, in [0, 1]"),
    ("seed", lambda value: 0 <= value < 2**64, "must be from 0 to 2**64 - 1"),
)
_GANS = ("dcgan", "dense", "residual")
_OF_GANS = (
    "conditional label_smoothing augment instance_noise packing penalty penalty_weight penalty_interval critic_steps "
    "drift first_phase optimizer beta2_end ema"
)
BELONGS = {
    **dict.fromkeys(_OF_GANS.split(), _GANS),
    **dict.fromkeys(["loss", "critic_width", "critic_lr"], (*_GANS, "unet")),
    "latent": (*_GANS, "vae"),
    **dict.fromkeys(["task", "adversary", "l1_weight"], ("unet",)),
    "sigma": ("vae",),
    "kernel": ("dcgan", "vae"),
    "refine": ("dcgan",),
    "critic_norm": ("dcgan", "unet"),
    "spectral": ("dcgan", "dense"),
    "minibatch_std": ("dcgan",),
    "dropout": ("dcgan",),
    "octaves": ("dense",),
    "depth": ("dense", "residual", "unet"),
    "generator_depth": ("dense",),
}  # any other model would ignore them
