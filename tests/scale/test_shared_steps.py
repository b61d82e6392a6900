"""K processes, here threads, that share a batch compute what one does with all of it, up to rounding."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from threads_as_processes import side_by_side

from minigan.presets import preset
from minigan.scale import mpi as parallel
from minigan.trainers import load_data, trainer_for

STEPS = 4  # the last of which a captured game replays
SMALL = {"steps": STEPS, "batch_size": 12, "generator_width": 4, "critic_width": 4, "device": "cpu"}
EQUAL = [
    ("dense-128", {}),
    ("dense-conditional", {}),
    ("digits", {}),  # batch norm in both players, labels, an average
    ("dcgan-28-wgan-gp", {"dropout": 0.0}),  # the penalty's points are random
    ("dcgan-28-wgan-gp", {"dropout": 0.3}),
    ("wgan", {}),
    ("sngan", {}),
    ("r3gan-small", {}),  # noise on what the critic sees, real and generated samples in one batch
    ("dense-128", {"packing": 3}),
    ("dense-128", {"penalty": "gradient_penalty"}),  # captured, its random points included
    ("dcgan", {"augment": "color,translation,cutout", "critic_norm": True, "seed": 1}),  # where no number is at a kink
    ("dcgan", {"augment": "color,translation,cutout"}),
    ("dense-128", {"instance_noise": 0.3, "packing": 3}),
    ("toy-ring", {"drift": 0.0}),
    ("translate", {}),
    ("vae", {"critic_width": 64}),
]


def configured(name, changes):
    return replace(preset(name), **SMALL | changes)


def trained(config, communicator=None):
    """(the trainer after STEPS steps, its reports)."""
    trainer = trainer_for(config, load_data(config))
    if communicator is not None:
        trainer = parallel.join(trainer, parallel.Team(communicator))
    return trainer, [trainer.step() | trainer.gradient_norms() for _ in range(STEPS)]


def networks(trainer):
    """All parameters and buffers, as one vector."""
    arrays, _ = trainer.state()
    return np.concatenate([a.ravel() for name, a in sorted(arrays.items()) if "optimizer" not in name])


def disagreement(config, size):
    """How far the reports, and the networks, of one process and of `size` are apart."""
    alone, expected = trained(config)
    together = side_by_side(lambda c: trained(config, c), size)
    vectors = [networks(trainer) for trainer, _ in together]
    assert all(np.array_equal(vectors[0], v) for v in vectors[1:])
    assert [trainer.state()[1] for trainer, _ in together] == [alone.state()[1]] * size
    return apart(expected, together[0][1]), abs(networks(alone) - vectors[0]).max()


def apart(expected, found):
    """How far the reports of some steps are apart, relative to what they report."""
    pairs = zip(expected, found, strict=True)
    return max(abs(a[name] - b[name]) / max(abs(a[name]), 1) for a, b in pairs for name in a)


@pytest.mark.parametrize(("name", "changes"), EQUAL)
def test_two_compute_what_one_does(name, changes):
    reports, weights = disagreement(configured(name, changes), 2)
    assert reports < 1e-4
    assert weights < 1e-3


def test_so_do_three():
    reports, weights = disagreement(configured("digits", {}), 3)
    assert reports < 1e-4
    assert weights < 1e-3


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("same rows", "dense-128"),
        ("own statistics", "digits"),
        ("sum", "dense-128"),
        ("own points", "dcgan-28-wgan-gp"),
    ],
)
def test_each_mistake_in_sharing_would_be_seen(monkeypatch, fault, name):
    if fault == "same rows":
        monkeypatch.setattr(parallel.Team, "mine", lambda team, array: array[: len(array) // team.size])
    elif fault == "sum":
        monkeypatch.setattr(parallel.Team, "sum", lambda team, x: 2 * sum(team.comm._exchanged(x)))
    elif fault == "own statistics":
        monkeypatch.setattr(parallel, "_total", lambda x, *, members: x * members.size)
    else:
        monkeypatch.setattr(parallel, "_rows_of", lambda members, count: None)
    config = configured(name, {"dropout": 0.0})
    (_, expected), (_, found) = trained(config), side_by_side(lambda c: trained(config, c), 2)[0]
    assert apart(expected, found) > 1e-3


def test_the_first_conducts_and_looks_at_the_game_alone():
    config = configured("digits", {})

    def work(communicator):
        members = parallel.Team(communicator)
        if members.rank:
            _, told = communicator.bcast(None)
            parallel._obey(members, follower := parallel.join(trainer_for(told, load_data(told)), members))
            return networks(follower), follower.step_count
        trainer = members.trainer(config, load_data(config))
        reports = []
        for _ in range(STEPS):
            reports.append(trainer.step() | trainer.gradient_norms())
            trainer.diagnose()  # the others are not asked
            assert trainer.cause()
        saved = trainer.state()
        trainer.step()
        trainer.load_state(*saved)
        members.dismiss()
        return networks(trainer), reports

    (mine, reports), (theirs, steps) = side_by_side(work, 2)
    assert steps == STEPS
    assert np.array_equal(mine, theirs)
    assert apart(trained(config)[1], reports) < 1e-4


def test_what_cannot_be_divided_is_refused_before_anybody_begins():
    class Nobody:
        Get_rank = staticmethod(lambda: 0)
        Get_size = staticmethod(lambda: 2)

    def trainer(**changes):
        config = configured("dense-128", changes)
        return parallel.Team(Nobody).trainer(config, load_data(config))

    with pytest.raises(ValueError, match="batch_size 33 cannot be divided equally among 2 processes"):
        trainer(batch_size=33)
    with pytest.raises(ValueError, match="among 2 processes in packs of 4"):
        trainer(batch_size=12, packing=4)


def test_a_process_alone_has_no_team(monkeypatch):
    for name in parallel.STARTERS:
        monkeypatch.delenv(name, raising=False)
    assert parallel.team().size == 1
    monkeypatch.setenv("PMI_SIZE", "1")
    assert parallel.team().size == 1


def test_processes_that_do_not_know_of_each_other_are_refused(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "3")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(parallel.RunError, match=r'3 processes were started together, .* pip install "minigan\[mpi\]"'):
        parallel.team()
