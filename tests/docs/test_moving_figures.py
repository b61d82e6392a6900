"""The site's figures that move: their numbers are those of the chapters, and a browser draws them."""

import io
import json
import re
import runpy
import shutil
import subprocess
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from minigan import ops
from minigan.check import collecting

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "site" / "static" / "figures"
HEADLESS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=3000",
]  # fmt: skip


@cache
def chapter(name):
    """The names that a chapter defines."""
    with collecting(), redirect_stdout(io.StringIO()):
        return runpy.run_path(str(ROOT / "tutorials" / f"{name}.py"), run_name="__main__")


def in_node(figure, expression):
    """What a JavaScript expression in `it`, the figure's model, is worth."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    program = f"const it = require({json.dumps(str(FIGURES / figure))}); console.log(JSON.stringify({expression}))"
    return json.loads(subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(("centre", "width"), [(1.0, 0.5), (-1.0, 0.5), (2.0, 0.3), (0.0, 1.0)])
def test_the_discriminator_is_that_of_chapter_4(centre, width):
    names = chapter("ch04_optimal_discriminator")
    p, q = names["bell"](-1.0, 0.5), names["bell"](centre, width)
    expected = [
        names["value"](names["logit"](names["optimum"](p, q)), p, q)
        if width > 0.4
        else None,  # 1 - D* = 0 has no logit
        names["jsd"](p, q),
        *names["optimum"](p, q)[::100],
    ]
    bells = f"[it.bell(-1, 0.5), it.bell({centre}, {width})]"
    found = in_node(
        "optimal_discriminator.js", f"(([p, q]) => [it.value(p, q), it.jsd(p, q), ...it.optimum(p, q)])({bells})"
    )
    pairs = [(a, b) for a, b in zip([*found[:2], *found[2::100]], expected, strict=True) if b is not None]
    np.testing.assert_allclose(*zip(*pairs, strict=True), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("alternate", [False, True])
@pytest.mark.parametrize("loss", ["minimax", "non_saturating", "wasserstein"])
@pytest.mark.parametrize("gamma", [0.0, 0.7])
def test_the_paths_are_those_of_chapter_7(loss, gamma, alternate):
    names = chapter("ch07_dirac_gan")
    method = replace(names["GAN"], loss=getattr(names["losses"], loss), r1=gamma)
    state = json.dumps({"loss": loss, "gamma": gamma, "step": 0.15, "alternate": alternate})
    found = in_node("dirac_gan.js", f"it.path({state}, 100)")
    np.testing.assert_allclose(found, names["path"](method, alternate, 0.15, 100), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
def test_the_convolutions_are_those_of_the_library(stride, padding):
    kernel, large, small, there, back = in_node(
        "convolution.js",
        f"[it.KERNEL, it.IMAGE, it.SMALL, it.apply(it.IMAGE, {stride}, {padding}, false), "
        f"it.apply(it.SMALL, {stride}, {padding}, true)]",
    )
    image = lambda rows: np.array(rows, float)[None, :, :, None]
    w = np.array(kernel, float)[:, :, None, None]
    np.testing.assert_array_equal(image(there), ops.conv2d(image(large), w, stride=stride, padding=padding))
    np.testing.assert_array_equal(image(back), ops.conv_transpose2d(image(small), w, stride=stride, padding=padding))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a browser shows of each figure, [shapes in the drawing, reading] at first and after a control was moved."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("neither Chromium nor Chrome is installed")
    folder = tmp_path_factory.mktemp("page")
    scripts = "".join(f"<script>{(FIGURES / name).read_text()}</script>" for name in FILES)
    hosts = "".join(f'<div data-figure="{name}" style="width: 300px"></div>' for name in MOVES)
    (folder / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{hosts}{scripts}<script>{WATCH}</script>")
    profile, page = f"--user-data-dir={folder / 'profile'}", (folder / "page.html").as_uri()
    done = subprocess.run([browser, *HEADLESS, profile, "--dump-dom", page], capture_output=True, text=True, timeout=60)
    return json.loads(re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)[1])


FILES = ("kit.js", "optimal_discriminator.js", "dirac_gan.js", "convolution.js")
MOVES = {  # {figure: (control, its new value)}
    "optimal-discriminator": ("input", "-1"),
    "dirac-gan": ("select:nth-of-type(1)", "wasserstein"),
    "convolution": ("select", "yes"),
}
WATCH = f"""
const errors = [];
onerror = (message) => errors.push(message);
const read = () => [...document.querySelectorAll("[data-figure]")].map((host) => [
    host.querySelectorAll("svg *").length, host.querySelector(".reading").textContent]);
setTimeout(() => {{
    const before = read();
    for (const [name, [control, value]] of Object.entries({json.dumps(MOVES)})) {{
        const node = document.querySelector(`[data-figure="${{name}}"] ${{control}}`);
        node.value = value;
        node.dispatchEvent(new Event("input"));
        node.dispatchEvent(new Event("change"));
    }}
    const found = document.createElement("pre");
    found.id = "seen";
    found.textContent = JSON.stringify({{ errors, before, after: read() }});
    document.body.append(found);
}}, 500);
"""


def test_a_browser_draws_all_of_them(seen):
    assert seen["errors"] == []
    (discriminator, dirac, convolution) = seen["before"]
    assert "JSD = 0.6327" in discriminator[1]
    assert "distance from the goal is 2.66" in dirac[1]
    assert "0·1 + 2·(-1) + 3·0 + 2·1 = 0" in convolution[1]
    assert min(shapes for shapes, _ in seen["before"]) > 10


def test_controls_move_them(seen):
    (discriminator, dirac, convolution) = seen["after"]
    assert "JSD = 0.0000" in discriminator[1]
    assert dirac[1] != seen["before"][1][1]
    assert "times the kernel is added" in convolution[1]
