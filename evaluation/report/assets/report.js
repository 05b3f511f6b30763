"use strict";
// The page: what is selected, what follows from it, and the controls that change it.

(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const { cells, methods, problems } = data;
  problems.forEach((p, index) => { p.index = index; p.load = p.n_features && p.d ? p.n_features / p.d : null; });
  const size = cells.entry.length, ok = data.statuses.indexOf("ok"), skipped = data.statuses.indexOf("skipped");
  const trackNames = data.tracks.map((t) => t.name);
  const start = () => ({ track: 0, metric: data.metric, family: "", problemFamily: "", problems: new Set(problems.map((p) => p.index)) });
  let state = start(), sort = { id: "rank", up: true }, chosen = null, axisName = null, view = null;

  const isControl = (entry) => methods[entry].control;
  const pristine = () => state.metric === data.metric && !state.family && !state.problemFamily && state.problems.size === problems.length;
  const inProblems = (index) => state.problems.has(index) && (!state.problemFamily || problems[index].family === state.problemFamily);

  // Everything the page shows, computed from the cells that the filters leave.
  function compute() {
    const track = data.tracks[state.track], best = data.metrics.find((m) => m.name === state.metric).best;
    const trackIndex = data.cell_tracks.indexOf(track.name);
    const ends = data.ends[trackIndex];
    const byEntry = new Map(), units = new Map();
    for (let i = 0; i < size; i++) {
      if (cells.track[i] !== trackIndex || !inProblems(cells.problem[i])) continue;
      const entry = cells.entry[i];
      if (!byEntry.has(entry)) byEntry.set(entry, new Map());
      byEntry.get(entry).set(`${cells.problem[i]} ${cells.seed[i]}`, i);
      if (!isControl(entry)) units.set(`${cells.problem[i]} ${cells.seed[i]}`, [cells.problem[i], cells.seed[i]]);
    }
    const keys = [...units.keys()].sort((a, b) => units.get(a)[0] - units.get(b)[0] || units.get(a)[1] - units.get(b)[1]);
    const telling = keys.filter((key) => skillOf(null, ends[state.metric][units.get(key)[0]], best) !== null);
    const groups = [...new Set(telling.map((key) => units.get(key)[0]))].map((p) => telling.flatMap((key, i) => (units.get(key)[0] === p ? [i] : [])));
    const entries = [...byEntry.keys()].filter((e) => !isControl(e) && (!state.family || methods[e].family === state.family) && [...byEntry.get(e).values()].some((i) => cells.status[i] !== skipped));
    const skills = entries.map((e) => telling.map((key) => cellSkill(byEntry.get(e).get(key), units.get(key)[0], ends, best)));
    const ranked = telling.length && entries.length ? rankRows(skills, groups, data.margin) : entries.map(() => ({ skill: 0, rank: 1, rank_low: 1, rank_high: entries.length, tie_group: 1, skill_low: null, skill_high: null }));
    const rows = entries.map((entry, m) => ({ entry, ...methods[entry], ...ranked[m], ...summary(byEntry.get(entry), keys, units, ends), byProblem: problemMeans(skills[m], telling, units, byEntry.get(entry)), skills: skills[m] }));
    if (pristine()) for (const row of rows) Object.assign(row, track.rows.find((r) => r.entry === row.entry));
    rows.sort((a, b) => b.skill - a.skill || a.name.localeCompare(b.name, "en"));
    const controls = [...byEntry.keys()].filter(isControl).sort((a, b) => b - a).map((entry) => {
      const own = byEntry.get(entry), list = [...own.keys()].sort();
      const places = new Map(list.map((key) => [key, [cells.problem[own.get(key)], 0]]));
      return { entry, ...methods[entry], skill: methods[entry].name === "control:oracle" ? 1 : 0, skill_low: null, ...summary(own, list, places, ends) };
    });
    return { track, rows, controls, units, telling, keys };
  }

  function cellSkill(i, problem, ends, best) {
    if (i === undefined || cells.status[i] !== ok) return 0;
    return skillOf(cells.metrics[state.metric][i], ends[state.metric][problem], best);
  }

  // Raw scores with failed cells at chance, as means over problems of means over seeds.
  function summary(own, keys, units, ends) {
    const scores = {};
    for (const { name } of data.metrics) {
      const groups = new Map();
      for (const key of keys) {
        const i = own.get(key), problem = units.get(key)[0];
        const value = i !== undefined && cells.status[i] === ok ? cells.metrics[name][i] : ends[name][problem][0];
        if (value === null) continue;
        if (!groups.has(problem)) groups.set(problem, []);
        groups.get(problem).push(value);
      }
      scores[name] = groups.size ? mean([...groups.values()].map(mean)) : null;
    }
    const done = keys.map((key) => own.get(key)).filter((i) => i !== undefined && cells.status[i] === ok);
    const times = done.map((i) => cells.fit_seconds[i]).filter((v) => v !== null).sort((a, b) => a - b);
    const sizes = done.map((i) => cells.peak_bytes[i]).filter((v) => v !== null);
    return { scores, n_ok: done.length, n_cells: keys.length, completeness: keys.length ? done.length / keys.length : 0,
             median_seconds: times.length ? quantile(times, 0.5) : null, peak_bytes: sizes.length ? Math.max(...sizes) : null };
  }

  function problemMeans(skills, telling, units, own) {
    const found = new Map();
    telling.forEach((key, c) => {
      const problem = units.get(key)[0], i = own.get(key);
      if (!found.has(problem)) found.set(problem, { values: [], failed: 0, total: 0 });
      const cell = found.get(problem);
      cell.values.push(skills[c]);
      cell.total += 1;
      if (i === undefined || cells.status[i] !== ok) cell.failed += 1;
    });
    for (const cell of found.values()) cell.skill = mean(cell.values);
    return found;
  }

  const slotOf = (entry) => { const at = chosen.indexOf(entry); return at < 0 ? null : at; };

  function draw() {
    view = compute();
    if (!chosen) chosen = view.rows.slice(0, 6).map((r) => r.entry);
    document.querySelectorAll(".verdict").forEach((node) => { node.hidden = node.dataset.track !== view.track.name; });
    $("reset").hidden = pristine();
    $("scope").textContent = pristine() ? "" : scopeLine();
    $("notes").replaceChildren(...(pristine() ? view.track.notes : []).map((note) => el("li", {}, note)));
    const again = (column) => {
      sort = sort.id === column.id ? { id: column.id, up: !sort.up } : { id: column.id, up: Boolean(column.up) };
      drawBoard($("board-table"), view.rows, view.controls, sort, again);
      $("board-table").querySelector(`[data-sort="${column.id}"]`).focus();
    };
    drawBoard($("board-table"), view.rows, view.controls, sort, again);
    drawHeat($("heat"), view.rows, problems.filter((p) => inProblems(p.index)));
    const count = problems.filter((p) => inProblems(p.index)).length;
    document.querySelector("#problems .count").textContent = `${count} of ${problems.length}`;
    drawCharts();
  }

  function scopeLine() {
    const lead = view.rows[0];
    const shown = problems.filter((p) => inProblems(p.index)).length;
    const where = `${shown} of ${problems.length} problems, ${view.rows.length} methods, ranked by skill in ${state.metric}`;
    if (!lead || !view.telling.length) return `Filtered to ${where}: nothing to rank.`;
    const tied = view.rows.filter((r) => r.tie_group === 1).length - 1;
    return `Filtered to ${where}: ${lead.name} is first with ${number(lead.skill, 2)}${tied ? `, tied with ${tied} other${tied > 1 ? "s" : ""}` : ""}. The sentence above is about the whole board.`;
  }

  function drawCharts() {
    if (!view) return;
    drawLegend();
    drawCurves();
    const dots = (x, y) => view.rows.map((r) => ({ name: r.name, x: x(r), y: y(r), slot: slotOf(r.entry) })).filter((p) => p.x > 0 && p.y !== null && p.y !== undefined);
    scatter($("time-plot"), { points: dots((r) => r.median_seconds, (r) => r.skill), xLabel: "median fit time", yLabel: "skill", format: seconds, front: true, label: "Skill against median fit time, one mark a method" });
    scatter($("memory-plot"), { points: dots((r) => r.peak_bytes, (r) => r.skill), xLabel: "peak memory", yLabel: "skill", format: bytes, front: true, label: "Skill against peak memory, one mark a method" });
    scatter($("sparsity-plot"), { points: dots((r) => r.scores.l0_ratio, (r) => r.scores.code_f1), xLabel: "active codes, found / true", yLabel: "code F1", format: plain, reference: 1, label: "Code F1 against the ratio of active codes, one mark a method" });
    drawDifferences();
  }

  function drawLegend() {
    $("legend").replaceChildren(...view.rows.map((row) => {
      const slot = slotOf(row.entry);
      const key = svg("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, symbol(slot, 7, 7, {}));
      return el("button", { type: "button", class: "chip", "aria-pressed": String(slot !== null), title: row.name, onclick: (event) => {
        chosen = slot === null ? (chosen.length < 7 ? [...chosen, row.entry] : [...chosen.slice(1), row.entry]) : chosen.filter((e) => e !== row.entry);
        drawCharts();
        [...$("legend").children].find((node) => node.title === row.name)?.focus();
        event.preventDefault();
      } }, key, el("span", { class: "name" }, row.name));
    }));
  }

  const AXES = { density: "density of features", load: "features per dimension", noise: "noise", n_samples: "training samples", d: "dimensions", n_features: "features" };
  const axisValues = (name) => [...new Set(problems.filter((p) => inProblems(p.index)).map((p) => p[name]).filter((v) => v !== null && v !== undefined))];

  function drawCurves() {
    const usable = Object.keys(AXES).filter((name) => axisValues(name).length > 1);
    const picker = $("axis");
    if (!usable.includes(axisName)) axisName = usable[0] || null;
    picker.replaceChildren(...(usable.length ? usable : ["density"]).map((name) => el("option", { value: name, selected: name === axisName }, AXES[name])));
    picker.disabled = usable.length < 2;
    if (!axisName || !view.rows.length) return empty($("curve-plot"), "The problems shown do not differ in density, features per dimension, noise or samples: a curve needs two values.");
    const series = view.rows.map((row) => {
      const at = new Map();
      view.telling.forEach((key, c) => {
        const problem = problems[view.units.get(key)[0]], x = problem[axisName];
        if (x === null || x === undefined) return;
        if (!at.has(x)) at.set(x, { values: [], problems: new Set() });
        at.get(x).values.push(row.skills[c]);
        at.get(x).problems.add(problem.name);
      });
      const points = [...at].sort(([a], [b]) => a - b).map(([x, { values, problems: names }]) => {
        const y = mean(values), spread = values.length > 1 ? Math.sqrt(mean(values.map((v) => (v - y) ** 2)) / (values.length - 1)) : 0;
        return { x, y, low: Math.max(0, y - 2 * spread), high: Math.min(1, y + 2 * spread), detail: `${names.size} problem${names.size > 1 ? "s" : ""}, ${values.length} cells` };
      });
      return { name: row.name, slot: slotOf(row.entry), points };
    });
    const values = axisValues(axisName), log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 4;
    lineChart($("curve-plot"), { series, xLabel: AXES[axisName], yLabel: "skill", log, label: `Mean skill of each method against ${AXES[axisName]}` });
  }

  function drawDifferences() {
    const host = $("difference-plot"), caption = $("tests-caption"), track = view.track;
    caption.textContent = "";
    if (!pristine()) return empty(host, "Tests are made once, on the whole board: clear the filters to see them.");
    const rows = track.rows.filter((r) => r.rank !== null).map((r) => ({ name: methods[r.entry].name, rank: r.mean_rank }));
    const refusal = track.notes.find((note) => note.startsWith("No significance")) || "";
    if (!track.comparable || rows.length < 2) return empty(host, refusal || "There are too few methods to compare.");
    differences(host, { items: rows, cliques: track.cliques, label: "Mean rank of each method over problems; bars join methods that no test tells apart" });
    caption.textContent = "Mean rank over problems, best at the left. "
      + (track.tested ? "Bars join runs of methods of which no pair differs (signed-rank test over problems, Holm's correction, 5 %)." : refusal)
      + (track.detectable === null ? "" : ` A difference in mean skill of ${number(track.detectable, 2)} or more would likely show in intervals from data like these.`);
  }

  function option(value, text, current) { return el("option", { value, selected: value === current }, text); }
  function fillControls() {
    const legend = el("legend", {}, "Track");
    $("tracks").replaceChildren(legend, ...trackNames.map((name, i) => el("label", {}, el("input", { type: "radio", name: "track", value: i, checked: i === state.track, onchange: () => { state.track = i; chosen = null; draw(); } }), el("span", {}, name))));
    const families = [...new Set(methods.filter((m) => !m.control).map((m) => m.family))].sort();
    const kinds = [...new Set(problems.map((p) => p.family).filter(Boolean))].sort();
    $("metric").replaceChildren(...data.metrics.map((m) => option(m.name, m.name, state.metric)));
    $("family").replaceChildren(option("", "all", state.family), ...families.map((f) => option(f, f, state.family)));
    $("problem-family").replaceChildren(option("", "all", state.problemFamily), ...kinds.map((f) => option(f, f, state.problemFamily)));
    document.querySelector("#problems .options").replaceChildren(...problems.map((p) => el("label", {}, el("input", { type: "checkbox", value: p.index, checked: state.problems.has(p.index), onchange: (event) => { event.target.checked ? state.problems.add(p.index) : state.problems.delete(p.index); draw(); } }), el("span", {}, p.name))));
  }
  $("metric").addEventListener("change", (event) => { state.metric = event.target.value; draw(); });
  $("family").addEventListener("change", (event) => { state.family = event.target.value; chosen = null; draw(); });
  $("problem-family").addEventListener("change", (event) => { state.problemFamily = event.target.value; draw(); });
  $("axis").addEventListener("change", (event) => { axisName = event.target.value; drawCharts(); });
  $("reset").addEventListener("click", () => { const track = state.track; state = { ...start(), track }; chosen = null; fillControls(); draw(); $("metric").focus(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") { hideTip(); $("problems").open = false; } });
  document.addEventListener("click", (event) => { if (!$("problems").contains(event.target)) $("problems").open = false; });
  let width = innerWidth, timer = null;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; clearTimeout(timer); timer = setTimeout(drawCharts, 120); } });
  if (!data.tracks.length) { $("filters").hidden = true; return; }
  fillControls();
  draw();
})();
