"""Errors seen in public GAN code: one small change of minigan each, and the test that each does not survive.

`python tests/support/mutants.py` prints the table of README.md.
"""

from planting import Mutant

PENALTIES, PENALTY_TESTS = "gan.penalties", "tests/gan/test_penalties.py::test_"
GAME, GAME_TESTS = "gan.game", "tests/gan/test_game.py::test_"
DESCENT = "gan.descent"
LOSSES, LOSS_TESTS = "gan.losses", "tests/gan/test_losses.py::test_"
SPECTRAL, SPECTRAL_TESTS = "nn.spectral", "tests/nn/test_spectral_norm.py::test_"
TRAINER, TRAINER_TESTS = "trainers.gan", "tests/runs/test_trainer_step.py::test_"

# What more than one mutant changes.
NORM = "ops.norm(ops.flatten(input_gradient(critic, x)), axis=1)"
WEIGHT = "rng.uniform((len(real),) + (1,) * (real.ndim - 1), dtype=real.dtype)"
POINTS = "norms = _norms(critic, _between(real, fake, rng))"
TOTAL = "grad(sum(others, first), parameters)"
PENALTY = "penalty if self.penalty_interval == 1 else penalty * float(self.penalty_interval)"
GENERATOR_LOSS = "self.loss.generator(critic(fake), real_logits)"

MUTANTS = [
    Mutant(
        1, "norm over the channel axis",
        PENALTIES, ["_norms"], [(NORM, "ops.norm(input_gradient(critic, x), axis=-1)")],
        PENALTY_TESTS + "gradient_penalty_of_a_quadratic_critic",
    ),
    Mutant(
        1, "norm of the whole batch",
        PENALTIES, ["_norms"], [(NORM, "ops.norm(input_gradient(critic, x))")],
        PENALTY_TESTS + "gradient_penalty_of_a_quadratic_critic",
    ),
    Mutant(
        2, "interpolation weight drawn for each pixel",
        PENALTIES, ["_between"], [(WEIGHT, "rng.uniform(real.shape, dtype=real.dtype)")],
        PENALTY_TESTS + "every_sample_has_one_weight_of_its_own",
    ),
    Mutant(
        2, "one interpolation weight for the whole batch",
        PENALTIES, ["_between"], [(WEIGHT, "rng.uniform((1,) * real.ndim, dtype=real.dtype)")],
        PENALTY_TESTS + "every_sample_has_one_weight_of_its_own",
    ),
    Mutant(
        2, "normal interpolation weights",
        PENALTIES, ["_between"], [(WEIGHT, WEIGHT.replace("uniform", "normal"))],
        PENALTY_TESTS + "the_weights_are_uniform_on_the_unit_interval",
    ),
    Mutant(
        3, "gradient in the real samples, not in the points between",
        PENALTIES, ["gradient_penalty"],
        [(
            POINTS,
            'real, fake = _leaf(real), constant(fake, "fake").data\n'
            "    e = rng.uniform((len(fake),) + (1,) * (fake.ndim - 1), dtype=fake.dtype)\n"
            "    norms = _norms(lambda real: critic(real * e + fake * (1 - e)), real)",
        )],
        PENALTY_TESTS + "gradient_penalty_of_a_linear_critic",
    ),
    Mutant(
        3, "gradient in the generated samples, not in the points between",
        PENALTIES, ["gradient_penalty"],
        [(
            POINTS,
            'real, fake = constant(real, "real").data, _leaf(fake)\n'
            "    e = rng.uniform((len(fake.data),) + (1,) * (fake.ndim - 1), dtype=fake.dtype)\n"
            "    norms = _norms(lambda fake: critic(fake * (1 - e) + real * e), fake)",
        )],
        PENALTY_TESTS + "gradient_penalty_of_a_linear_critic",
    ),
    Mutant(
        4, "gradient in the critic's weights, not in its input",
        PENALTIES, ["gradient_penalty"],
        [(
            POINTS,
            "logits = critic(_between(real, fake, rng))\n"
            "    found = grad(logits.sum(), critic.parameters(), create_graph=True)\n"
            "    norms = sum((g * g).sum() for g in found) ** 0.5",
        )],
        PENALTY_TESTS + "gradient_penalty_of_a_linear_critic",
    ),
    Mutant(
        5, "input gradient without a graph: the penalty is right, its derivative 0",
        PENALTIES, ["input_gradient"], [("create_graph=True, ", "")],
        PENALTY_TESTS + "a_penalty_works_under_no_grad_and_in_float32",
    ),
    Mutant(
        6, "penalty computed and reported, never added",
        DESCENT, ["gradients_of"], [(TOTAL, "grad(first, parameters)")],
        GAME_TESTS + "a_critic_step_is_one_step_down_the_loss_and_the_penalty_together",
    ),
    Mutant(
        7, "only the penalty differentiated, the loss forgotten",
        DESCENT, ["gradients_of"], [(TOTAL, 'grad(terms.get("penalty", first), parameters)')],
        GAME_TESTS + "a_critic_step_is_one_step_down_the_loss_and_the_penalty_together",
        says="is not reachable from the outputs",
    ),
    Mutant(
        8, "penalty as an optimizer step of its own, after one forward for both",
        GAME, ["Game.critic_terms"],
        [(
            f'terms["penalty"] = {PENALTY}',
            "from ..autodiff import grad\n\n"
            f"            penalty = {PENALTY}\n"
            "            found = grad(penalty, self.critic_optimizer.parameters, allow_unused=True)\n"
            "            self.critic_optimizer.step(found)\n"
            '            terms["penalty"] = penalty.detach()',
        )],
        GAME_TESTS + "a_critic_step_is_one_step_down_the_loss_and_the_penalty_together",
        says="changed after this forward",
    ),
    Mutant(
        8, "penalty as an optimizer step of its own, after a forward of its own",
        GAME, ["Game.critic_step"],
        [
            ('"penalised critic" if penalised else "critic"', '"critic"'),
            (
                'divide(report, "penalty", self.penalty_interval)',
                "from ..autodiff import grad\n\n"
                '            penalty = self.critic_terms(constant(real, "real"), z, labels)["penalty"]\n'
                "            found = grad(penalty, self.critic_optimizer.parameters, allow_unused=True)\n"
                "            self.critic_optimizer.step(found)\n"
                '            report["penalty"] = penalty.item() / self.penalty_interval',
            ),
        ],
        GAME_TESTS + "a_critic_step_is_one_step_down_the_loss_and_the_penalty_together",
    ),
    Mutant(
        9, "norm whose derivative at 0 is NaN",
        "backend.numpy.elementwise", ["quotient"], [("np.where(zero, 0, x / np.where(zero, 1, y))", "x / y")],
        PENALTY_TESTS + "one_flat_sample_does_not_spoil_the_others",
        says="divide by zero encountered",
    ),
    Mutant(
        10, "gradient of the critic's probability, through a sigmoid",
        PENALTIES, ["input_gradient"], [("logits = critic(x)", "logits = ops.sigmoid(critic(x))")],
        PENALTY_TESTS + "gradient_penalty_of_a_linear_critic",
    ),
    Mutant(
        11, "batch norm in a critic that is penalised",
        "models.dcgan", ["critic"], [("normed = batch_norm and k > 1", "normed = True")],
        GAME_TESTS + "every_combination_of_loss_and_penalty_runs",
        says="it couples the samples of a batch",
    ),
    Mutant(
        11, "batch norm in a critic not noticed by the penalty",
        PENALTIES, ["_refuse_coupling"], [("if node.op is not None and node.op.couples_samples:", "if False:")],
        PENALTY_TESTS + "batch_norm_in_a_penalised_critic_is_refused_and_named",
    ),
    Mutant(
        12, "critic's loss with the wrong sign",
        LOSSES, ["wasserstein._critic"], [("fake.mean() - real.mean()", "real.mean() - fake.mean()")],
        LOSS_TESTS + "directions",
    ),
    Mutant(
        12, "two sigmoids: one before a loss that contains another",
        LOSSES, ["_bce"],
        [(
            "return softplus(-real)",
            "from ..ops import sigmoid\n\n    real, fake = sigmoid(real), sigmoid(fake)\n    return softplus(-real)",
        )],
        LOSS_TESTS + "values",
    ),
    Mutant(
        13, "saturating loss in the place of the non-saturating one",
        LOSSES, ["non_saturating._generator"],
        [("_bce, lambda fake: softplus(-fake).mean()", "_bce, lambda fake: -softplus(fake).mean()")],
        LOSS_TESTS + "the_minimax_generator_saturates_where_the_other_does_not",
    ),
    Mutant(
        14, "generated samples detached in the generator's step",
        GAME, ["Game.generator_terms"],
        [(GENERATOR_LOSS, GENERATOR_LOSS.replace("critic(fake)", "critic(fake.detach())"))],
        GAME_TESTS + "a_generator_step_is_one_step_down_its_loss_through_the_critic",
        says="is not reachable from the outputs",
    ),
    Mutant(
        15, "gradient of the logits handed to the generator, past the critic",
        GAME, ["Game.generator_terms"],
        [(
            f'terms = {{"generator_loss": {GENERATOR_LOSS}}}',
            "past = fake.reshape(len(z), -1).sum(axis=1, keepdims=True)\n"
            "            logits = critic(fake).detach() + past - past.detach()\n"
            '            terms = {"generator_loss": self.loss.generator(logits, real_logits)}',
        )],
        GAME_TESTS + "a_generator_step_is_one_step_down_its_loss_through_the_critic",
    ),
    Mutant(
        16, "gradients of the generator's step left in the critic, for its own next step",
        GAME, ["frozen", "Game._made"],
        [
            ("parameter.requires_grad_(False)", "parameter.requires_grad_(True)"),
            (
                "return descent(*inputs)",
                "from .descent import descend\n\n"
                "            terms, parameters = descent._terms(*inputs), descent._parameters\n"
                "            sum(terms.values()).backward()\n"
                "            gradients = [p.grad for p in parameters]\n"
                "            for p in parameters:\n"
                "                p.grad = None\n"
                "            square = sum((g.data * g.data).sum() for g in gradients)\n"
                "            return descend(descent.optimizer, terms, gradients, square)",
            ),
        ],
        GAME_TESTS + "neither_step_leaves_gradients_or_frozen_parameters_behind",
    ),
    Mutant(
        17, "labels of generated samples smoothed too",
        "gan.tricks", ["smooth_labels"],
        [("(1 - target) * real.mean()", "(1 - target) * (real.mean() - fake.mean())")],
        "tests/gan/test_tricks.py::test_only_the_real_side_is_smoothed",
    ),
    Mutant(
        18, "gamma and beta of batch norm clipped with the weights",
        PENALTIES, ["clip_weights"], [("if parameter not in spared:", "if True:")],
        PENALTY_TESTS + "clipping_holds_the_weights_and_leaves_norm_layers_alone",
    ),
    Mutant(
        19, "eps and momentum of batch norm swapped",
        "nn.layers", ["BatchNorm.__init__"],
        [("self.eps, self.momentum = eps, momentum", "self.eps, self.momentum = momentum, eps")],
        "tests/nn/test_layers.py::test_batch_norm_in_training",
    ),
    Mutant(
        20, "samples drawn in training mode",
        "trainers.networks", ["sample"], [("generator.eval()", "generator.train()")],
        TRAINER_TESTS + "an_image_does_not_depend_on_those_it_is_drawn_with",
    ),
    Mutant(
        20, "averaged generator without the buffers of batch norm",
        "optim", ["_arrays"], [(" + [array for _, array in module.named_buffers()]", "")],
        "tests/optim/test_averages_and_schedules.py::test_ema_follows_its_recursion_for_parameters_and_buffers",
    ),
    Mutant(
        21, "R1 without its factor 1/2",
        PENALTIES, ["r1"],
        [('0.5 * _mean_squared_norm(critic, _leaf(real, "real"))', '_mean_squared_norm(critic, _leaf(real, "real"))')],
        PENALTY_TESTS + "r1_and_r2_are_half_the_mean_squared_norm",
    ),
    Mutant(
        21, "R1 averaged over the pixels, not summed",
        PENALTIES, ["_mean_squared_norm"], [("1 / len(x))", "1 / x.size)")],
        PENALTY_TESTS + "r1_and_r2_are_half_the_mean_squared_norm",
    ),
    Mutant(
        22, "lazy penalty without the factor of its interval",
        GAME, ["Game.critic_terms"], [(PENALTY, "penalty")],
        GAME_TESTS + "a_lazy_penalty_is_applied_every_kth_time_and_k_times_as_strongly",
    ),
    Mutant(
        23, "spectral norm's vector not saved with the model",
        SPECTRAL, ["spectral_norm.buffer_names"], [('= ("u",)', "= ()")],
        SPECTRAL_TESTS + "u_is_saved_with_the_model",
    ),
    Mutant(
        23, "spectral norm's vector moved in evaluation",
        SPECTRAL, ["spectral_norm.forward"], [("if self.training:", "if True:")],
        SPECTRAL_TESTS + "evaluation_leaves_u_alone_and_repeats_itself",
    ),
    Mutant(
        23, "transposed kernel read as a matrix of the wrong axes",
        SPECTRAL, ["spectral_norm._matrix"],
        [("weight if axis == last else ops.swapaxes(weight, axis, last)", "weight")],
        SPECTRAL_TESTS + "sigma_converges_to_the_largest_singular_value",
    ),
    Mutant(
        24, "the same real batch in all critic steps",
        TRAINER, ["Trainer._critic_step"],
        [("self.loader.next_batch()", "self._batch[:1] + self._batch[2:] or self.loader.next_batch()")],
        TRAINER_TESTS + "every_update_has_samples_and_noise_of_its_own",
    ),
    Mutant(
        25, "resumed without the moments of the optimizers",
        TRAINER, ["Trainer.parts"],
        [
            ('"generator_optimizer": self.game.generator_optimizer,\n', "\n"),
            ('"critic_optimizer": self.game.critic_optimizer,\n', "\n"),
        ],
        TRAINER_TESTS + "a_restored_trainer_goes_on_and_draws_as_if_it_had_never_stopped",
    ),
    Mutant(
        25, "resumed without the averaged generator",
        TRAINER, ["Trainer.parts"], [('{"ema": self.ema}', "{}")],
        TRAINER_TESTS + "a_restored_trainer_goes_on_and_draws_as_if_it_had_never_stopped",
    ),
    Mutant(
        25, "resumed without the state of the random generators",
        "trainers.base", ["BaseTrainer.load_state"], [("rng.set_state(saved)", "pass")],
        TRAINER_TESTS + "a_restored_trainer_goes_on_and_draws_as_if_it_had_never_stopped",
    ),
    Mutant(
        26, "Frechet distance of fewer samples than dimensions, not refused",
        "metrics.frechet", ["frechet_distance"], [("rank_deficient: bool = False", "rank_deficient: bool = True")],
        "tests/metrics/test_frechet.py::test_fewer_samples_than_dimensions_are_refused",
    ),
    Mutant(
        27, "ring of 7 modes: angles with both ends of the circle",
        "data.mixtures", ["_circle"],
        [("2 * np.pi * np.arange(count) / count", "np.linspace(0, 2 * np.pi, count)")],
        "tests/data/test_toy_mixtures.py::test_modes_are_exactly_where_they_are_published",
    ),
    Mutant(
        28, "a class counted from its first sample, without a minimum mass",
        "metrics.classes", ["class_statistics"], [("q >= minimum_mass", "q > 0")],
        "tests/metrics/test_class_metrics.py::test_coverage_needs_a_minimum_mass",
    ),
    Mutant(
        28, "a mode counted from samples far away from it",
        "metrics.mixture", ["mode_statistics"],
        [("good = squared[rows, mode] <= (3 * sigma) ** 2", "good = squared[rows, mode] < np.inf")],
        "tests/metrics/test_mixture_metrics.py::test_numbers_by_hand",
    ),
    Mutant(
        28, "divergence over the samples of high quality only",
        "metrics.mixture", ["mode_statistics"],
        [(
            "kl_divergence(np.append(counts, np.count_nonzero(~good)), np.append(shares, OUTSIDE))",
            "kl_divergence(counts, shares / shares.sum())",
        )],
        "tests/metrics/test_mixture_metrics.py::test_numbers_by_hand",
    ),
    Mutant(
        29, "number of channels written down as 1",
        "models.dcgan", ["critic"],
        [("height, breadth, channels = image_shape\n", "height, breadth, channels = *image_shape[:2], 1\n")],
        "tests/models/test_dense_and_dcgan.py::test_dcgan_shapes",
        says="channels, w (3, 3, 1, 2)",
    ),
    Mutant(
        29, "rank written down as 4",
        PENALTIES, ["_between"], [("(1,) * (real.ndim - 1)", "(1, 1, 1)")],
        PENALTY_TESTS + "every_sample_has_one_weight_of_its_own",
    ),
]  # fmt: skip


def table():
    """README.md's table of MUTANTS."""
    lines = ["| | error | planted in | caught by |", "|---|---|---|---|"]
    for m in MUTANTS:
        where = "<br>".join(f"`minigan.{m.module}.{name}`" for name in m.names)
        changes = "<br>".join(f"{_code(old)} → {_code(new)}" for old, new in m.changes)
        caught = f"`{m.catcher}`" + (f"<br>“… {m.says} …”" if m.says else "")
        lines.append(f"| {m.number} | {m.error} | {where}<br>{changes} | {caught} |")
    return "\n".join(lines)


def _code(text):
    """A cell's code: one line, no bar."""
    line = " ⏎ ".join(line.strip() for line in text.split("\n") if line.strip()).replace("|", "\\|")
    return f"`{line}`" if line else "nothing"


if __name__ == "__main__":
    print(table())
