"""Chapter 7 with sliders: the path of a generator and a critic of one number each.

marimo edit tutorials/playgrounds/dirac_gan.py
"""

import marimo

app = marimo.App(app_title="The Dirac-GAN")


@app.cell
def _():
    import io
    import runpy
    from contextlib import redirect_stdout
    from dataclasses import replace
    from pathlib import Path

    import marimo as mo
    import numpy as np

    from minigan import viz
    from minigan.check import collecting

    with collecting(), redirect_stdout(io.StringIO()):
        chapter = runpy.run_path(str(Path(__file__).parents[1] / "ch07_dirac_gan.py"))
    return chapter, mo, np, replace, viz


@app.cell
def _(chapter, mo):
    _names = [method.name for method in chapter["METHODS"]]
    name = mo.ui.dropdown(_names, value=_names[0], label="method")
    alternate = mo.ui.switch(label="generator first, then the critic")
    step = mo.ui.slider(
        0.02, 0.6, 0.02, value=0.2, label="size of a step", show_value=True
    )
    gamma = mo.ui.slider(
        0.0, 2.0, 0.1, value=0.0, label="more R1, gamma", show_value=True
    )
    mo.vstack(
        [mo.md("# The Dirac-GAN: why it spins, and R1"), name, alternate, step, gamma]
    )
    return alternate, gamma, name, step


@app.cell
def _(alternate, chapter, gamma, name, np, replace, step):
    method = chapter["METHOD"][name.value]
    method = replace(method, r1=method.r1 + gamma.value)
    path = chapter["path"](method, alternate.value, step.value)
    distance = np.hypot(*path.T)
    return distance, path


@app.cell
def _(distance, mo, path, viz):
    page = viz.Page(2.9, f"{len(path) - 1} steps from (1, −1); the goal is the origin")
    plane, curve = page.axes(0.5, 0.05, 2.6, 2.6), page.axes(3.8, 0.05, 2.5, 2.6)
    plane.plot(*path.T, color=viz.style.FAKE, linewidth=1)
    plane.plot(*path[0], "o", color=viz.style.REAL)
    plane.set(xlim=(-3, 3), ylim=(-3, 3))
    curve.plot(distance, color=viz.style.CRITIC)
    viz.style.number_axis(curve.yaxis, log=True)
    mo.vstack(
        [
            page.figure,
            mo.md(
                f"The distance from the goal went from {distance[0]:.3g} to "
                f"{distance[-1]:.3g}."
            ),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
