"""minigan's library, without its command line, works where NumPy is the only other package."""

import re
from pathlib import Path

import pytest
from numpy_alone import run_alone, works_alone

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize(
    "statement",
    [
        "import minigan",
        "import minigan.nn",
        "import minigan.optim",
        "import minigan.ops",
        "import minigan.gan",
        "from minigan.gan import losses, penalties",
        "import minigan.models",
        "import minigan.data",
        "import minigan.metrics",
        "import minigan.check",
        "import minigan.random",
        "import minigan.viz",
        "import minigan.interchange",
        "from minigan.interchange import layout",
    ],
)
def test_a_package_is_imported_with_numpy_alone(statement, tmp_path):
    works_alone(statement, tmp_path)


@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_the_examples_of_the_readme_run_with_numpy_alone(block, tmp_path):
    assert works_alone(BLOCKS[block].replace("range(10)", "range(1)"), tmp_path)


TRAINED = """
import numpy as np
from minigan.data import Dataset
from minigan.metrics import Recipe, trained_classifier

images = np.repeat(np.arange(2, dtype=np.uint8) * 255, 8)[:, None, None, None] * np.ones((16, 8, 8, 1), np.uint8)
recipe = Recipe(channels=(4,), strides=(2,), hidden=4, epochs=2, batch_size=8)
print(trained_classifier(Dataset(images, np.repeat([0, 1], 8), "toy", "here", "MIT"), recipe=recipe).classes)
"""


def test_a_classifier_is_trained_without_safetensors_and_says_that_it_is_not_kept(tmp_path):
    done = run_alone(TRAINED, tmp_path)
    assert done.stdout == "2\n", done.stderr
    assert re.search(
        "UserWarning: cannot cache the classifier as .*: safetensors is missing .pip install safetensors.; it will be",
        done.stderr,
    )


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("read_folder('.')", "ImportError: reading a folder of images needs Pillow: pip install pillow"),
        ("download('mnist', 'here')", 'mnist: downloading needs pooch (pip install "minigan[data]"); then'),
    ],
)
def test_a_missing_package_is_named_with_its_remedy(code, sentence, tmp_path):
    done = run_alone(f"from minigan.data import *\n{code}", tmp_path)
    assert sentence in done.stderr.splitlines()[-1]


def test_the_check_blocks_other_packages(tmp_path):
    assert "No module named 'pytest'" in run_alone("import pytest", tmp_path).stderr
