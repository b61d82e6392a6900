"""The pages in a real browser: on a phone and on a desktop, with and without scripts."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from minigan.report import compare, report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--virtual-time-budget=10000",
    "--dump-dom",
]
WIDTHS = {"phone": 360, "desk": 1200}

# Every page in a frame of each width, and once with scripts forbidden; what is found is written into the document.
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><body><script>
const pages = PAGES, widths = WIDTHS, found = {};
const look = (frame) => {
  const { contentDocument: page, contentWindow: view } = frame;
  const wide = page.documentElement.clientWidth;  // less the scroll bar
  const boxes = [...page.querySelectorAll("body *")].filter((e) => !e.closest("svg") && e.getClientRects().length);
  const beyond = boxes.filter((e) => e.getBoundingClientRect().right > wide || e.getBoundingClientRect().left < 0);
  const visible = () => [...page.querySelectorAll(".frames li")].filter((e) => e.getClientRects().length);
  const result = {
    scrolls: page.documentElement.scrollWidth - wide,
    beyond: beyond.map((e) => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`),
    broken: [...page.images].filter((e) => !e.naturalWidth).length,
    loaded: view.performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:")),
    hacked: view.hacked === 1,
    small: boxes.filter((e) => parseFloat(view.getComputedStyle(e).fontSize) < 11).length,
    narrow: boxes.filter((e) => /^T[HD]$/.test(e.tagName) && e.getBoundingClientRect().width < 70).length,
    shown: visible().length,
  };
  const slider = page.querySelector(".frames input");
  if (slider && slider.getClientRects().length) {
    slider.value = 0;
    slider.dispatchEvent(new view.Event("input"));
    result.slid = visible().map((e) => e.textContent);
    result.label = page.querySelector("output").textContent;
    result.last = slider.max;
  }
  return result;
};
const open = (name, address, width, scripts) => new Promise((done) => {
  const frame = document.createElement("iframe");
  if (!scripts) frame.sandbox = "allow-same-origin";
  Object.assign(frame, { width, height: 800, src: address });
  frame.addEventListener("load", () => { found[name] = look(frame); done(); });
  document.body.append(frame);
});
addEventListener("load", async () => {
  for (const [page, address] of Object.entries(pages)) {
    for (const [kind, width] of Object.entries(widths)) await open(`${page} ${kind}`, address, width, true);
    await open(`${page} without`, address, 360, false);
  }
  document.body.textContent = "found" + JSON.stringify(found) + "found";
});
</script></body>"""


@pytest.fixture
def seen(tmp_path, make_run, full_run, measured):
    """Return {"page kind": findings} for every page, from one start of the browser."""
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    points = make_run("points", "toy-ring", size=(904, 1300), pictures=3)
    bare = make_run("bare", steps=0, pictures=0)
    long_metric = {"nn_accuracy_samples": measured(0.123456789, 0.1111, 0.2222)}
    other = make_run("another-run-with-a-long-name", "wgan", metrics=long_metric)
    compare([full_run, points, other, bare], tmp_path / "compare.html")
    pages = {name: report(run).as_uri() for name, run in (("images", full_run), ("points", points), ("bare", bare))}
    pages["compare"] = (tmp_path / "compare.html").as_uri()
    harness = tmp_path / "harness.html"
    harness.write_text(HARNESS.replace("PAGES", json.dumps(pages)).replace("WIDTHS", json.dumps(WIDTHS), 1))
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1300,900", harness.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(unescape(re.search("found(.*)found", dom, re.DOTALL)[1]))


def test_the_pages_in_a_browser(seen):
    assert len(seen) == 4 * 3
    for name, page in seen.items():
        assert page["scrolls"] <= 0, f"{name} scrolls sideways"
        assert page["beyond"] == [], f"{name}: beyond its edge"
        assert page["broken"] == 0, f"{name}: a picture is not shown"
        assert page["loaded"] == [], f"{name} loads from elsewhere"
        assert not page["hacked"], f"{name} ran a script that was in its data"
        assert page["small"] == 0, f"{name}: text too small to read"
        assert page["narrow"] == 0, f"{name}: a table is squeezed"
    for kind in WIDTHS:  # one picture and a slider
        assert seen[f"images {kind}"]["shown"] == 1
        assert seen[f"images {kind}"]["slid"] == ["step 10"]
        assert (seen[f"images {kind}"]["label"], seen[f"images {kind}"]["last"]) == ("step 10", "3")
        assert seen[f"points {kind}"]["slid"] == ["step 13"]
    assert seen["images without"]["shown"] == 4  # all of them, and no slider
    assert "slid" not in seen["images without"]
    assert seen["points without"]["shown"] == 3
