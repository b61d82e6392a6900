"""Chapter 4 with sliders: move the generator, and see the best discriminator.

marimo edit tutorials/playgrounds/optimal_discriminator.py
"""

import marimo

app = marimo.App(app_title="The optimal discriminator")


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
            str(Path(__file__).parents[1] / "ch04_optimal_discriminator.py")
        )
    return chapter, mo, np, viz


@app.cell
def _(mo):
    centre = mo.ui.slider(
        -2.0, 2.0, 0.1, value=1.0, label="centre of the generator", show_value=True
    )
    width = mo.ui.slider(0.4, 1.5, 0.1, value=0.5, label="its width", show_value=True)
    mo.vstack([mo.md("# The optimal discriminator"), centre, width])
    return centre, width


@app.cell
def _(centre, chapter, width):
    real, fake = chapter["bell"](-1.0, 0.5), chapter["bell"](centre.value, width.value)
    best = chapter["optimum"](real, fake)
    value, jsd = (
        chapter["value"](chapter["logit"](best), real, fake),
        chapter["jsd"](real, fake),
    )
    lost = 2 - real.sum() - fake.sum()
    return best, fake, jsd, lost, real, value


@app.cell
def _(best, chapter, fake, jsd, lost, mo, np, real, value, viz):
    page = viz.Page(
        2.45, "Data (blue), generator (red), and below them the best discriminator"
    )
    above, below = page.axes(0.5, 0.05, 5.8, 1.1), page.axes(0.5, 1.3, 5.8, 0.95)
    above.plot(chapter["x"], real / chapter["dx"], color=viz.style.REAL)
    above.plot(chapter["x"], fake / chapter["dx"], color=viz.style.FAKE)
    above.set_xticklabels([])
    below.plot(chapter["x"], best, color=viz.style.CRITIC)
    below.set_ylim(-0.05, 1.05)
    words = mo.md(
        f"V(D*) = {value:.6f}. Twice the Jensen-Shannon divergence, minus log 4: "
        f"{2 * jsd - np.log(4):.6f}. The rest is log 2 times the mass {lost:.6f} "
        "beyond the grid (claims 3 and 4)."
    )
    mo.vstack([page.figure, words])
    return


if __name__ == "__main__":
    app.run()
