"""Every preset as it is, but for its steps: a crash in the last of them costs no bit, and to watch a run neither."""

import dataclasses

import pytest
from crashes import resumes_to_the_bit

from minigan.presets import PRESETS, preset
from minigan.trainers import load_data

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_resumes_to_the_bit(tmp_path, monkeypatch, name):
    config = dataclasses.replace(preset(name), steps=4, test_interval=1, device="cpu")
    resumes_to_the_bit(tmp_path, config, load_data(config), monkeypatch)
