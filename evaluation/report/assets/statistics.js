"use strict";
// Skill, means, intervals and ties of any selection of cells: the rules of the Python side again,
// so that filters recompute what they should.

function mulberry32(seed) {
  return function () {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// 0 at chance, 1 at the oracle, never outside; null where chance is as good as the oracle.
function skillOf(value, ends, best) {
  const goodness = (v) => -Math.abs(v - best);
  const low = goodness(ends[0]), gap = goodness(ends[1]) - low;
  if (!(gap > 0.01)) return null;
  if (value === null) return 0;
  return Math.min(1, Math.max(0, (goodness(value) - low) / gap));
}

function quantile(sorted, q) {
  const at = q * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

// Problems with replacement, then seeds within each; one set of draws serves every method.
function bootstrap(values, groups, draws, seed) {
  const random = mulberry32(seed), count = groups.length, size = values[0].length;
  const samples = values.map(() => new Float64Array(draws));
  const weight = new Float64Array(size);
  for (let b = 0; b < draws; b++) {
    weight.fill(0);
    for (let p = 0; p < count; p++) {
      const cells = groups[Math.floor(random() * count)];
      for (let s = 0; s < cells.length; s++)
        weight[cells[Math.floor(random() * cells.length)]] += 1 / (count * cells.length);
    }
    values.forEach((row, m) => {
      let total = 0;
      for (let c = 0; c < size; c++) total += weight[c] * row[c];
      samples[m][b] = total;
    });
  }
  return samples;
}

function interval(samples) {
  const sorted = Float64Array.from(samples).sort();
  return [quantile(sorted, 0.025), quantile(sorted, 0.975)];
}

// Rank methods given rows of skill over the same cells; `groups` lists the cells of each problem.
function rankRows(values, groups, margin) {
  if (!groups.length) return values.map(() => ({
    skill: 0, rank: 1, rank_low: 1, rank_high: values.length, tie_group: 1, skill_low: null, skill_high: null,
  }));
  if (!values.length) return [];
  const means = values.map((row) => mean(groups.map((cells) => mean(cells.map((c) => row[c])))));
  const found = means.map((skill) => ({
    skill, rank: 1 + means.filter((other) => other - skill > margin).length,
    skill_low: null, skill_high: null, tie_group: 0,
  }));
  const enough = groups.length > 1 || (groups.length === 1 && groups[0].length > 2);
  const samples = enough ? bootstrap(values, groups, 1000, 1) : null;
  found.forEach((row, m) => {
    row.rank_low = row.rank;
    row.rank_high = means.filter((other) => other - row.skill >= -margin).length;
    if (!samples) return;
    [row.skill_low, row.skill_high] = interval(samples[m]);
    const ahead = [], behind = [];
    for (let b = 0; b < samples[m].length; b++) {
      let better = 0, level = 0;
      for (const other of samples) {
        if (other[b] - samples[m][b] > margin) better++;
        if (other[b] - samples[m][b] >= -margin) level++;
      }
      ahead.push(1 + better);
      behind.push(level);
    }
    const ascending = (a, b) => a - b;
    row.rank_low = Math.floor(quantile(ahead.sort(ascending), 0.025));
    row.rank_high = Math.ceil(quantile(behind.sort(ascending), 0.975));
  });
  const order = means.map((_, m) => m).sort((a, b) => means[b] - means[a]);
  for (let group = 1; order.some((m) => !found[m].tie_group); group++) {
    const free = order.filter((m) => !found[m].tie_group), lead = free[0];
    for (const m of free) {
      const low = samples
        ? interval(samples[lead].map((v, b) => v - samples[m][b]))[0]
        : means[lead] - means[m];
      if (m === lead || low <= margin) found[m].tie_group = group;
    }
  }
  return found;
}

// Share of problems on which one is ahead of another by more than the margin; a tie is half.
function winRate(one, other, margin) {
  const points = [...one].filter(([p, cell]) => cell.skill !== null && other.has(p) && other.get(p).skill !== null)
    .map(([p, cell]) => cell.skill - other.get(p).skill)
    .map((gap) => (gap > margin + 1e-9 ? 1 : gap < -margin - 1e-9 ? 0 : 0.5));
  return points.length ? mean(points) : null;
}
