"""The commands of `minigan`: one table, and a module for each of them.

The usage text, the dispatch, the message about an unknown command and README's list come from this table. A command
runs the function `main` of the module with its name. The module is imported only then, so `minigan --help` is fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

__all__ = ["COMMANDS", "Command"]


@dataclass(frozen=True)
class Command:
    """A command: its name, its arguments as the usage text shows them, and one line about it."""

    name: str
    arguments: str
    about: str

    def run(self, arguments: list[str]) -> int:
        """Import the command's module and run the command.

        Args:
            arguments: The words after the command's name.

        Returns:
            The exit status.
        """
        return import_module(f".{self.name.replace('-', '_')}", __name__).main(arguments)

    def __str__(self) -> str:
        return f"minigan {self.name} {self.arguments}".ljust(37) + f" {self.about}"


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command("train", "[PRESET] [OPTIONS]", "train a preset; by default a GAN on digits that ship with minigan"),
        Command("sample", "RUN --n N --out FILE", "draw images or points from a run, as .npy or .png"),
        Command("presets", "", "list what can be trained"),
        Command("evaluate", "RUN", "measure a run: every metric beside the score of real data"),
        Command("pictures", "RUN", "draw curves, animation, interpolation and nearest neighbours of a run"),
        Command("report", "RUN", "write everything about a run on one page, RUN/report.html"),
        Command("compare", "RUN RUN...", "put several runs on one page"),
        Command("export", "RUN --out FILE", "write a run's generator for PyTorch (.safetensors) or as .onnx"),
        Command("sweep", "FILE", "train all combinations of presets, settings and seeds in a file"),
        Command("protocol", "NAME", "repeat a published evaluation, all seeds, beside the published numbers"),
        Command("verify", "[CHAPTER...]", "compute every claim of the tutorials again"),
        Command("download", "NAME...", "download and verify mnist, fashion-mnist, kmnist or cifar-10"),
        Command("bench", "[OPTIONS]", "time minigan beside other libraries on this machine (in a clone)"),
    )
}
"""Every command by its name, in the order of the usage text."""
