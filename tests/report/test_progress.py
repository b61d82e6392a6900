"""Output during training: a progress bar on a terminal, whole lines elsewhere."""

import io
import re
from types import SimpleNamespace

import pytest

from minigan.presets import Config
from minigan.runs import Run, train
from minigan.runs import progress as module
from minigan.runs.progress import progress
from minigan.trainers import load_data, trainer_for

LINE = re.compile(r"step \d+/\d+ +\d+%, [\d.]+[kMG]?pt/s, [\d:?]+ left, D=1\.500, q=0\.250")
REPORT = {"critic_loss": 1.5, "q": 0.25}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told(output, steps, first=0):
    """What `output` holds after the steps from `first` on, with a remark after the first of them."""
    trainer = SimpleNamespace(step_count=first, unit="pt", config=SimpleNamespace(steps=steps, batch_size=8))
    with progress(trainer, output) as shown:
        for trainer.step_count in range(first + 1, steps + 1):
            shown.show(REPORT)
            if trainer.step_count == first + 1:
                shown.say("a remark")
    return output.getvalue()


@pytest.mark.parametrize(
    ("steps", "first", "lines"), [(1000, 0, 20), (1000, 500, 10), (7, 0, 7), (41, 0, 14), (1, 0, 1)]
)
def test_a_file_gets_whole_lines(steps, first, lines):
    text = told(io.StringIO(), steps, first)
    assert "\r" not in text
    assert text.endswith("\n")
    found = text.splitlines()
    found.remove("a remark")
    assert len(found) == lines
    assert all(LINE.fullmatch(line) for line in found)
    assert found[-1].startswith(f"step {steps}/{steps} 100%")


def test_slow_steps_break_the_silence(monkeypatch):
    monkeypatch.setattr(module, "SILENCE", 0)
    assert told(io.StringIO(), 100).count("\n") == 101


def test_a_terminal_gets_a_bar():
    text = told(Terminal(), 50)
    last = text.split("\r")[-1]
    assert last.startswith("step 50/50 100%|##########|") or last.startswith("step 50/50 100%|██████████|")
    assert "a remark\n" in text


def test_training_writes_no_carriage_return_into_a_file(tmp_path):
    config = Config(data="digits-8x8", steps=3, batch_size=4, latent=3, kernel=3, generator_width=2, critic_width=2)
    output = io.StringIO()
    train(trainer_for(config, load_data(config)), Run.create(tmp_path / "run", "tiny", config), output=output)
    assert "\r" not in output.getvalue()
    assert output.getvalue().splitlines()[-1].startswith("step 3/3 100%, ")
