"use strict";
// Small SVG charts. All text is set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function make(namespace, tag, attributes, children) {
  const node = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
const el = (tag, attributes, ...children) => make(null, tag, attributes, children);
const svg = (tag, attributes, ...children) => make(SVG, tag, attributes, children);

const tip = () => document.getElementById("tip");
function showTip(event, lines) {
  const node = tip();
  node.replaceChildren(...lines.map((line, i) => el(i ? "span" : "strong", {}, line)));
  node.hidden = false;
  const box = event.target.getBoundingClientRect(), own = node.getBoundingClientRect();
  const left = Math.max(8, Math.min(innerWidth - own.width - 8, box.left + box.width / 2 - own.width / 2));
  const above = box.top - own.height - 8;
  node.style.left = `${left}px`;
  node.style.top = `${above > 8 ? above : box.bottom + 8}px`;
}
const hideTip = () => { tip().hidden = true; };
const hover = (lines) => ({
  onmouseenter: (event) => showTip(event, lines), onmouseleave: hideTip,
  onfocus: (event) => showTip(event, lines), onblur: hideTip,
});

const plain = (value) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  return String(+value.toPrecision(3));
};

// Round numbers at even steps, about five of them.
function even(from, to) {
  const raw = (to - from) / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= raw * 0.999), ticks = [];
  for (let t = Math.ceil(from / step) * step; t <= to + step * 1e-9; t += step) ticks.push(+t.toPrecision(12));
  return ticks;
}

function axis(values, log) {
  let low = Math.min(...values), high = Math.max(...values);
  if (log) {
    if (low === high) { low /= 2; high *= 2; }
    const pad = Math.pow(high / low, 0.06);
    low /= pad; high *= pad;
    const within = (steps) => {
      const ticks = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++)
        for (const step of steps) if (step * 10 ** e >= low && step * 10 ** e <= high) ticks.push(+(step * 10 ** e).toPrecision(3));
      return ticks;
    };
    const choices = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]].map(within);
    const ticks = choices.find((list) => list.length >= 3) || even(low, high);
    const jump = Math.ceil(ticks.length / 8);
    return { at: (v) => Math.log(v / low) / Math.log(high / low), ticks: ticks.filter((_, i) => i % jump === 0) };
  }
  if (low === high) { low -= 0.5 * Math.abs(low || 1); high += 0.5 * Math.abs(high || 1); }
  const pad = (high - low) * 0.06;
  const from = low - pad, to = high + pad;
  return { at: (v) => (v - from) / (to - from), ticks: even(from, to) };
}
const UNIT = { at: (v) => v, ticks: [0, 0.25, 0.5, 0.75, 1] };

// The frame of a chart: grid, ticks, labels; returns the canvas and the two scales in pixels.
function frame(host, { x, y, xLabel, yLabel, label, height = 320, format = plain }) {
  const width = Math.max(260, host.clientWidth), left = 52, right = 14, top = 12, bottom = 44;
  const px = (v) => left + x.at(v) * (width - left - right);
  const py = (v) => height - bottom - y.at(v) * (height - top - bottom);
  const canvas = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  for (const t of y.ticks) canvas.append(
    svg("line", { class: "grid", x1: left, x2: width - right, y1: py(t), y2: py(t) }),
    svg("text", { class: "tick", x: left - 8, y: py(t) + 4, "text-anchor": "end" }, plain(t)));
  let last = -Infinity, text = "";
  for (const t of x.ticks) {
    if (px(t) - last < 38 || format(t) === text) continue;
    last = px(t);
    text = format(t);
    canvas.append(svg("line", { class: "mark", x1: px(t), x2: px(t), y1: height - bottom, y2: height - bottom + 5 }),
      svg("text", { class: "tick", x: px(t), y: height - bottom + 19, "text-anchor": "middle" }, text));
  }
  canvas.append(svg("line", { class: "base", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    svg("text", { class: "axis", x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, xLabel),
    svg("text", { class: "axis", x: -(height - bottom + top) / 2, y: 11, transform: "rotate(-90)", "text-anchor": "middle" }, yLabel));
  host.replaceChildren(canvas);
  return { canvas, px, py, width, height, bottom, top };
}

const empty = (host, why) => host.replaceChildren(el("p", { class: "empty" }, why));

// One mark per colour, so that colour is never the only difference.
function symbol(slot, x, y, attributes) {
  const shapes = [
    (r) => `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
    (r) => `M${x - r},${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    (r) => `M${x},${y - r * 1.2}l${r * 1.2},${r * 2.1}h${-2.4 * r}z`,
    (r) => `M${x},${y - r * 1.3}l${r * 1.3},${r * 1.3}l${-r * 1.3},${r * 1.3}l${-r * 1.3},${-r * 1.3}z`,
    (r) => `M${x},${y + r * 1.2}l${r * 1.2},${-r * 2.1}h${-2.4 * r}z`,
  ];
  const faint = slot === null;
  return svg("path", { class: faint ? "dot faint" : `dot c${slot}`, d: shapes[faint ? 0 : slot % shapes.length](faint ? 3 : 4.5), ...attributes });
}

function lineChart(host, { series, xLabel, yLabel, log, label }) {
  const points = series.flatMap((s) => s.points);
  const f = frame(host, { x: axis(points.map((p) => p.x), log), y: UNIT, xLabel, yLabel, label, height: 360 });
  const shown = series.filter((s) => s.slot !== null).length;
  const path = (list) => list.map((p, i) => `${i ? "L" : "M"}${f.px(p[0])},${f.py(p[1])}`).join("");
  for (const s of [...series].sort((a, b) => (a.slot === null ? 0 : 1) - (b.slot === null ? 0 : 1))) {
    const kind = s.slot === null ? "faint" : `c${s.slot}`;
    // Bands of many methods are a fog: with more than two, a bar at each point, a little aside.
    const aside = s.slot === null ? 0 : 3 * (s.slot - (shown - 1) / 2);
    if (s.slot !== null && shown <= 2) f.canvas.append(svg("path", { class: `band ${kind}`,
      d: path([...s.points.map((p) => [p.x, p.high]), ...[...s.points].reverse().map((p) => [p.x, p.low])]) + "z" }));
    else if (s.slot !== null) for (const p of s.points) f.canvas.append(svg("line", { class: `error ${kind}`,
      x1: f.px(p.x) + aside, x2: f.px(p.x) + aside, y1: f.py(p.low), y2: f.py(p.high) }));
    f.canvas.append(svg("path", { class: `line ${kind}`, d: path(s.points.map((p) => [p.x, p.y])) }));
    for (const p of s.points) f.canvas.append(symbol(s.slot, f.px(p.x), f.py(p.y), hover([s.name, `${yLabel} ${p.y.toFixed(3)} at ${plain(p.x)}`, p.detail])));
  }
}

function scatter(host, { points, xLabel, yLabel, label, format, reference, front }) {
  if (!points.length) return empty(host, "No finished cell has these numbers.");
  const values = points.map((p) => p.x).concat(reference ? [reference] : []);
  const f = frame(host, { x: axis(values, true), y: UNIT, xLabel, yLabel, label, height: 280, format });
  if (reference) f.canvas.append(svg("line", { class: "reference", x1: f.px(reference), x2: f.px(reference), y1: f.top, y2: f.height - f.bottom }));
  if (front) {
    const best = [];
    for (const p of [...points].sort((a, b) => a.x - b.x || b.y - a.y)) if (!best.length || p.y > best[best.length - 1].y) best.push(p);
    const steps = best.map((p, i) => (i ? `H${f.px(p.x)}V${f.py(p.y)}` : `M${f.px(p.x)},${f.py(p.y)}`)).join("");
    f.canvas.append(svg("path", { class: "front", d: steps }));
    for (const label of frontLabels(best, f)) f.canvas.append(svg("text", { class: "front-label", ...label.at }, label.text));
  }
  for (const p of [...points].sort((a, b) => (a.slot === null ? 0 : 1) - (b.slot === null ? 0 : 1)))
    f.canvas.append(symbol(p.slot, f.px(p.x), f.py(p.y), hover([p.name, `${yLabel} ${p.y.toFixed(3)}`, `${xLabel}: ${format(p.x)}`])));
}

// Names of the best few, without any that would lie on another: the best has its place first.
function frontLabels(best, f) {
  const placed = [], wide = 6.6, high = 15;
  for (const p of [...best].reverse()) {
    const late = f.px(p.x) > f.width * 0.6, text = shorten(p.name, 22), long = text.length * wide;
    const x = f.px(p.x) + (late ? -9 : 9), y = f.py(p.y) + (p.y > 0.9 ? 16 : -7);
    const box = { left: late ? x - long : x, right: late ? x : x + long, y };
    if (placed.some((o) => o.left < box.right && box.left < o.right && Math.abs(o.y - box.y) < high)) continue;
    placed.push({ ...box, text, at: { x, y, "text-anchor": late ? "end" : "start" } });
    if (placed.length === 3) break;
  }
  return placed;
}

// Mean ranks on a line, best at the left; bars join runs that no test tells apart.
function differences(host, { items, cliques, label }) {
  const width = Math.max(260, host.clientWidth), n = items.length, half = Math.ceil(n / 2);
  const order = items.map((item, i) => ({ ...item, i })).sort((a, b) => a.rank - b.rank);
  const side = Math.min(190, width * 0.3), row = 24, top = 46 + cliques.length * 8;
  const low = Math.max(1, Math.floor(order[0].rank)), high = Math.max(low + 1, Math.ceil(order[n - 1].rank));
  const px = (v) => side + ((v - low) / (high - low)) * (width - 2 * side);
  const height = top + half * row + 12;
  const canvas = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  canvas.append(svg("line", { class: "base", x1: px(low), x2: px(high), y1: 30, y2: 30 }));
  const jump = Math.ceil((high - low) / Math.max(1, Math.floor((width - 2 * side) / 30)));
  for (let t = low; t <= high; t += jump) canvas.append(
    svg("line", { class: "mark", x1: px(t), x2: px(t), y1: 25, y2: 30 }),
    svg("text", { class: "tick", x: px(t), y: 18, "text-anchor": "middle" }, String(t)));
  order.forEach((item, place) => {
    const leftward = place < half, depth = leftward ? place : n - 1 - place;
    const y = top + depth * row + 10, x = leftward ? side - 8 : width - side + 8;
    canvas.append(svg("path", { class: "stem", d: `M${px(item.rank)},30V${y}H${x}` }),
      svg("circle", { class: "dot c0", cx: px(item.rank), cy: 30, r: 3.5, ...hover([item.name, `mean rank ${item.rank.toFixed(2)}`]) }),
      svg("text", { class: "label", x: leftward ? x - 4 : x + 4, y: y + 4, "text-anchor": leftward ? "end" : "start" }, shorten(item.name, Math.floor(side / 8))));
  });
  cliques.forEach((members, i) => {
    const ranks = members.map((m) => items[m].rank), y = 40 + i * 8;
    canvas.append(svg("line", { class: "clique", x1: px(Math.min(...ranks)) - 4, x2: px(Math.max(...ranks)) + 4, y1: y, y2: y }));
  });
  host.replaceChildren(canvas);
}

const shorten = (text, most) => (text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text);
