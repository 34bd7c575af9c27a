// Lines over an axis of numbers, one for each path: points {x, y, interval, result, label}.
const Lines = (() => {
  // `lines` is a list of {path, points}; `x` and `y` are {title, format, type, ...} of the axes.
  function make({id, title, says, lines, x, y, wide, height = 300, extra = () => []}) {
    const named = lines.map((line) => ({...line, style: line.style ?? (() => Palette.of(line.path))}));
    return Plot.make({
      id, title, says, wide, height, series: named.map(({path, style}) => ({name: path, style})),
      config: (width) => ({
        type: "line",
        data: {datasets: [...named.map(({path, points, style}) => dataset(path, points, style())), ...extra()]},
        options: {
          onClick: (_, [element], chart) => {
            const point = element && chart.data.datasets[element.datasetIndex].data[element.index];
            if (point?.result) Cell.open(point.result);
          },
          scales: {x: Plot.axis({type: "linear", ...x, ticks: x.ticks?.(width)}), y: Plot.axis({type: "linear", ...reach(named), ...y})},
          plugins: {tooltip: {callbacks: {title: ([item]) => item ? `${x.title}: ${x.format(item.raw.x)}` : "", label: ({dataset: of, raw}) => tip(of.label, raw, y)}}},
        },
      }),
      table: () => Table.make({
        caption: title,
        columns: [{title: "path", text: true}, {title: x.title, numeric: true}, {title: y.title, numeric: true}, {title: "95% interval", numeric: true}],
        rows: named.flatMap(({path, points}) => points.map((point) => [
          Dom.name(path), x.format(point.x), point.result ? Cell.number(point.result, point.y, y.format(point.y)) : y.format(point.y), Results.range(point.interval, y.format) ?? "–"])),
      }),
    });
  }

  // Intervals stay within the axis.
  function reach(lines) {
    const ends = lines.flatMap(({points}) => points.flatMap(({interval}) => interval ?? []));
    return ends.length > 0 ? {suggestedMin: Math.min(...ends), suggestedMax: Math.max(...ends)} : {};
  }

  function dataset(path, points, style) {
    return {
      label: Text.label(path), data: points, intervals: points.some((point) => point.interval) ? points.map((point) => point.interval ?? null) : undefined,
      borderColor: style.color, backgroundColor: style.color, pointStyle: style.point, borderDash: style.dash, borderWidth: 2, pointRadius: 4,
      pointHoverRadius: 6,
    };
  }

  function tip(name, point, y) {
    return `${name}: ${y.format(point.y)}${point.interval ? ` (${Results.range(point.interval, y.format)})` : ""}`;
  }

  return {make, dataset};
})();
