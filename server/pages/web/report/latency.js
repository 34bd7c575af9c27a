// TTFT and TPOT by path, a pair of figures for each model.
const Latency = (() => {
  const METRICS = [
    ["ttft_ms", "TTFT", "Time to the first token; the bar ends at the median, the whisker spans its 95% interval, and the thick mark is the time that reading the weights once takes."],
    ["tpot_ms", "TPOT", "Time per token after the first; the thick mark is the time that reading weights and cache once takes: no step can be faster on this memory."],
  ];

  function draw({shown}) {
    const measured = shown.filter((result) => Results.isOk(result) && Results.scenario(result) !== "scaling").sort(Results.byPath);
    const figures = [...Results.group(measured, (result) => result.model)].flatMap(([model, results]) => METRICS.map(([metric, name, says]) => {
      const some = results.filter((result) => Results.median(result, metric) !== undefined);
      return some.length > 0 && Bars.make({
        id: `latency-${metric}-${some[0].index}`, title: `${name} of ${model}`, says, results: some, metric, format: Text.milliseconds,
        floor: (result) => result.floor?.[metric],
      });
    })).filter(Boolean);
    return figures.length > 0 ? [Dom.make("div", {class: "figures"}, figures)] : null;
  }

  return {id: "latency", title: "First token and tokens after", draw};
})();
