// The newest value of every series, beside the median of those before it.
const Latest = (() => {
  const BEFORE = 10;  // Runs that the newest is compared with.

  function draw({dashboard, passes, inModel}) {
    const rows = dashboard.series.filter(inModel).map((series) => {
      const points = History.points(series, "tpot_ms", passes), other = points.length > 0 ? points : History.points(series, "ttft_ms", passes);
      return {series, points: other, metric: points.length > 0 ? "tpot_ms" : "ttft_ms"};
    }).filter(({points}) => points.length > 0).sort((a, b) => a.series.model.localeCompare(b.series.model) || Palette.order(a.series.path) - Palette.order(b.series.path));
    if (rows.length === 0) return [Dom.make("p", {}, "No run passes these filters.")];
    return [Table.make({
      caption: "The newest result of each series",
      columns: [{title: "model", text: true}, {title: "path", text: true}, {title: "cell", text: true}, {title: "host", text: true}, {title: "runs", numeric: true}, {title: "metric"}, {title: "newest", numeric: true}, {title: "median before", numeric: true}, {title: "difference", numeric: true}, {title: "of floor", numeric: true}, {title: "run"}],
      rows: rows.map((one) => row(dashboard, one)),
    })];
  }

  function row(dashboard, {series, points, metric}) {
    const newest = points.at(-1), before = points.slice(-1 - BEFORE, -1).map(({value}) => value), {name, format} = History.METRICS[metric];
    const usual = before.length > 0 ? History.median(before) : undefined, share = series.share?.[newest.at];
    const number = Dom.make("button", {type: "button", class: "number", "data-value": String(newest.value), "data-result": String(series.result[newest.at]), onclick: () => Point.open(dashboard, series, newest.at)}, format(newest.value));
    return [Dom.name(series.model), Dom.name(series.path), Dom.name(History.cell(series)), Dom.name(series.host || "–"), String(points.length), name, number, usual === undefined ? "–" : format(usual),
            usual === undefined ? "–" : Text.signedPercent(newest.value / usual - 1), share ? Text.percent(share) : "–", Point.runLink(dashboard, newest.run)];
  }

  return {id: "latest", title: "Now", draw};
})();
