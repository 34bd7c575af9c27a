// Other engines beside ours: what `record` stored, where there is a result of ours for the same model.
const Peers = (() => {
  const METRICS = [["ttft_ms", "TTFT"], ["tpot_ms", "TPOT"]];

  function draw({whole}) {
    const measured = whole.filter((result) => Results.isOk(result) && Results.scenario(result) !== "scaling").sort(Results.byPath);
    const groups = [...Results.group(measured, (result) => result.model)].filter(([, results]) => results.some(Results.isExternal));
    if (groups.length === 0) return null;
    return [
      Dom.make("p", {class: "quiet"}, "Times of other programs were taken by those programs, in processes of their own."),
      Dom.make("div", {class: "figures"}, groups.flatMap(([model, results]) => METRICS.map(([metric, name]) => {
        const some = alike(results).filter((result) => Results.median(result, metric) !== undefined);
        return some.some(Results.isExternal) && Bars.make({
          id: `peers-${metric}-${some[0].index}`, title: `${name} beside others: ${model}`, says: ratioText(some, metric), results: some, metric, format: Text.milliseconds, floor: (result) => result.floor?.[metric],
        });
      })).filter(Boolean)),
    ];
  }

  // Theirs, and those of ours that had the same work to do.
  function alike(results) {
    const work = ({cell: {spec, prompt_tokens: prompt}}) => [spec.dtype, prompt ?? spec.prompt_tokens, spec.decode_tokens].join();
    const theirs = new Set(results.filter(Results.isExternal).map(work));
    return results.filter((result) => Results.isExternal(result) || theirs.has(work(result)));
  }

  // Our fastest against each of theirs, in words.
  function ratioText(results, metric) {
    const ours = results.filter((result) => !Results.isExternal(result)).sort((a, b) => Results.median(a, metric) - Results.median(b, metric))[0];
    if (!ours) return "There is no result of ours beside them.";
    const mine = Results.median(ours, metric);
    return results.filter(Results.isExternal).map((other) => {
      const ratio = Results.median(other, metric) / mine;
      return `${Text.label(other.path)} takes ${Text.ratio(ratio)} the time of ${Text.label(ours.path)}`;
    }).join("; ") + ".";
  }

  return {id: "peers", title: "Beside other engines", draw};
})();
