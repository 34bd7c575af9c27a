// Search budget by run: TPOT of each, as a table whose colours repeat its numbers.
const Budgets = (() => {
  const RUNS = 30;

  function draw(view) {
    const {dashboard, passes} = view;
    const groups = Results.group(dashboard.series.filter((one) => view.inModel(one)), (one) => [one.model, one.path, one.config, one.tokens, one.dtype, one.host, one.other].join("\u0001"));
    const figures = [...groups.values()].filter((series) => new Set(series.map(({budget}) => budget)).size > 1).map((series) => figure(dashboard, passes, series)).filter(Boolean);
    return figures.length > 0 ? [Dom.make("div", {class: "figures"}, figures)] : null;
  }

  function figure(dashboard, passes, series) {
    const sorted = [...series].sort((a, b) => a.budget - b.budget).map((one) => ({one, points: new Map(History.points(one, "tpot_ms", passes).map((point) => [point.run, point]))}));
    const runs = [...new Set(sorted.flatMap(({points}) => [...points.keys()]))].sort((a, b) => a - b).slice(-RUNS);
    if (runs.length === 0) return null;
    const all = sorted.flatMap(({points}) => runs.flatMap((run) => points.has(run) ? [points.get(run).value] : [])), low = Math.min(...all), high = Math.max(...all);
    const title = `TPOT by budget and run: ${series[0].model}, ${series[0].path}`;
    return Suite.color(Dom.make("figure", {class: "wide"}, Dom.make("figcaption", {}, Dom.make("h3", {}, Dom.name(title)), Dom.make("p", {}, `Darker is slower. The newest ${Text.count(runs.length, "run")}.`)),
        Table.make({caption: title, columns: [{title: "budget"}, ...runs.map((run) => ({title: Point.runLink(dashboard, run)}))], rows: sorted.map(({one, points}) => [
          String(one.budget), ...runs.map((run) => {
            const point = points.get(run);
            if (!point) return "–";
            return Dom.make("button", {type: "button", class: "number", "data-value": String(point.value), "data-heat": String(0.08 + 0.4 * (high > low ? (point.value - low) / (high - low) : 0)), onclick: () => Point.open(dashboard, one, point.at)}, Text.milliseconds(point.value));
          })])})));
  }

  return {id: "budgets", title: "Search budget over runs", draw};
})();
