// What the figures share: a place on the page, controls below it, and lines in the colours of the theme.
"use strict";

const Kit = {
  // Builds a figure in every <div data-figure="NAME">, and draws it, then again when its width changes.
  register(name, build) {
    if (typeof document === "undefined") return;
    document.addEventListener("DOMContentLoaded", () => {
      document.querySelectorAll(`[data-figure="${name}"]`).forEach((host) => {
        const figure = build(host);
        const fit = () => {
          const inside = parseFloat(getComputedStyle(host).width) || host.clientWidth;
          if (inside !== figure.width) figure.draw((figure.width = inside));
        };
        fit();
        new ResizeObserver(() => requestAnimationFrame(fit)).observe(host);
      });
    });
  },

  element(tag, parent, attributes = {}, text = "") {
    const node = document.createElement(tag);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    node.textContent = text;
    return parent.appendChild(node);
  },

  // A labelled slider; change(value) at every move.
  slider(host, label, { min, max, step, value }, change) {
    const row = Kit.element("label", host, { class: "control" });
    Kit.element("span", row, {}, label);
    const input = Kit.element("input", row, { type: "range", min, max, step, value });
    const shown = Kit.element("output", row);
    const update = () => {
      shown.textContent = (+input.value).toFixed(step < 0.1 ? 2 : step < 1 ? 1 : 0);
      change(+input.value);
    };
    shown.textContent = (+value).toFixed(step < 0.1 ? 2 : step < 1 ? 1 : 0);
    input.addEventListener("input", update);
    return input;
  },

  // A labelled choice among {key: text}; change(key).
  choice(host, label, options, change) {
    const row = Kit.element("label", host, { class: "control" });
    Kit.element("span", row, {}, label);
    const input = Kit.element("select", row);
    Object.entries(options).forEach(([key, text]) => Kit.element("option", input, { value: key }, text));
    input.addEventListener("change", () => change(input.value));
    return input;
  },

  // An empty SVG of so many pixels in the place of what was there before; alt says what it shows.
  canvas(place, width, height, alt) {
    const svg = Kit.shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": alt });
    place.replaceChildren(svg);
    return svg;
  },

  shape(tag, attributes, parent, text) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    if (text !== undefined) node.textContent = text;
    return parent ? parent.appendChild(node) : node;
  },

  // A polyline through the points [[x, y], ...].
  line(svg, points, color, width = 2) {
    const path = points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
    return Kit.shape("polyline", { points: path, fill: "none", stroke: color, "stroke-width": width }, svg);
  },

  text(svg, x, y, text, attributes = {}) {
    const halo = { stroke: Kit.PAPER, "stroke-width": 3, "paint-order": "stroke" }; // keeps it readable over lines
    return Kit.shape("text", { x, y, fill: Kit.INK, "font-size": 12, ...halo, ...attributes }, svg, text);
  },

  INK: "var(--color-foreground-primary)",
  MUTED: "var(--color-foreground-muted)",
  RULE: "var(--color-background-border)",
  PAPER: "var(--color-background-primary)",
  REAL: "#3a9bdc", // readable on white and on black
  FAKE: "#e0632a",
  MARK: "#e69f00",
};

if (typeof module !== "undefined") module.exports = Kit;
