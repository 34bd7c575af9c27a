// Bars of one metric of one model: a row a result, its interval, and the floor that the device sets.
const Bars = (() => {
  function make({id, title, says, results, metric, format, floor, wide}) {
    const trait = Results.distinguish(results);
    const parts = results.map((result) => [result.path, trait(result)].filter(Boolean)), names = parts.map((part) => Text.join(part));
    const values = results.map((result) => Results.median(result, metric));
    const floors = results.map((result) => floor?.(result) ?? null);
    return Plot.make({
      id, title, says, wide, height: 70 + 36 * results.length,
      config: (width) => ({
        type: "bar",
        data: {labels: parts.map((part) => part.map((text) => Text.label(text, Math.max(12, Math.round(width / 24))))), datasets: [{
          data: values, intervals: results.map((result) => Results.interval(result, metric) ?? null), floors, captions: values.map(format),
          backgroundColor: results.map((result) => Palette.of(result.path).color), barPercentage: 0.72, categoryPercentage: 0.9,
        }]},
        options: {
          indexAxis: "y", layout: {padding: {right: 72}},
          onClick: (_, [element]) => { if (element) Cell.open(results[element.index]); },
          scales: {x: Plot.axis({format, beginAtZero: true, suggestedMax: Math.max(...results.map((result) => Results.interval(result, metric)?.[1] ?? 0)), ticks: {maxTicksLimit: width < 450 ? 4 : 7}}), y: {grid: {display: false}, ticks: {color: Theme.color("text"), autoSkip: false}}},
          plugins: {tooltip: {callbacks: {label: ({dataIndex}) => tip(results[dataIndex], metric, format, floors[dataIndex])}}},
        },
      }),
      table: () => Table.make({
        caption: title,
        columns: [{title: "path", text: true}, {title: "median", numeric: true}, {title: "95% interval", numeric: true}, {title: "n", numeric: true}, {title: "floor", numeric: true}],
        rows: results.map((result, index) => [
          Dom.name(names[index]), Cell.number(result, values[index], format(values[index])), Results.range(Results.interval(result, metric), format) ?? "–",
          String(result.cell[metric].n), floors[index] ? format(floors[index]) : "–"]),
      }),
    });
  }

  function tip(result, metric, format, floor) {
    const range = Results.range(Results.interval(result, metric), format);
    return [format(Results.median(result, metric)), range && `95% interval ${range}`, `${result.cell[metric].n} iterations`, floor && `floor ${format(floor)}`].filter(Boolean);
  }

  return {make};
})();
