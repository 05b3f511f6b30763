"use strict";
// From cells and filters to rows of a board: what the tables and plots show.

function makeView(data) {
  const { cells, methods, problems } = data;
  const ok = data.statuses.indexOf("ok"), skipped = data.statuses.indexOf("skipped");
  problems.forEach((p, index) => {
    p.index = index;
    p.load = p.n_features && p.d ? p.n_features / p.d : null;
  });

  const finished = (i) => i !== undefined && cells.status[i] === ok;
  const unitOf = (i) => `${cells.problem[i]} ${cells.seed[i]}`;
  const shown = (state, index) =>
    state.problems.has(index) && (!state.problemFamily || problems[index].family === state.problemFamily);
  const pristine = (state) =>
    state.metric === data.metric && !state.family && !state.problemFamily
    && state.problems.size === problems.length;

  // Cells of one track under the filters: entry -> unit -> cell, and unit -> problem.
  function select(state, track) {
    const own = new Map(), problemOf = new Map();
    for (let i = 0; i < cells.entry.length; i++) {
      if (cells.track[i] !== track || !shown(state, cells.problem[i])) continue;
      const entry = cells.entry[i];
      if (!own.has(entry)) own.set(entry, new Map());
      own.get(entry).set(unitOf(i), i);
      problemOf.set(unitOf(i), cells.problem[i]);
    }
    return { own, problemOf };
  }

  // Raw scores with failed cells at chance: means over problems of means over seeds.
  function summary(own, units, problemOf, ends) {
    const scores = {};
    for (const { name } of data.metrics) {
      const groups = new Map();
      for (const unit of units) {
        const problem = problemOf.get(unit), i = own.get(unit);
        const value = finished(i) ? cells.metrics[name][i] : ends[name][problem][0];
        if (value === null) continue;
        groups.set(problem, [...(groups.get(problem) || []), value]);
      }
      scores[name] = groups.size ? mean([...groups.values()].map(mean)) : null;
    }
    const done = units.map((unit) => own.get(unit)).filter(finished);
    const known = (column) => done.map((i) => column[i]).filter((v) => v !== null).sort((a, b) => a - b);
    const times = known(cells.fit_seconds), sizes = known(cells.peak_bytes);
    return {
      scores, n_ok: done.length, n_cells: units.length,
      completeness: units.length ? done.length / units.length : 0,
      median_seconds: times.length ? quantile(times, 0.5) : null,
      peak_bytes: sizes.length ? sizes[sizes.length - 1] : null,
    };
  }

  function problemMeans(skills, units, problemOf, own) {
    const found = new Map();
    units.forEach((unit, c) => {
      const problem = problemOf.get(unit);
      if (!found.has(problem)) found.set(problem, { values: [], failed: 0, total: 0 });
      const cell = found.get(problem);
      cell.values.push(skills[c]);
      cell.total += 1;
      if (!finished(own.get(unit))) cell.failed += 1;
    });
    for (const cell of found.values()) cell.skill = mean(cell.values);
    return found;
  }

  function compute(state) {
    const track = data.tracks[state.track], code = data.cell_tracks.indexOf(track.name);
    const ends = data.ends[code], best = data.metrics.find((m) => m.name === state.metric).best;
    const { own, problemOf } = select(state, code);
    const tried = [...own.keys()].filter((e) =>
      !methods[e].control && [...own.get(e).values()].some((i) => cells.status[i] !== skipped));
    const entries = tried.filter((e) => [...own.get(e).values()].some(finished));
    const failed = tried.filter((e) => !entries.includes(e) && (!state.family || methods[e].family === state.family));
    const units = [...new Set(tried.flatMap((e) => [...own.get(e).keys()]))].sort();
    const scale = (unit) => ends[state.metric][problemOf.get(unit)];
    const telling = units.filter((unit) => skillOf(null, scale(unit), best) !== null);
    const skills = new Map(entries.map((e) => [e, telling.map((unit) => {
      const i = own.get(e).get(unit);
      return finished(i) ? skillOf(cells.metrics[state.metric][i], scale(unit), best) : 0;
    })]));
    const places = [...new Set(telling.map((unit) => problemOf.get(unit)))];
    const groups = places.map((p) => telling.flatMap((unit, c) => (problemOf.get(unit) === p ? [c] : [])));

    const listed = entries.filter((e) => !state.family || methods[e].family === state.family);
    const ranked = rankRows(listed.map((e) => skills.get(e)), groups, data.margin);
    const rows = listed.map((entry, m) => ({
      entry, ...methods[entry], ...ranked[m], ...summary(own.get(entry), units, problemOf, ends),
      skills: skills.get(entry), byProblem: problemMeans(skills.get(entry), telling, problemOf, own.get(entry)),
    }));
    // Unfiltered, the numbers are those of the other reports, to the last digit.
    if (pristine(state))
      for (const row of rows) Object.assign(row, track.rows.find((r) => r.entry === row.entry));
    rows.sort((a, b) => b.skill - a.skill || a.name.localeCompare(b.name, "en"));

    const controls = [...own.keys()].filter((e) => methods[e].control).sort((a, b) => b - a);
    return {
      track, rows, units: telling, problemOf,
      failed: failed.map((entry) => ({ entry, ...methods[entry], scores: {}, n_ok: 0, n_cells: units.length, completeness: 0 })),
      controls: controls.map((entry) => ({
        entry, ...methods[entry], skill: methods[entry].name === "control:oracle" ? 1 : 0, skill_low: null,
        ...summary(own.get(entry), [...own.get(entry).keys()].sort(), problemOf, ends),
      })),
    };
  }

  return { compute, shown, pristine };
}
