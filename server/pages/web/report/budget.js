// What a search costs and what it buys: time to search and TPOT over the budget.
const Budget = (() => {
  const budget = (result) => result.cell.spec.search_iterations;
  const FACETS = [
    ["Time to search", "How long the search took at each budget.", (result) => result.cell.compile_ms, () => undefined],
    ["TPOT by budget", "What a token takes with the plan that was found at each budget.", (result) => Results.median(result, "tpot_ms"), (result) => Results.interval(result, "tpot_ms")],
  ];

  function curves(model, results) {
    const groups = sweeps(results);
    const label = Results.distinguish(groups.map(([, of]) => of[0]));
    return FACETS.map(([name, says, read, interval], index) => {
      const lines = groups.map(([, of]) => ({path: Text.join([of[0].path, label(of[0])]), style: () => Palette.of(of[0].path), points: of.filter((result) => read(result) > 0).sort((a, b) => budget(a) - budget(b))
          .map((result) => ({x: budget(result), y: read(result), interval: interval(result), result}))})).filter(({points}) => points.length > 0);
      return lines.length > 0 && Lines.make({
        id: `budget-${index}-${results[0].index}`, title: `${name}: ${model}`, says, lines,
        x: {title: "plans tried", type: "logarithmic", format: (value) => value.toLocaleString("en-US"), afterBuildTicks: (axis) => ticks(axis, results)},
        y: {title: index === 0 ? "search" : "TPOT", format: Text.milliseconds, beginAtZero: index === 0},
      });
    });
  }

  // Results that differ in their budget alone; a name of a configuration is not a difference.
  function sweeps(results) {
    const same = ({path, device, cell: {spec, prompt_tokens: prompt}}) =>
        JSON.stringify([path, device, {...spec, config: "", search_iterations: 0}, prompt]);
    return [...Results.group(results, same)].filter(([, of]) => new Set(of.map(budget)).size > 1);
  }

  // The budgets themselves: powers of ten would leave a sweep of three without a name.
  function ticks(axis, results) {
    axis.ticks = [...new Set(results.map(budget))].sort((a, b) => a - b).map((value) => ({value}));
  }

  function draw({shown}) {
    const searched = shown.filter((result) => Results.isOk(result) && budget(result) >= 1 && result.cell.compile_ms > 0 && Results.scenario(result) !== "scaling");
    const figures = [...Results.group(searched, (result) => result.model)].flatMap(([model, results]) => {
      if (sweeps(results).length > 0) return curves(model, results);
      const took = results.filter((result) => budget(result) > 1).sort(Results.byPath);
      return took.length > 0 ? [bars(model, took)] : [];
    }).filter(Boolean);
    return figures.length > 0 ? [Dom.make("div", {class: "figures"}, figures)] : null;
  }

  const bars = (model, results) => Bars.make({
    id: `search-${results[0].index}`, title: `Time to search: ${model}`, says: `From the graph to the plan, ${budget(results[0])} plans tried.`,
    results: results.map((result) => ({...result, cell: {...result.cell, compile_ms: {median: result.cell.compile_ms, n: 1}}})), metric: "compile_ms", format: Text.milliseconds,
  });

  return {id: "budget", title: "Time to search", draw};
})();
