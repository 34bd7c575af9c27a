// Decode steps one after the other: the median over iterations, their range, and the steps that stand out.
const Timeline = (() => {
  function draw(view) {
    const measured = view.shown.filter((result) => Results.isOk(result) && result.timeline?.position.length > 1).sort(Results.byPath);
    if (measured.length === 0) return null;
    // One result at a time: a step of 300 results is nobody's question.
    const trait = Results.distinguish(measured);
    const label = (result) => Text.label(Text.join([result.model, result.path, trait(result)]));
    const place = Dom.make("div", {class: "figures"});
    const chosen = measured.find((result) => String(result.index) === State.get("timeline")) ?? measured[0];
    const choice = Dom.make("select", {id: "timeline-choice", onchange: (event) => {
      State.set({timeline: event.target.value});
      place.replaceChildren(figure(measured.find((result) => String(result.index) === event.target.value)));
    }}, measured.map((result) => Dom.make("option", {value: String(result.index), selected: result === chosen}, label(result))));
    place.append(figure(chosen));
    return [Dom.make("p", {}, Dom.make("label", {}, "Result ", choice)), place];
  }

  function figure(result) {
    const {position, low, median, high, outliers} = result.timeline, title = `Steps of ${result.model}, ${result.path}`;
    const causes = [...new Set(outliers.map(({cause}) => cause || "cause not known"))];
    const style = () => Palette.of(result.path), outlier = (index) => Palette.at(index + 1);
    const points = (values) => values.map((y, index) => ({x: position[index], y}));
    return Plot.make({
      id: `timeline-${result.index}`, title, wide: true, height: 320,
      says: `The line is the median of a step over iterations, the band reaches from the fastest to the slowest that is no outlier. ${outliers.length === 0 ? "No step stands out." : `${Text.count(outliers.length, "step")} shown far above the others.`}`,
      series: [{name: result.path, style}, ...causes.map((name, index) => ({name, style: () => ({...outlier(index), dash: [0, 30]})}))],
      config: () => ({
        type: "line",
        data: {datasets: [
          {label: "median", data: points(median), borderColor: style().color, backgroundColor: style().color, borderWidth: 1.5, pointRadius: 0},
          {label: "fastest", data: points(low), borderWidth: 0, pointRadius: 0, fill: false},
          {label: "slowest", data: points(high), borderWidth: 0, pointRadius: 0, fill: "-1", backgroundColor: `${style().color}38`},
          ...causes.map((name, index) => ({type: "scatter", clip: 8, label: name, pointStyle: outlier(index).point, pointRadius: 5, backgroundColor: outlier(index).color, borderColor: outlier(index).color,
                                           data: outliers.filter(({cause}) => (cause || "cause not known") === name).map(({position: x, ms: y, iteration}) => ({x, y, iteration}))})),
        ]},
        options: {interaction: {mode: "nearest", intersect: false}, scales: {x: Plot.axis({type: "linear", title: "position", format: (value) => value.toLocaleString("en-US"), min: position[0], max: position.at(-1)}),
                  y: Plot.axis({type: "linear", title: "step", format: Text.milliseconds})},
                  plugins: {tooltip: {callbacks: {title: ([item]) => item ? `position ${item.raw.x}` : "", label: ({dataset, raw}) => `${dataset.label}: ${Text.milliseconds(raw.y)}${raw.iteration === undefined ? "" : `, iteration ${raw.iteration}`}`}}}},
      }),
      table: () => [
        outliers.length > 0 && Table.make({caption: `Outliers: ${title}`, columns: [{title: "position", numeric: true}, {title: "iteration", numeric: true}, {title: "step", numeric: true}, {title: "cause", text: true}],
                                           rows: outliers.map((one) => [String(one.position), String(one.iteration), Cell.number(result, one.ms, Text.milliseconds(one.ms)), Dom.name(one.cause || "not known")])}),
        Table.make({caption: title, columns: [{title: "position", numeric: true}, {title: "fastest", numeric: true}, {title: "median", numeric: true}, {title: "slowest", numeric: true}],
                    rows: position.map((at, index) => [String(at), Text.milliseconds(low[index]), Text.milliseconds(median[index]), Text.milliseconds(high[index])])}),
      ].filter(Boolean).reduce((all, table) => (all.append(table), all), Dom.make("div")),
    });
  }

  return {id: "timeline", title: "Token by token", draw};
})();
