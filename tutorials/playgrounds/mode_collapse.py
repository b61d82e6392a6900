"""Chapter 14 with sliders: break a generator, and see which metric notices.

marimo edit tutorials/playgrounds/mode_collapse.py
"""

import marimo

app = marimo.App(app_title="Mode collapse, measured")


@app.cell
def _():
    import io
    import runpy
    from contextlib import redirect_stdout
    from pathlib import Path

    import marimo as mo
    import numpy as np

    from minigan import viz
    from minigan.check import collecting

    with collecting(), redirect_stdout(io.StringIO()):
        chapter = runpy.run_path(
            str(Path(__file__).parents[1] / "ch14_mode_collapse_measured.py")
        )
    return chapter, mo, np, viz


@app.cell
def _(mo):
    missing = mo.ui.slider(
        0, 24, 1, value=4, label="modes that are missing", show_value=True
    )
    width = mo.ui.slider(
        0.2, 2.0, 0.1, value=1.0, label="width of a mode", show_value=True
    )
    count = mo.ui.slider(200, 2000, 100, value=500, label="samples", show_value=True)
    mo.vstack([mo.md("# Which number sees the failure?"), missing, width, count])
    return count, missing, width


@app.cell
def _(chapter, count, missing, np, width):
    weights = np.where(np.arange(25) < missing.value, 0.0, 1 / (25 - missing.value))
    sampled, judged = chapter["sampled"], chapter["judged"]
    fake = sampled(count.value, 1, weights, width.value)
    scores = judged(sampled(count.value, 2), fake)
    floor = judged(sampled(count.value, 2), sampled(count.value, 3))
    return fake, floor, scores


@app.cell
def _(fake, floor, mo, scores, viz):
    page = viz.Page(3.15, "Samples of the broken generator")
    axes = page.axes(0.5, 0.05, 2.9, 2.9)
    axes.plot(*fake.T, ".", color=viz.style.FAKE, markersize=2)
    rows = [
        {
            "metric": k,
            "this generator": f"{scores[k]:.3g}",
            "a perfect one": f"{floor[k]:.3g}",
        }
        for k in scores
    ]
    mo.vstack([page.figure, mo.ui.table(rows, selection=None)])
    return


if __name__ == "__main__":
    app.run()
