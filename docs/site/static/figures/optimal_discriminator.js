// Chapter 4: two bells, the best discriminator between them, and the divergence that it knows.
"use strict";

const OptimalDiscriminator = {
  // The chapter's grid, 2001 points from -3 to 3.
  grid: Array.from({ length: 2001 }, (_, i) => -3 + (6 * i) / 2000),

  // The mass that a normal density puts on each point of the grid.
  bell(centre, width) {
    const dx = 6 / 2000;
    return this.grid.map((x) => (Math.exp(-0.5 * ((x - centre) / width) ** 2) / (width * Math.sqrt(2 * Math.PI))) * dx);
  },

  optimum: (p, q) => p.map((a, i) => a / (a + q[i])),

  // V(D*) = sum p log D* + q log(1 - D*).
  value(p, q) {
    const part = (a, b) => (a > 0 ? a * Math.log(a / (a + b)) : 0);
    return p.reduce((sum, a, i) => sum + part(a, q[i]) + part(q[i], a), 0);
  },

  // The Jensen-Shannon divergence, by its definition.
  jsd(p, q) {
    const part = (a, b) => (a > 0 ? (a * Math.log((2 * a) / (a + b))) / 2 : 0);
    return p.reduce((sum, a, i) => sum + part(a, q[i]) + part(q[i], a), 0);
  },

  build(host) {
    const model = OptimalDiscriminator;
    const state = { centre: 1.0, width: 0.5 };
    const place = Kit.element("div", host);
    const figure = { width: 0, draw };
    const change = (name) => (value) => ((state[name] = value), draw(figure.width));
    Kit.slider(host, "centre of the generator", { min: -2, max: 2, step: 0.1, value: 1 }, change("centre"));
    Kit.slider(host, "its width", { min: 0.3, max: 1, step: 0.1, value: 0.5 }, change("width"));
    const said = Kit.element("p", host, { class: "reading", "aria-live": "polite" });

    function draw(width) {
      const p = model.bell(-1, 0.5);
      const q = model.bell(state.centre, state.width);
      const best = model.optimum(p, q);
      const svg = Kit.canvas(place, width, 260, "Two densities, and below them the best discriminator");
      const x = (i) => (i / 2000) * (width - 40) + 32;
      const curve = (ys, top, height, largest, color) =>
        Kit.line(svg, ys.map((y, i) => [x(i), top + height * (1 - y / largest)]).filter((_, i) => i % 5 === 0), color);
      const tallest = Math.max(...p, ...q);
      curve(p, 10, 110, tallest, Kit.REAL);
      curve(q, 10, 110, tallest, Kit.FAKE);
      [0, 0.5, 1].forEach((level) => {
        Kit.line(svg, [[x(0), 140 + 95 * (1 - level)], [x(2000), 140 + 95 * (1 - level)]], Kit.RULE, 1);
        Kit.text(svg, 24, 144 + 95 * (1 - level), level, { "text-anchor": "end" });
      });
      curve(best, 140, 95, 1, Kit.INK);
      const foot = (centre) => x(((centre + 3) / 6) * 2000);
      Kit.text(svg, foot(-1), 114, "p", { fill: Kit.REAL, "text-anchor": "middle" });
      Kit.text(svg, foot(state.centre), 114, "q", { fill: Kit.FAKE, "text-anchor": "middle" });
      Kit.text(svg, x(1000), 256, "D* = p / (p + q)", { "text-anchor": "middle" });
      const jsd = model.jsd(p, q);
      said.textContent =
        `V(D*) = ${model.value(p, q).toFixed(4)}, JSD = ${jsd.toFixed(4)}: ` +
        `${((100 * jsd) / Math.log(2)).toFixed(0)} % of the most that it can be, log 2`;
    }
    return figure;
  },
};

if (typeof module !== "undefined") module.exports = OptimalDiscriminator;
else Kit.register("optimal-discriminator", OptimalDiscriminator.build);
