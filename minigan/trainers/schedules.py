"""Schedules of a run: functions of the configuration and the step alone, so that a resumed run needs no other state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import optim

if TYPE_CHECKING:
    from ..presets import Config

__all__ = ["betas", "critic_steps", "half_life", "lr_factor", "penalty_weight"]


def lr_factor(config: Config, step: int) -> float:
    """Return the factor of both learning rates; it falls from 1 to `config.lr_end`."""
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "burn_in":
        return optim.burn_in(step, config.steps, 1.0, config.lr_end, config.burn_in)
    fall = {"linear": optim.linear, "cosine": optim.cosine, "geometric": optim.geometric}[config.schedule]
    return fall(step, config.steps, 1.0, config.lr_end)


def penalty_weight(config: Config, step: int) -> float:
    """Return the weight of the penalty, lambda or gamma in the papers."""
    start, end = config.penalty_weight, config.penalty_weight_end
    if not end:
        return start
    fall = {"geometric": optim.geometric, "cosine": optim.cosine}[config.penalty_fall]
    return fall(step, config.burn_in * config.steps, start, end)


def betas(config: Config, step: int) -> tuple[float, float]:
    """Return Adam's decay rates of the first and the second moment."""
    if not config.beta2_end:
        return config.beta1, config.beta2
    return config.beta1, optim.burn_in(step, config.steps, config.beta2, config.beta2_end, config.burn_in)


def half_life(config: Config, step: int) -> float:
    """Return the half-life of the averaged generator, in steps."""
    full = config.ema * config.steps
    return optim.burn_in(step, config.steps, 0.0, full, config.burn_in) if config.burn_in else full


def critic_steps(config: Config, step: int) -> int:
    """Return the number of critic updates before the generator's update."""
    return 1 if step < config.first_phase * config.steps else config.critic_steps
