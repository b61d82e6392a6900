// Chapter 11: a convolution and its transpose, one product of the kernel after the other.
"use strict";

const Convolution = {
  KERNEL: [[1, 2, 0], [0, 1, -1], [2, 0, 1]],
  IMAGE: Array.from({ length: 5 }, (_, i) => Array.from({ length: 5 }, (_, j) => (3 * i + 2 * j * (i + 1)) % 5)),
  SMALL: [[1, 2, 0], [3, 1, 2], [0, 1, 1]],

  size: (n, stride, padding, transposed) =>
    transposed ? (n - 1) * stride + 3 - 2 * padding : Math.floor((n + 2 * padding - 3) / stride) + 1,

  // For each step the position (i, j) in the small image, and where in the large one each tap lies, or null outside.
  steps(n, small, stride, padding) {
    const found = [];
    for (let i = 0; i < small; i++)
      for (let j = 0; j < small; j++)
        found.push({
          at: [i, j],
          taps: [0, 1, 2].map((a) =>
            [0, 1, 2].map((b) => {
              const [row, column] = [i * stride + a - padding, j * stride + b - padding];
              return row >= 0 && row < n && column >= 0 && column < n ? [row, column] : null;
            }),
          ),
        });
    return found;
  },

  // The result after so many steps (all, if not given): sums of products, or stamps that add up.
  apply(image, stride, padding, transposed, count = Infinity) {
    const side = this.size(image.length, stride, padding, transposed);
    const out = Array.from({ length: side }, () => Array(side).fill(transposed || count === Infinity ? 0 : null));
    const [large, small] = transposed ? [side, image.length] : [image.length, side];
    this.steps(large, small, stride, padding)
      .slice(0, count)
      .forEach(({ at: [i, j], taps }) => {
        if (!transposed) out[i][j] = 0;
        taps.forEach((row, a) =>
          row.forEach((place, b) => {
            if (!place) return;
            if (transposed) out[place[0]][place[1]] += image[i][j] * this.KERNEL[a][b];
            else out[i][j] += image[place[0]][place[1]] * this.KERNEL[a][b];
          }),
        );
      });
    return out;
  },

  // "pixel·tap" of every pixel under the kernel.
  products(image, taps) {
    const written = (value) => (value < 0 ? `(${value})` : value);
    return taps.flatMap((row, a) =>
      row.map((at, b) => at && `${image[at[0]][at[1]]}·${written(Convolution.KERNEL[a][b])}`).filter((term) => term),
    );
  },

  build(host) {
    const model = Convolution;
    const state = { transposed: false, stride: 2, padding: 1, step: 1 };
    const place = Kit.element("div", host);
    const figure = { width: 0, draw };
    const kinds = { "": "convolution", yes: "transposed convolution" };
    const change = (name) => (value) => ((state[name] = value), restart());
    Kit.choice(host, "operation", kinds, (key) => change("transposed")(key === "yes"));
    Kit.slider(host, "stride", { min: 1, max: 2, step: 1, value: 2 }, change("stride"));
    Kit.slider(host, "padding", { min: 0, max: 1, step: 1, value: 1 }, change("padding"));
    const slider = Kit.slider(host, "step", { min: 1, max: 9, step: 1, value: 1 }, (value) => {
      state.step = value;
      draw(figure.width);
    });
    const said = Kit.element("p", host, { class: "reading", "aria-live": "polite" });

    const input = () => (state.transposed ? model.SMALL : model.IMAGE);

    function restart() {
      const n = input().length;
      slider.max = (state.transposed ? n : model.size(n, state.stride, state.padding, false)) ** 2;
      slider.value = state.step = 1;
      slider.nextSibling.textContent = 1;
      draw(figure.width);
    }

    function grid(svg, values, left, top, cell, marked) {
      values.forEach((row, i) =>
        row.forEach((value, j) => {
          const box = { x: left + j * cell, y: top + i * cell, width: cell, height: cell };
          const on = marked.some(([a, b]) => a === i && b === j);
          Kit.shape("rect", { ...box, fill: on ? Kit.MARK : "none", "fill-opacity": 0.45, stroke: Kit.RULE }, svg);
          const centre = { "text-anchor": "middle", "dominant-baseline": "central" };
          if (value !== null) Kit.text(svg, box.x + cell / 2, box.y + cell / 2, value, { ...centre, stroke: "none" });
        }),
      );
    }

    function draw(width) {
      const { stride, padding, transposed, step } = state;
      const [image, out] = [input(), model.apply(input(), stride, padding, transposed, step)];
      const [large, small] = transposed ? [out, image] : [image, out];
      const cell = Math.min(36, (width - 40) / (image.length + out.length + 3));
      const tallest = Math.max(image.length, out.length, 3);
      const svg = Kit.canvas(place, width, tallest * cell + 30, "Input, kernel and output of a convolution, as grids");
      const now = model.steps(large.length, small.length, stride, padding)[step - 1];
      const taps = now.taps.flat().filter((tap) => tap);
      const lefts = [1, 1 + image.length * cell + 18, 1 + (image.length + 3) * cell + 36];
      ["input", "kernel", "output"].forEach((name, k) => Kit.text(svg, lefts[k], 14, name));
      grid(svg, image, lefts[0], 22, cell, transposed ? [now.at] : taps);
      grid(svg, model.KERNEL, lefts[1], 22, cell, []);
      grid(svg, out, lefts[2], 22, cell, transposed ? taps : [now.at]);
      const [i, j] = now.at;
      said.textContent = transposed
        ? `Step ${step}: ${image[i][j]} times the kernel is added where the stamp lies.`
        : `Step ${step}: ${model.products(image, now.taps).join(" + ")} = ${out[i][j]}`;
    }
    return figure;
  },
};

if (typeof module !== "undefined") module.exports = Convolution;
else Kit.register("convolution", Convolution.build);
