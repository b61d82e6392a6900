"""Old names of `minigan.presets`, `minigan.trainers`, `minigan.runs` and `minigan.scale`.

They keep working here for one release.
"""

import sys
import warnings
from importlib import import_module

_MODULES = {
    "presets": {"config": "config", "presets": "catalog", "changes": "changes"},
    "trainers": {
        "base": "base",
        "trainers": "choice",
        "trainer": "gan",
        "translation": "translation",
        "autoencoder": "vae",
        "networks": "networks",
        "schedules": "schedules",
        "device": "device",
        "sources": "sources",
        "pictures": "fixed_samples",
        "summaries": "summaries",
    },
    "runs": {
        "run": "folder",
        "train": "loop",
        "checkpoints": "checkpoints",
        "lock": "lock",
        "rollback": "rollback",
        "progress": "progress",
        "evaluate": "evaluation",
        "samples": "samples",
        "gallery": "pictures",
        "errors": "errors",
        "sessions": "sessions",
    },
    "scale": {"parallel": "mpi", "sweep": "sweep", "grid": "grid"},
}  # fmt: skip  {package: {former module: module}}

warnings.warn(
    "minigan.experiment has been divided into minigan.presets, minigan.trainers, minigan.runs and minigan.scale; "
    "it will be removed in the next release",
    DeprecationWarning,
    stacklevel=2,
)

for _package, _modules in _MODULES.items():
    for _old, _new in _modules.items():
        _module = import_module(f".{_package}.{_new}", __package__)
        sys.modules[f"{__name__}.{_old}"] = globals()[_old] = _module

from .presets import *  # noqa: E402, F403
from .runs import *  # noqa: E402, F403
from .trainers import *  # noqa: E402, F403
