"use strict";
// The tables: the sortable board and the heat map.

const number = (value, digits = 3) => (value === null || value === undefined ? "" : value.toFixed(digits));
const seconds = (v) => {
  if (v === null || v === undefined) return "";
  if (v < 10) return `${+v.toPrecision(2)} s`;
  if (v < 120) return `${v.toFixed(0)} s`;
  return v < 7200 ? `${(v / 60).toFixed(0)} min` : `${(v / 3600).toFixed(1)} h`;
};
const bytes = (v) => {
  if (v === null || v === undefined) return "";
  return v < 1e9 ? `${(v / 1e6).toFixed(0)} MB` : `${(v / 1e9).toFixed(1)} GB`;
};
const letter = (group) => (group <= 26 ? String.fromCharCode(64 + group) : String(group));

// A name that may be broken where its parts meet.
const breakable = (name) => name.split(/(?<=[,[:=/-])/).flatMap((part, i) => (i ? [el("wbr"), part] : [part]));

function skillBar(row) {
  const at = (v) => `${(100 * Math.min(1, Math.max(0, v))).toFixed(2)}%`;
  const bar = el("span", { class: "bar", "aria-hidden": "true" }, el("span", { class: "fill", style: `width:${at(row.skill)}` }));
  if (row.skill_low !== null && row.skill_low !== undefined)
    bar.append(el("span", { class: "whisker", style: `left:${at(row.skill_low)};width:calc(${at(row.skill_high)} - ${at(row.skill_low)})` }));
  return bar;
}

// Columns of the board: title, what to sort by, how to show it; lower is better where said.
const COLUMNS = [
  { id: "rank", title: "Rank", about: "By mean skill; below it the ranks that resampling problems and seeds leaves open", up: true, value: (r) => r.rank, show: (r) => [
      el("span", { class: "rank" }, String(r.rank)),
      r.rank_low === r.rank_high ? null : el("span", { class: "range" }, `${r.rank_low}–${r.rank_high}`)] },
  { id: "tie", title: "Tie", about: "Methods with the same letter cannot be told apart from the first of them", up: true, value: (r) => r.tie_group, show: (r) => [
      el("span", { class: `tie${r.tie_group === 1 ? " first" : ""}`, title: r.tie_group === 1 ? "Cannot be told from the leader" : `Tie group ${letter(r.tie_group)}` }, letter(r.tie_group))] },
  { id: "method", title: "Method", up: true, text: true, value: (r) => r.name, show: (r) => [
      el("span", { class: "name", title: r.name }, ...breakable(r.short)),
      el("span", { class: "family" }, r.family, r.own ? el("span", { class: "own" }, "yours") : null)] },
  { id: "skill", title: "Skill", about: "0 is a random dictionary, 1 the true one with the best encoder; mean over problems, with its 95 % interval", wide: true, value: (r) => r.skill, show: (r) => [skillBar(r), el("span", { class: "value" }, number(r.skill)),
      r.skill_low === null || r.skill_low === undefined ? null : el("span", { class: "range" }, `${number(r.skill_low, 2)}–${number(r.skill_high, 2)}`)] },
  ...[["f1@0.9", "F1 at .9"], ["f1@0.99", "F1 at .99"], ["worst_cosine", "Worst cos"], ["mcc", "MCC"], ["n_features_error", "Count"], ["code_f1", "Code F1"]]
    .map(([id, title]) => ({ id, title, value: (r) => r.scores[id], show: (r) => [number(r.scores[id], 2)] })),
  { id: "completeness", title: "Done", about: "Cells that finished; the others count as chance", value: (r) => r.completeness, show: (r) => [
      el("span", { class: r.completeness < 1 ? "pill bad" : "muted" }, `${r.n_ok}/${r.n_cells}`)] },
  { id: "time", title: "Fit time", about: "Median seconds of a fit", up: true, value: (r) => r.median_seconds, show: (r) => [seconds(r.median_seconds)] },
  { id: "memory", title: "Memory", about: "Greatest memory of a cell", up: true, value: (r) => r.peak_bytes, show: (r) => [bytes(r.peak_bytes)] },
];

function sorted(rows, sort) {
  const column = COLUMNS.find((c) => c.id === sort.id), sign = sort.up ? 1 : -1;
  const blank = (v) => v === null || v === undefined;
  return rows.map((row, i) => [row, i]).sort(([a, i], [b, j]) => {
    const x = column.value(a), y = column.value(b);
    if (blank(x) || blank(y)) return blank(x) - blank(y) || i - j;
    return (column.text ? sign * x.localeCompare(y, "en") : sign * (x - y)) || i - j;
  }).map(([row]) => row);
}

function drawBoard(table, rows, failed, controls, sort, metrics, onsort) {
  const about = (c) => c.about || (metrics.find((m) => m.name === c.id) || {}).about || null;
  const titles = COLUMNS.map((c) => el("th", { scope: "col", class: c.text || c.wide ? "" : "number", "aria-sort": c.id === sort.id ? (sort.up ? "ascending" : "descending") : "none" },
    el("button", { type: "button", "data-sort": c.id, onclick: () => onsort(c), ...(about(c) ? hover([c.title, about(c)]) : {}) }, c.title, el("span", { class: "arrow", "aria-hidden": "true" }, c.id === sort.id ? (sort.up ? "▲" : "▼") : "▲"))));
  const kind = (c) => (c.id === "method" || c.id === "skill" ? c.id : "number");
  const line = (row, control, cells = (c) => c.show(row)) => el("tr", { class: control ? "control" : row.tie_group === 1 ? "leader" : "", "data-method": row.name },
    ...COLUMNS.map((c) => el(c.id === "method" ? "th" : "td", { scope: c.id === "method" ? "row" : null, class: kind(c) },
      ...(control && (c.id === "rank" || c.id === "tie") ? [""] : cells(c)))));
  // What failed everywhere has no numbers, of chance least of all.
  const fallen = (row) => line(row, true, (c) => (c.id === "method" || c.id === "completeness" ? c.show(row) : ["–"]));
  const body = rows.length ? sorted(rows, sort).map((row) => line(row, false))
    : [el("tr", {}, el("td", { colspan: COLUMNS.length, class: "empty" }, "No method is left: clear a filter."))];
  table.replaceChildren(el("thead", {}, el("tr", {}, ...titles)),
    el("tbody", {}, ...body), el("tfoot", {}, ...failed.map(fallen), ...controls.map((row) => line(row, true))));
}

// A method a row and a problem a column; darker is better, and the number stands in each cell.
function drawHeat(table, rows, problems) {
  const head = el("tr", {}, el("th", { scope: "col", class: "method" }, "Method"),
    ...problems.map((p) => el("th", { scope: "col", class: "problem" }, el("span", { title: p.name }, p.name.replace(/\/v(\d+)$/, (_, v) => (v === "1" ? "" : ` v${v}`))))));
  const body = rows.map((row) => el("tr", {}, el("th", { scope: "row", class: "method" }, el("span", { class: "name", title: row.name }, row.short)),
    ...problems.map((p) => {
      const cell = row.byProblem.get(p.index);
      if (!cell || cell.skill === null) return el("td", { class: "none", title: "not counted" }, "·");
      return el("td", { class: cell.skill > 0.8 ? "strong" : "", style: `--v:${cell.skill.toFixed(3)}`, title: `${row.name} on ${p.name}` },
        number(cell.skill, 2), cell.failed ? el("span", { class: "failed", title: `${cell.failed} of ${cell.total} cells failed` }, "×".repeat(Math.min(3, cell.failed))) : null);
    })));
  table.replaceChildren(el("thead", {}, head), el("tbody", {}, ...body));
}

// A method against every other: the share of problems on which the row is ahead, ties counting half.
function drawWins(table, rows, margin) {
  const head = el("tr", {}, el("th", { scope: "col", class: "method" }, "Ahead of"),
    ...rows.map((r) => el("th", { scope: "col", class: "problem" }, el("span", { title: r.name }, r.short))));
  const body = rows.map((row) => el("tr", {}, el("th", { scope: "row", class: "method" }, el("span", { class: "name", title: row.name }, row.short)),
    ...rows.map((other) => {
      if (other === row) return el("td", { class: "none" }, "·");
      const share = winRate(row.byProblem, other.byProblem, margin);
      if (share === null) return el("td", { class: "none", title: "no problem in common" }, "·");
      return el("td", { class: share > 0.8 ? "strong" : "", style: `--v:${share.toFixed(3)}`, title: `${row.name} against ${other.name}` }, `${Math.round(100 * share)}`);
    })));
  table.replaceChildren(el("thead", {}, head), el("tbody", {}, ...body));
}
