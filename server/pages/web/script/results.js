// Questions to the results of a document.
const Results = (() => {
  const isExternal = (result) => result.cell.provenance === "external";
  const isOk = (result) => result.cell.outcome === "ok";
  const scenario = (result) => result.cell.spec.scenario || "latency";
  const median = (result, metric) => result.cell[metric]?.n > 0 || result.cell[metric]?.median > 0 ? result.cell[metric].median : undefined;
  const interval = (result, metric) => result.intervals?.[metric];

  // What may differ between two results of one model on one path.
  const TRAITS = [
    ["config", (result) => result.cell.spec.config || undefined],
    ["device", (result) => result.device],
    ["dtype", (result) => result.cell.spec.dtype],
    ["tokens", (result) => scenario(result) === "scaling" ? undefined : `${result.cell.prompt_tokens ?? "?"}+${result.cell.spec.decode_tokens ?? "?"}`],
    ["budget", (result) => result.cell.spec.search_iterations > 1 ? `budget ${result.cell.spec.search_iterations}` : undefined],
    ["prefill", (result) => result.cell.spec.prefill_mode === "sequential" ? "sequential prefill" : undefined],
    ["sampling", (result) => result.cell.spec.sampling?.temperature > 0 ? "sampled" : undefined],
    ["streamed", (result) => result.cell.spec.streamed ? "streamed" : undefined],
    ["seed", (result) => result.cell.spec.seed ? `seed ${result.cell.spec.seed}` : undefined],
    ["cache", (result) => result.cell.spec.max_cache_len ? `cache ${result.cell.spec.max_cache_len}` : undefined],
  ];

  // Says of each result what sets it apart from others of this list: only traits that differ among them. Gives a function.
  function distinguish(results) {
    const different = TRAITS.filter(([, read]) => new Set(results.filter((one) => !isExternal(one)).map(read)).size > 1);
    return (result) => Text.join(different.map(([, read]) => read(result)));
  }

  function group(results, key) {
    const groups = new Map();
    for (const result of results) {
      const name = key(result);
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(result);
    }
    return groups;
  }

  const models = (results) => [...new Set(results.map((result) => result.model))];
  const paths = (results) => [...new Set(results.map((result) => result.path))].sort((a, b) => Palette.order(a) - Palette.order(b) || a.localeCompare(b));
  const byPath = (a, b) => Palette.order(a.path) - Palette.order(b.path) || a.path.localeCompare(b.path);

  function range(interval, format) {
    return interval ? `${format(interval[0])} to ${format(interval[1])}` : undefined;
  }

  // A median with its interval in a table.
  function number(result, metric, format) {
    const value = median(result, metric);
    return value === undefined ? "–" : Cell.number(result, value, format(value), range(interval(result, metric), format));
  }

  return {isExternal, isOk, scenario, median, interval, distinguish, group, models, paths, byPath, range, number};
})();
