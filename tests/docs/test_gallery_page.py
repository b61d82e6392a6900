"""The gallery's page: every preset has its section, and a section survives the drawing of another one."""

import importlib.util
from pathlib import Path

from minigan.presets import PRESETS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gallery.md").read_text(encoding="utf-8")


def script():
    """The module docs/scripts/gallery.py."""
    spec = importlib.util.spec_from_file_location("gallery", DOCS / "scripts" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_preset_has_a_section_and_a_picture():
    assert [*script().sections_of(PAGE)] == [*PRESETS]
    for name in PRESETS:
        assert (DOCS / "gallery" / f"{name}.png").exists()


def test_the_page_is_its_sections():
    introduction = PAGE.partition("\n\n## ")[0]
    assert "\n\n".join([introduction, *script().sections_of(PAGE).values()]) + "\n" == PAGE
