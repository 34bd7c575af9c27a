// Where the time to the first token goes: stages {name, ms} of a result, one after the other.
const Waterfall = (() => {
  function draw({shown}) {
    const measured = shown.filter((result) => Results.isOk(result) && result.stages?.length > 0).sort(Results.byPath);
    if (measured.length === 0) return null;
    const figures = [...Results.group(measured, (result) => result.model)].map(([model, results]) => figure(model, results));
    return [Dom.make("div", {class: "figures"}, figures)];
  }

  function figure(model, results) {
    const stages = [...new Set(results.flatMap((result) => result.stages.map(({name}) => name)))];
    const trait = Results.distinguish(results), names = results.map((result) => Text.join([result.path, trait(result)]));
    const of = (result, name) => result.stages.find((stage) => stage.name === name)?.ms ?? 0;
    const style = (index) => ({...Palette.at(index), point: "rect", dash: [0, 30]});
    return Plot.make({
      id: `waterfall-${results[0].index}`, title: `Stages of TTFT: ${model}`, says: "From the request to the first token, each stage at its median.", height: 70 + 38 * results.length,
      series: stages.map((name, index) => ({name, style: () => style(index)})),
      config: () => ({
        type: "bar",
        data: {labels: names.map((text) => Text.label(text)), datasets: stages.map((name, index) => ({label: Text.label(name), data: results.map((result) => of(result, name)),
                                                                                    backgroundColor: style(index).color, borderColor: Theme.color("surface"), borderWidth: 1}))},
        options: {indexAxis: "y", scales: {x: Plot.axis({stacked: true, format: Text.milliseconds}), y: {stacked: true, grid: {display: false}, ticks: {color: Theme.color("text")}}},
                  plugins: {tooltip: {callbacks: {label: ({dataset, raw}) => `${dataset.label}: ${Text.milliseconds(raw)}`}}}},
      }),
      table: () => Table.make({caption: `Stages of TTFT: ${model}`, columns: [{title: "path", text: true}, ...stages.map((name) => ({title: Dom.name(name), numeric: true}))],
                               rows: results.map((result, index) => [Dom.name(names[index]), ...stages.map((name) => Cell.number(result, of(result, name), Text.milliseconds(of(result, name))))])}),
    });
  }

  return {id: "waterfall", title: "Before the first token", draw};
})();
