"""The configuration of a training run."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from ..data.mixtures import POINTS
from ..gan import losses
from . import fields
from .fields import Count, Extensible, Fraction, Mark, NonNegative, Positive, Range, UsedBy, Whole
from .penalties import PENALTIES

__all__ = ["BELONGS", "Config", "deciding"]

if TYPE_CHECKING:
    LossName: TypeAlias = str
    PenaltyName: TypeAlias = str
else:  # the command line shows these choices and refuses others
    LossName = Literal[tuple(losses.ALL)]
    PenaltyName = Literal[("none", *PENALTIES, "clip")]

_GANS = UsedBy("dcgan", "dense", "residual")
_ADVERSARIAL = UsedBy("dcgan", "dense", "residual", "unet")
_FRACTION_OF_RUN = Range(lambda value: 0 <= value < 1, "is a fraction of the run, in [0, 1)")
_UP_TO_1 = Range(lambda value: 0 <= value <= 1, "must lie in [0, 1]")


@dataclass(frozen=True)
class Config:
    """Every setting of a training run. Two runs with equal settings on one machine are equal to the bit."""

    data: str = "mnist-10k"
    """Data set. Images in the package: mnist-10k, digits-8x8, stacked-mnist-10k.
    Images to download first: mnist, fashion-mnist, kmnist, cifar-10, stacked-mnist.
    Images of your own: the path of an IDX, .npy or .npz file, or of a folder.
    Points in the plane, drawn anew for every batch: ring, grid, swissroll, 8gaussians, 25gaussians."""
    size: Whole = 0
    """Side to which images are resized, in pixels; 0 keeps their size."""
    channels: Literal[0, 1, 3] = 0
    """1 converts images to gray, 3 to RGB; 0 keeps their channels."""
    held_out: Whole = 0
    """Number of samples that are excluded from training, to measure the losses on them."""
    test_interval: Count = 100
    """Steps from one test on held-out samples to the next."""
    steps: Count = 5000
    """Length of the run: the number of generator updates."""
    batch_size: Count = 64
    """Number of samples in each update."""
    seed: Annotated[int, Range(lambda value: 0 <= value < 2**64, "must be from 0 to 2**64 - 1")] = 0
    """Seed of the initial weights, the order of the data and the noise."""
    device: Annotated[Literal["auto", "cpu", "cuda"], Extensible()] = "auto"
    """Device to compute on; auto takes a GPU if one works. cuda needs CuPy, in a clone: pip install ".[cuda13]"."""
    precision: Literal["fp32", "tf32"] = "fp32"
    """Precision of matrix products on a GPU; tf32 is faster and rounds the factors to 10 bits of mantissa."""
    threads: Whole = 0
    """Number of threads for matrix products; 0 takes all cores. Small networks are no faster with more than one."""
    summary_interval: Annotated[Whole, Mark.CHANGEABLE] = 0
    """Steps between TensorBoard summaries; 0 writes none. They need, in a clone: pip install ".[tensorboard]"."""
    keep_last: Annotated[Count, Mark.CHANGEABLE] = 2
    """Number of newest checkpoints to keep."""
    keep_every: Annotated[Whole, Mark.CHANGEABLE] = 0
    """Also save a checkpoint every k steps, and keep it; 0 saves none of these."""
    on_nan: Annotated[Literal["stop", "rollback"], Mark.CHANGEABLE] = "stop"
    """On NaN or infinity: stop, or restore the newest checkpoint and halve both learning rates."""

    model: Literal["dcgan", "dense", "residual", "unet", "vae"] = "dcgan"
    """GAN of convolutional networks (dcgan), fully connected ones (dense) or residual ones (residual);
    image-to-image translation (unet); variational autoencoder (vae)."""
    task: Annotated[Literal["color", "edges"], UsedBy("unet")] = "color"
    """Translation to learn: from gray images to colors, or from edges to images (unet)."""
    adversary: Annotated[bool, UsedBy("unet")] = True
    """Train against a critic of image patches; without it, only the distance to the target is minimised (unet)."""
    l1_weight: Annotated[Positive, UsedBy("unet")] = 100.0
    """Weight of the mean absolute distance to the target in the generator's loss (unet)."""
    sigma: Annotated[Positive, UsedBy("vae")] = 0.3
    """Standard deviation of the pixels given the latent vector, unless a sigmoid output makes them Bernoulli (vae)."""
    conditional: Annotated[bool, _GANS] = False
    """Give both networks the class of each sample; needs labelled data (dcgan, dense, residual)."""
    conditioning: Literal["projection", "concatenation"] = "projection"
    """How a conditional critic uses the class: in an inner product with its features, or as a part of its input."""
    latent: Annotated[Count, UsedBy("dcgan", "dense", "residual", "vae")] = 100
    """Length of the noise vector z (dcgan, dense, residual, vae)."""
    generator_width: Count = 64
    """Channels before the generator's last layer (dcgan, residual, vae) or after its first (unet);
    units in a hidden layer (dense)."""
    critic_width: Annotated[Count, _ADVERSARIAL] = 64
    """Channels after the critic's first layer (dcgan, residual, unet), or units in a hidden layer (dense)."""
    depth: Annotated[Count, UsedBy("dense", "residual", "unet")] = 2
    """Hidden layers (dense), residual blocks at each size (residual), or halvings of the image's sides (unet)."""
    generator_depth: Annotated[Whole, UsedBy("dense")] = 0
    """Number of hidden layers of the generator; 0 uses depth, as the critic always does (dense)."""
    kernel: Annotated[Count, UsedBy("dcgan", "vae")] = 5
    """Side of the convolution kernels, in pixels (dcgan, vae)."""
    refine: Annotated[bool, UsedBy("dcgan")] = False
    """Add a stride-1 layer on the generator's smallest feature map (dcgan)."""
    generator_slope: Annotated[float, _UP_TO_1] = 0.2
    """Negative slope of the leaky ReLU in the generator of a GAN; 0 is ReLU."""
    output: Literal["tanh", "sigmoid", "linear"] = "tanh"
    """Last activation of the generator. Images are scaled to [0, 1] for sigmoid and to [-1, 1] otherwise."""
    octaves: Annotated[Whole, UsedBy("dense")] = 0
    """Octaves of Fourier features that the critic gets beside its input (dense)."""
    critic_norm: Annotated[bool, UsedBy("dcgan", "unet")] = False
    """Use batch norm in the critic; cannot be combined with a gradient penalty (dcgan, unet)."""
    spectral: Annotated[bool, UsedBy("dcgan", "dense")] = False
    """Use spectral normalisation in the critic (dcgan, dense)."""
    minibatch_std: Annotated[bool, UsedBy("dcgan")] = False
    """Show the critic the standard deviation within the batch; cannot be combined with a gradient penalty (dcgan)."""
    dropout: Annotated[Fraction, UsedBy("dcgan")] = 0.0
    """Fraction of the critic's activations that training sets to 0 (dcgan)."""
    packing: Annotated[Count, _GANS] = 1
    """Number of samples that the critic judges together, as in PacGAN (dcgan, dense, residual)."""

    loss: Annotated[LossName, _ADVERSARIAL] = "non_saturating"
    """Losses of generator and critic (dcgan, dense, residual, unet)."""
    label_smoothing: Annotated[float, Range(lambda value: 0 <= value < 0.5, "must lie in [0, 0.5)"), _GANS] = 0.0
    """Distance of real samples' target below 1; for minimax and non_saturating (dcgan, dense, residual)."""
    augment: Annotated[str, _GANS] = ""
    """Random transformations of images before the critic, separated by commas: color (which is brightness, saturation
    and contrast, each also by itself), translation, cutout (dcgan, dense, residual)."""
    instance_noise: Annotated[NonNegative, _GANS, Mark.RELATIVE] = 0.0
    """Standard deviation of noise on the critic's input, which falls to 0 over the run (dcgan, dense, residual)."""
    penalty: Annotated[PenaltyName, _GANS] = "none"
    """Gradient penalty of the critic, or clip for weight clipping (dcgan, dense, residual)."""
    penalty_weight: Annotated[Positive, _GANS] = 10.0
    """Weight of the penalty, lambda or gamma; for clip, the bound of the weights (dcgan, dense, residual)."""
    penalty_weight_end: NonNegative = 0.0
    """Value that the weight of the penalty approaches over the burn-in; 0 keeps it constant."""
    penalty_fall: Literal["geometric", "cosine"] = "geometric"
    """How the weight of the penalty approaches its final value: by the same factor at every step, or along a cosine."""
    drift: Annotated[NonNegative, _GANS] = 0.0
    """Weight of a penalty on the variance of the critic's scores (dcgan, dense, residual).
    It damps oscillation between distant modes."""
    penalty_interval: Annotated[Count, _GANS] = 1
    """Compute the penalty at every k-th critic update only, times k (dcgan, dense, residual)."""
    critic_steps: Annotated[Count, _GANS] = 1
    """Number of critic updates for each generator update (dcgan, dense, residual)."""
    first_phase: Annotated[float, _FRACTION_OF_RUN, _GANS, Mark.RELATIVE] = 0.0
    """Fraction of the run, from its start, with one critic update per generator update (dcgan, dense, residual)."""

    optimizer: Annotated[Literal["adam", "rmsprop"], _GANS] = "adam"
    """Optimizer of both networks (dcgan, dense, residual)."""
    generator_lr: Positive = 2e-4
    """Learning rate of the generator."""
    critic_lr: Annotated[Positive, _ADVERSARIAL] = 2e-4
    """Learning rate of the critic (dcgan, dense, residual, unet)."""
    beta1: Fraction = 0.5
    """Adam's decay rate of the first moment."""
    beta2: Fraction = 0.999
    """Adam's decay rate of the second moment."""
    beta2_end: Annotated[Fraction, _GANS] = 0.0
    """Value that beta2 approaches over the burn-in, along a cosine; 0 keeps it constant (dcgan, dense, residual)."""
    schedule: Annotated[Literal["constant", "linear", "cosine", "geometric", "burn_in"], Mark.RELATIVE] = "constant"
    """How both learning rates fall over the run; geometric: by the same factor at every step.
    burn_in: along a cosine, over the burn-in."""
    lr_end: Annotated[float, _UP_TO_1] = 0.0
    """Final learning rate as a fraction of the initial one."""
    ema: Annotated[float, _FRACTION_OF_RUN, _GANS, Mark.RELATIVE] = 0.0
    """Half-life of the averaged generator, as a fraction of the run; 0 turns it off (dcgan, dense, residual).
    If it is on, samples are drawn from the averaged generator."""
    burn_in: Annotated[
        float, Range(lambda value: 0 <= value <= 1, "is a fraction of the run, in [0, 1]"), Mark.RELATIVE
    ] = 0.0
    """Fraction of the run, from its start, after which the weight of the penalty, beta2 and the half-life of the
    averaged generator have their final values. With the schedule burn_in the learning rates do so too."""

    def check(self) -> None:
        """Check every setting.

        Raises:
            ValueError: If a setting is out of range, has no effect, or contradicts another one.
        """
        fields.verify(self)
        if self.precision != "fp32" and self.device == "cpu":
            raise ValueError(f"precision {self.precision} is for a GPU, got device=cpu")
        self._check_model()
        self._check_points()
        self._check_critic()
        self._check_packing()
        self._check_schedules()

    def _check_model(self):
        for name, models in BELONGS.items():
            if self.model not in models and getattr(self, name) != getattr(Config, name):
                raise ValueError(f"{name} belongs to model={' or '.join(models)}, got model={self.model}")
        if self.conditioning != Config.conditioning and not self.conditional:
            raise ValueError(f"conditioning={self.conditioning} needs conditional")
        if self.model == "unet" and not self.held_out:
            raise ValueError("model=unet needs held_out, because its pictures show translations of unseen images")
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
            raise ValueError(f"{asked[0]} needs burn_in, the fraction of the run that it takes")
        if self.burn_in and not (asked or self.ema):
            raise ValueError("burn_in has no effect without penalty_weight_end, beta2_end, schedule=burn_in or ema")
        if self.penalty_weight_end and self.penalty == "none":
            raise ValueError("penalty_weight_end needs a penalty, got penalty=none")
        if self.beta2_end and self.optimizer != "adam":
            raise ValueError(f"beta2_end belongs to optimizer=adam, got optimizer={self.optimizer}")
        if self.lr_end and self.schedule == "constant":
            raise ValueError("lr_end needs a schedule by which the learning rates fall, got schedule=constant")
        if self.schedule == "geometric" and not self.lr_end:
            raise ValueError("schedule=geometric needs lr_end above 0, because equal factors never reach 0")


def deciding(config: Config) -> dict[str, Any]:
    """Return {name: value} of the settings on which the result of the training depends.

    Settings that only say which checkpoints are kept, or what to do after a failure, are left out.
    """
    return {name: value for name, value in asdict(config).items() if name not in ("keep_last", "keep_every", "on_nan")}


BELONGS: dict[str, tuple[str, ...]] = {name: used.models for name, used in fields.metadata(Config, UsedBy).items()}
"""{field: the models that use it}, for fields that not every model uses."""
