"use strict";
// The page: what is selected, and the controls that change it.

(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const { methods, problems } = data, view = makeView(data);
  const AXES = {
    density: "density of features", load: "features per dimension", noise: "noise",
    n_samples: "training samples", d: "dimensions", n_features: "features",
  };
  const start = () => ({
    track: 0, metric: data.metric, family: "", problemFamily: "",
    problems: new Set(problems.map((p) => p.index)),
  });
  let state = start(), sort = { id: "rank", up: true }, chosen = null, axisName = null, now = null;

  const shownProblems = () => problems.filter((p) => view.shown(state, p.index));
  const slotOf = (entry) => (chosen.includes(entry) ? chosen.indexOf(entry) : null);

  function draw() {
    now = view.compute(state);
    // The best few, and one's own wherever they are.
    if (!chosen) chosen = [...new Set([...now.rows.filter((r) => r.own).slice(0, 3), ...now.rows])].slice(0, 6).map((r) => r.entry);
    const whole = view.pristine(state);
    for (const node of document.querySelectorAll(".verdict")) node.hidden = !whole || node.dataset.track !== now.track.name;
    $("filtered").hidden = whole;
    $("filtered").textContent = whole ? "" : leaderLine();
    $("reset").hidden = whole;
    $("scope").textContent = whole ? "" : scopeLine();
    $("notes").replaceChildren(...(whole ? now.track.notes : []).map((note) => el("li", {}, note)));
    document.querySelector("#problems .count").textContent = `${shownProblems().length} of ${problems.length}`;
    drawTable();
    drawHeat($("heat"), now.rows, shownProblems());
    drawWins($("wins"), now.rows, data.margin);
    drawCharts();
    remember();
  }

  function drawTable() {
    drawBoard($("board-table"), now.rows, now.failed, now.controls, sort, data.metrics, (column) => {
      const again = sort.id === column.id;
      sort = { id: column.id, up: again ? !sort.up : Boolean(column.up) };
      drawTable();
      remember();
      $("board-table").querySelector(`[data-sort="${column.id}"]`).focus();
    });
  }

  function scopeLine() {
    const where = `${shownProblems().length} of ${problems.length} problems, ${now.rows.length} methods, `
      + `ranked by skill in ${state.metric}`;
    return `Filtered to ${where}.`;
  }

  function leaderLine() {
    const lead = now.rows[0];
    if (!lead || !now.units.length) return "Of what is shown, nothing can be ranked.";
    const tied = now.rows.filter((r) => r.tie_group === 1).length - 1;
    const others = tied ? `; ${tied} other${tied > 1 ? "s" : ""} cannot be told apart from it` : "";
    const n = shownProblems().length;
    return `${lead.short} is first on the ${n} problem${n === 1 ? "" : "s"} shown, with ${number(lead.skill, 2)} in ${state.metric}${others}.`;
  }

  // The view in the address, so that it can be sent: only what differs from the first one.
  function remember() {
    const words = new URLSearchParams();
    if (state.track) words.set("track", data.tracks[state.track].name);
    for (const [key, value, usual] of [["metric", state.metric, data.metric], ["family", state.family, ""], ["problems", state.problemFamily, ""]])
      if (value !== usual) words.set(key, value);
    const left = problems.filter((p) => !state.problems.has(p.index)).map((p) => p.name);
    if (left.length) words.set("without", left.join(" "));
    if (sort.id !== "rank" || !sort.up) words.set("sort", `${sort.id}${sort.up ? "" : "-"}`);
    const text = words.toString();
    if (text || location.hash.includes("=")) history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  function recall() {
    const words = new URLSearchParams(location.hash.slice(1));
    const track = data.tracks.findIndex((t) => t.name === words.get("track"));
    if (track >= 0) state.track = track;
    const one = (key, among, usual) => (among.includes(words.get(key)) ? words.get(key) : usual);
    state.metric = one("metric", data.metrics.map((m) => m.name), state.metric);
    state.family = one("family", methods.map((m) => m.family), "");
    state.problemFamily = one("problems", problems.map((p) => p.family), "");
    const left = (words.get("without") || "").split(" ");
    for (const p of problems) if (left.includes(p.name)) state.problems.delete(p.index);
    const id = (words.get("sort") || "").replace(/-$/, "");
    if (COLUMNS.some((c) => c.id === id)) sort = { id, up: !words.get("sort").endsWith("-") };
  }

  function drawCharts() {
    drawLegend();
    drawCurves();
    const dots = (x, y) => now.rows
      .map((r) => ({ name: r.short, x: x(r), y: y(r), slot: slotOf(r.entry) }))
      .filter((p) => p.x > 0 && p.y !== null && p.y !== undefined);
    scatter($("time-plot"), {
      points: dots((r) => r.median_seconds, (r) => r.skill), front: true, format: seconds,
      xLabel: "median fit time", yLabel: "skill", label: "Skill against median fit time, one mark a method",
    });
    scatter($("memory-plot"), {
      points: dots((r) => r.peak_bytes, (r) => r.skill), front: true, format: bytes,
      xLabel: "peak memory", yLabel: "skill", label: "Skill against peak memory, one mark a method",
    });
    scatter($("sparsity-plot"), {
      points: dots((r) => r.scores.l0_ratio, (r) => r.scores.code_f1), reference: 1, format: plain,
      xLabel: "active codes, found / true", yLabel: "code F1",
      label: "Code F1 against the ratio of active codes, one mark a method",
    });
    drawDifferences();
  }

  function drawLegend() {
    const toggle = (entry) => {
      if (chosen.includes(entry)) chosen = chosen.filter((e) => e !== entry);
      else chosen = [...chosen.slice(chosen.length < 7 ? 0 : 1), entry];
      drawCharts();
      $("legend").children[now.rows.findIndex((row) => row.entry === entry)].focus();
    };
    $("legend").replaceChildren(...now.rows.map(({ entry, name, short }) => {
      const slot = slotOf(entry), mark = symbol(slot, 7, 7, {});
      const key = svg("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, mark);
      const pressed = String(slot !== null);
      return el("button", { type: "button", class: "chip", "aria-pressed": pressed, title: name, onclick: () => toggle(entry) },
        key, el("span", { class: "name" }, short));
    }));
  }

  const axisValues = (name) =>
    [...new Set(shownProblems().map((p) => p[name]).filter((v) => v !== null && v !== undefined))];

  // One method's mean skill, with two standard errors, at each value of the axis.
  function curve(row) {
    const at = new Map();
    now.units.forEach((unit, c) => {
      const problem = problems[now.problemOf.get(unit)], x = problem[axisName];
      if (x === null || x === undefined) return;
      if (!at.has(x)) at.set(x, { values: [], names: new Set() });
      at.get(x).values.push(row.skills[c]);
      at.get(x).names.add(problem.name);
    });
    const points = [...at].sort(([a], [b]) => a - b).map(([x, { values, names }]) => {
      const y = mean(values), n = values.length;
      const error = n > 1 ? Math.sqrt(mean(values.map((v) => (v - y) ** 2)) / (n - 1)) : 0;
      const detail = `${names.size} problem${names.size > 1 ? "s" : ""}, ${n} cells`;
      return { x, y, low: Math.max(0, y - 2 * error), high: Math.min(1, y + 2 * error), detail };
    });
    return { name: row.short, slot: slotOf(row.entry), points };
  }

  function drawCurves() {
    const usable = Object.keys(AXES).filter((name) => axisValues(name).length > 1);
    if (!usable.includes(axisName)) axisName = usable[0] || null;
    const offered = usable.length ? usable : ["density"];
    $("axis").replaceChildren(...offered.map((name) => option(name, AXES[name], axisName)));
    $("axis").disabled = usable.length < 2;
    if (!axisName || !now.rows.length || !now.units.length)
      return empty($("curve-plot"), "The problems shown do not differ in density, size, noise or samples: a curve needs two values.");
    const values = axisValues(axisName);
    const log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 4;
    lineChart($("curve-plot"), {
      series: now.rows.map(curve), xLabel: AXES[axisName], yLabel: "skill", log,
      label: `Mean skill of each method against ${AXES[axisName]}`,
    });
  }

  function drawDifferences() {
    const host = $("difference-plot"), caption = $("tests-caption"), track = now.track;
    caption.textContent = "";
    if (!view.pristine(state))
      return empty(host, "Tests are made once, on the whole board: clear the filters to see them.");
    const items = track.rows.filter((r) => r.rank !== null)
      .map((r) => ({ name: methods[r.entry].short, rank: r.mean_rank }));
    const refusal = track.notes.find((note) => note.startsWith("No significance")) || "";
    if (!track.comparable || items.length < 2)
      return empty(host, refusal || "There are too few methods or problems to compare.");
    differences(host, {
      items, cliques: track.cliques,
      label: "Mean rank of each method over problems; bars join methods that no test tells apart",
    });
    const bars = "Bars join runs of methods of which no pair differs (signed-rank test over problems, Holm's correction, 5 %).";
    const power = track.detectable === null ? ""
      : ` A difference in mean skill of ${number(track.detectable, 2)} or more would likely show in intervals from data like these.`;
    caption.textContent = `Mean rank over problems, best at the left. ${track.tested ? bars : refusal}${power}`;
  }

  const option = (value, text, current) => el("option", { value, selected: value === current }, text);
  const choices = (values, current) =>
    [option("", "all", current), ...[...new Set(values)].filter(Boolean).sort().map((v) => option(v, v, current))];

  function fillControls() {
    $("tracks").replaceChildren(el("legend", {}, "Track"), ...data.tracks.map(({ name }, i) => {
      const onchange = () => { state.track = i; chosen = null; draw(); };
      const input = el("input", { type: "radio", name: "track", value: i, checked: i === state.track, onchange });
      return el("label", {}, input, el("span", {}, name));
    }));
    $("metric").replaceChildren(...data.metrics.map((m) => option(m.name, m.name, state.metric)));
    $("family").replaceChildren(...choices(methods.filter((m) => !m.control).map((m) => m.family), state.family));
    $("problem-family").replaceChildren(...choices(problems.map((p) => p.family), state.problemFamily));
    document.querySelector("#problems .options").replaceChildren(...problems.map((p) => {
      const onchange = (event) => {
        if (event.target.checked) state.problems.add(p.index);
        else state.problems.delete(p.index);
        draw();
      };
      const input = el("input", { type: "checkbox", value: p.index, checked: state.problems.has(p.index), onchange });
      return el("label", {}, input, el("span", {}, p.name));
    }));
  }

  function listen() {
    const choose = (id, change) => $(id).addEventListener("change", (event) => change(event.target.value));
    choose("metric", (value) => { state.metric = value; draw(); });
    choose("family", (value) => { state.family = value; chosen = null; draw(); });
    choose("problem-family", (value) => { state.problemFamily = value; draw(); });
    choose("axis", (value) => { axisName = value; drawCharts(); });
    $("reset").addEventListener("click", () => {
      state = { ...start(), track: state.track };
      chosen = null;
      fillControls();
      draw();
      $("metric").focus();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      hideTip();
      $("problems").open = false;
    });
    document.addEventListener("click", (event) => {
      if (!$("problems").contains(event.target)) $("problems").open = false;
    });
    let width = innerWidth, timer = null;
    addEventListener("resize", () => {
      if (innerWidth === width) return;
      width = innerWidth;
      clearTimeout(timer);
      timer = setTimeout(drawCharts, 120);
    });
  }

  if (!data.tracks.length) {
    $("filters").hidden = true;
    return;
  }
  recall();
  fillControls();
  listen();
  draw();
})();
