"""The playgrounds run without a browser, and their sliders change their output."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).parent / "playgrounds"
MOVES = {  # {playground: (a slider, its new value, what must change)}
    "optimal_discriminator": ("centre", -1.0, "jsd"),
    "dirac_gan": ("gamma", 1.0, "distance"),
    "mode_collapse": ("missing", 20, "scores"),
}


def playground(name):
    """Return the marimo app of a file."""
    pytest.importorskip(
        "marimo", reason='marimo is not installed: pip install -e ".[playgrounds]"'
    )
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


def test_every_playground_is_tested():
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted(MOVES)


@pytest.mark.parametrize("name", MOVES)
def test_it_runs_and_a_slider_moves_it(name):
    slider, value, shown = MOVES[name]
    outputs, before = playground(name).run()
    moved = {
        key: before[key]
        for key in before
        if hasattr(before[key], "value") and hasattr(before[key], "text")
    }
    moved[slider] = SimpleNamespace(value=value)
    _, after = playground(name).run(defs=moved)
    assert any(output is not None for output in outputs)
    assert str(before[shown]) != str(after[shown])
