// The search itself: every plan that was tried, and the best so far.
const Trials = (() => {
  const OUTCOMES = ["accepted", "slower", "build", "resource", "numeric", "timeout"];
  const style = (outcome) => Palette.at(Math.max(0, OUTCOMES.indexOf(outcome)));
  const milliseconds = (trial) => trial.candidate_ms ?? 0;

  function figure(title, search, id) {
    const timed = search.trials.filter((trial) => milliseconds(trial) > 0);
    if (timed.length === 0) return null;
    const outcomes = [...new Set(timed.map((trial) => trial.outcome))];
    const rejected = search.trials.length - timed.length;
    // Trials carry when they were timed where that is known; else their number stands for it.
    const seconds = timed.every((trial) => trial.at_ms !== undefined);
    const x = (trial) => seconds ? trial.at_ms / 1000 : trial.number;
    return Plot.make({
      id, title, height: 300,
      says: `${Text.count(search.trials.length, "plan")} shown of ${search.tried ?? search.trials.length} tried${rejected > 0 ? `, ${rejected} refused before they were timed` : ""}; the line is the incumbent beside which each was timed. ` +
          `Default ${Text.milliseconds(search.default_ms ?? 0)}, taken ${Text.milliseconds(search.best_ms ?? 0)}.`,
      series: [...outcomes.map((name) => ({name, style: () => ({...style(name), dash: [0, 30]})})), {name: "incumbent", style: () => ({...Palette.at(6), point: "none", dash: []})}],
      config: () => ({
        type: "scatter",
        data: {datasets: [
          ...outcomes.map((name) => ({label: name, data: timed.filter((trial) => trial.outcome === name).map((trial) => ({x: x(trial), y: milliseconds(trial)})),
                                      pointStyle: style(name).point, backgroundColor: style(name).color, borderColor: style(name).color, pointRadius: 4})),
          {type: "line", label: "incumbent", data: timed.map((trial) => ({x: x(trial), y: trial.incumbent_ms})), stepped: "before", borderColor: Palette.at(6).color, borderWidth: 2, pointRadius: 0},
        ]},
        options: {scales: {x: Plot.axis({type: "linear", title: seconds ? "seconds of search" : "trial", format: seconds ? Text.significant : String}), y: Plot.axis({type: "linear", title: "time of a block", format: Text.milliseconds})},
                  plugins: {tooltip: {callbacks: {label: ({dataset, raw}) => `${dataset.label}: ${Text.milliseconds(raw.y)}`}}}},
      }),
      table: () => Table.make({
        caption: title, columns: [{title: "trial", numeric: true}, {title: "outcome", text: true}, {title: "took", numeric: true}, {title: "incumbent", numeric: true}, {title: "detail", text: true}],
        rows: search.trials.map((trial) => [String(trial.number), Dom.name(trial.outcome), milliseconds(trial) > 0 ? Text.milliseconds(trial.candidate_ms) : "–",
                                            trial.incumbent_ms > 0 ? Text.milliseconds(trial.incumbent_ms) : "–", Dom.name(trial.detail ?? "")]),
      }),
    });
  }

  function draw({explanations, shown}) {
    const of = [
      ...shown.filter((result) => result.searches).map((result) => ({name: `${result.model}, ${result.path}`, searches: result.searches, id: `r${result.index}`})),
      ...explanations.map((explanation, index) => ({name: explanation.label, searches: explanation.searches ?? [], id: `e${index}`})),
    ];
    const figures = of.flatMap(({name, searches, id}) => searches.map((search, index) => figure(
        `${name}: block ${search.block ?? 0}, ${Text.count(search.tokens ?? 1, "token")} after ${search.past ?? 0}`, {...search, trials: search.trials ?? []}, `trials-${id}-${index}`))).filter(Boolean);
    return figures.length > 0 ? [Dom.make("div", {class: "figures"}, figures)] : null;
  }

  return {id: "trials", title: "Plans that were tried", draw};
})();
