"""What changes during a run: each a function of the configuration and the step, so that a resumed run needs no more."""

from .. import optim


def lr_factor(config, step):
    """By which both learning rates are multiplied: from 1 to `lr_end`."""
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "burn_in":
        return optim.burn_in(step, config.steps, 1.0, config.lr_end, config.burn_in)
    fall = {"linear": optim.linear, "cosine": optim.cosine, "geometric": optim.geometric}[config.schedule]
    return fall(step, config.steps, 1.0, config.lr_end)


def penalty_weight(config, step):
    """lambda, or gamma."""
    start, end = config.penalty_weight, config.penalty_weight_end
    if not end:
        return start
    fall = {"geometric": optim.geometric, "cosine": optim.cosine}[config.penalty_fall]
    return fall(step, config.burn_in * config.steps, start, end)


def betas(config, step):
    """Adam's."""
    if not config.beta2_end:
        return config.beta1, config.beta2
    return config.beta1, optim.burn_in(step, config.steps, config.beta2, config.beta2_end, config.burn_in)


def half_life(config, step):
    """Of the averaged generator, in steps."""
    full = config.ema * config.steps
    return optim.burn_in(step, config.steps, 0.0, full, config.burn_in) if config.burn_in else full


def critic_steps(config, step):
    """Critic updates before the generator's."""
    return 1 if step < config.first_phase * config.steps else config.critic_steps
