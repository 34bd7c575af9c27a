// Decode steps by depth of the cache: how fast, how long, and the paths' ratio.
const Scaling = (() => {
  const short = (positions) => positions >= 1024 ? `${Math.round(positions / 1024)}k` : String(Math.round(positions));
  const depth = {title: "positions in the cache", format: (value) => (2 ** value).toLocaleString("en-US", {maximumFractionDigits: 0}),
                 ticks: (width) => ({stepSize: width < 450 ? 3 : 1, maxTicksLimit: 20, callback: (value) => short(2 ** value)})};
  // t interval of the mean where the store has one; the deviation otherwise.
  const spread = ({step_ms: ms}) => ms.ci95_low > 0 ? [ms.ci95_low, ms.ci95_high] : ms.n > 1 ? [Math.max(ms.min, ms.median - ms.stddev), ms.median + ms.stddev] : undefined;
  const name = (result, several) => several ? `${result.path} · ${result.device}` : result.path;

  function lines(results, several, read, interval) {
    return results.map((result) => ({path: name(result, several), points: result.cell.positions.map((at) => ({
      x: Math.log2(Math.max(1, at.position ?? 0)), y: read(at), interval: interval(at), result}))}));
  }

  function ratios(results, several) {
    const [base, ...others] = results;
    const of = new Map(base.cell.positions.map((at) => [at.position, at.step_ms.median]));
    return others.map((other) => ({path: name(other, several), points: other.cell.positions.filter((at) => of.has(at.position)).map((at) => ({
      x: Math.log2(Math.max(1, at.position ?? 0)), y: of.get(at.position) / at.step_ms.median, result: other}))})).filter(({points}) => points.length > 0);
  }

  function figures([model, results]) {
    const several = new Set(results.map((result) => result.device)).size > 1, id = results[0].index;
    const flip = (range) => range && [1000 / range[1], 1000 / range[0]];
    const base = name(results[0], several), compared = ratios(results, several);
    return [
      Lines.make({id: `scaling-rate-${id}`, title: `Tokens a second by depth: ${model}`, says: "Decode steps over random keys and values, on a logarithmic axis of positions; whiskers are 95% intervals where there are enough steps, deviations otherwise.",
                  lines: lines(results, several, (at) => 1000 / at.step_ms.median, (at) => flip(spread(at))), x: depth, y: {title: "tok/s", format: Text.significant, beginAtZero: true}}),
      Lines.make({id: `scaling-step-${id}`, title: `Step time by depth: ${model}`, says: "The same steps as times.", lines: lines(results, several, (at) => at.step_ms.median, spread), x: depth,
                  y: {title: "step", format: Text.milliseconds, beginAtZero: true}}),
      compared.length > 0 && Lines.make({id: `scaling-ratio-${id}`, title: `How many times as fast as ${base}: ${model}`, says: `Above one: faster than ${base}.`, lines: compared, x: depth,
                                         y: {title: "times as fast", format: Text.ratio, suggestedMin: 0.8, suggestedMax: 1.2}, height: 220, wide: true}),
    ];
  }

  function draw({shown}) {
    const measured = shown.filter((result) => Results.isOk(result) && result.cell.positions?.length > 0).sort(Results.byPath);
    const groups = [...Results.group(measured, (result) => [result.model, result.cell.spec.dtype].join(", "))];
    return groups.length > 0 ? [Dom.make("div", {class: "figures"}, groups.flatMap(figures).filter(Boolean))] : null;
  }

  return {id: "scaling", title: "Scaling with the cache", draw};
})();
