// Chapter 7: one number each for the generator and the critic, and the path of their steps.
"use strict";

const DiracGan = {
  LOSSES: { minimax: "saturating", non_saturating: "non-saturating", wasserstein: "Wasserstein" },

  // (theta', psi') of the chapter's derivation, R1 of weight gamma included.
  force(loss, gamma, theta, psi) {
    const s = 1 / (1 + Math.exp(-theta * psi));
    const [generator, critic] = { minimax: [s, s], non_saturating: [1 - s, s], wasserstein: [1, 1] }[loss];
    return [generator * psi, -critic * theta - gamma * psi];
  },

  // All places from (1, -1) on.
  path({ loss, gamma, step, alternate }, steps = 300) {
    const places = [[1, -1]];
    for (let k = 0; k < steps; k++) {
      const [theta, psi] = places[k];
      const moved = theta + step * this.force(loss, gamma, theta, psi)[0];
      places.push([moved, psi + step * this.force(loss, gamma, alternate ? moved : theta, psi)[1]]);
    }
    return places;
  },

  build(host) {
    const model = DiracGan;
    const state = { loss: "minimax", gamma: 0, step: 0.2, alternate: false };
    const place = Kit.element("div", host);
    const figure = { width: 0, draw };
    const change = (name) => (value) => ((state[name] = value), draw(figure.width));
    Kit.choice(host, "loss", model.LOSSES, change("loss"));
    const turns = { "": "both at once", yes: "generator, then critic" };
    Kit.choice(host, "steps", turns, (key) => change("alternate")(key === "yes"));
    Kit.slider(host, "size of a step", { min: 0.05, max: 0.5, step: 0.05, value: 0.2 }, change("step"));
    Kit.slider(host, "weight γ of R1", { min: 0, max: 2, step: 0.1, value: 0 }, change("gamma"));
    const said = Kit.element("p", host, { class: "reading", "aria-live": "polite" });

    function draw(width) {
      const side = Math.min(width, 380);
      const svg = Kit.canvas(place, side, side, "The plane of generator and critic, with the path of training");
      const at = ([theta, psi]) => [side / 2 + (theta * side) / 6, side / 2 - (psi * side) / 6]; // -3 to 3
      Kit.line(svg, [at([-3, 0]), at([3, 0])], Kit.RULE, 1);
      Kit.line(svg, [at([0, -3]), at([0, 3])], Kit.RULE, 1);
      for (let theta = -2.7; theta < 3; theta += 0.6)
        for (let psi = -2.7; psi < 3; psi += 0.6) {
          const [a, b] = model.force(state.loss, state.gamma, theta, psi);
          const scale = 0.32 / Math.max(Math.hypot(a, b), 0.4);
          Kit.line(svg, [at([theta, psi]), at([theta + a * scale, psi + b * scale])], Kit.MUTED, 1);
          Kit.shape("circle", { cx: at([theta, psi])[0], cy: at([theta, psi])[1], r: 1.8, fill: Kit.MUTED }, svg);
        }
      const places = model.path(state);
      const inside = places.findIndex(([theta, psi]) => !(Math.abs(theta) < 9 && Math.abs(psi) < 9));
      Kit.line(svg, (inside < 0 ? places : places.slice(0, inside)).map(at), Kit.FAKE, 1.5);
      Kit.shape("circle", { cx: at([1, -1])[0], cy: at([1, -1])[1], r: 4, fill: Kit.REAL }, svg);
      Kit.text(svg, side - 4, side / 2 - 6, "generator θ", { "text-anchor": "end" });
      Kit.text(svg, side / 2 + 6, 14, "critic ψ");
      const end = Math.hypot(...places[places.length - 1]);
      said.textContent = `After 300 steps the distance from the goal is ${end.toPrecision(3)}; at the start it was 1.41.`;
    }
    return figure;
  },
};

if (typeof module !== "undefined") module.exports = DiracGan;
else Kit.register("dirac-gan", DiracGan.build);
