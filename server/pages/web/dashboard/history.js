// Questions to the history of a dashboard: series {model, path, traits..., run: [...], ttft_ms: [...], ...} over its runs.
const History = (() => {
  const METRICS = {
    tpot_ms: {name: "TPOT", format: Text.milliseconds, says: "Time per token after the first, the median of each run."},
    ttft_ms: {name: "TTFT", format: Text.milliseconds, says: "Time to the first token, the median of each run."},
    search_ms: {name: "Time to search", format: Text.milliseconds, says: "From the graph to the plan."},
    share: {name: "Share of bandwidth", format: Text.percent, says: "Bytes that a step must read, at the speed of a plain read of that machine's memory, over the time it took: one is the floor."},
  };
  const FILTERS = {branch: (run) => run.branch || "no branch", host: (run) => run.host || "no host", device: (run) => run.device || "no device"};

  const cell = (series) => Text.join([series.config, series.scenario !== "latency" && series.scenario, series.tokens, series.dtype, series.budget > 1 && `budget ${series.budget}`, series.other]);

  // Whether a run passes the reader's filters, for each run.
  function passing(dashboard) {
    return dashboard.runs.map((run) => Object.entries(FILTERS).every(([name, read]) => State.get(name) === "" || State.get(name) === read(run)));
  }

  // Points of a series in runs that pass: {run, at, value}; `at` is the place in the series.
  function points(series, metric, passes) {
    const found = [];
    series.run.forEach((run, at) => {
      const value = series[metric]?.[at];
      if (passes[run] && value !== null && value !== undefined) found.push({run, at, value});
    });
    return found;
  }

  const values = (dashboard, read) => [...new Set(dashboard.runs.map(read))].sort();

  function median(numbers) {
    const sorted = [...numbers].sort((a, b) => a - b), middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  return {METRICS, FILTERS, cell, passing, points, values, median};
})();
