// Where the history changed: what a change point separates, newest first.
const Changes = (() => {
  const SHOWN = 12;
  const COLUMNS = [
    {title: "model", text: true}, {title: "path", text: true}, {title: "cell", text: true}, {title: "metric"}, {title: "verdict"}, {title: "before", numeric: true},
    {title: "after", numeric: true}, {title: "change", numeric: true}, {title: "last run before"}, {title: "first run after"},
  ];

  function draw({dashboard, passes, inModel}) {
    const seen = dashboard.changes.filter((change) => passes[change.after_run] && inModel(dashboard.series[change.series]));
    if (dashboard.series.length === 0) return null;
    if (seen.length === 0) return [Dom.make("p", {}, "No change that is more than noise was found in the runs shown.")];
    const sorted = [...seen].sort((a, b) => b.after_run - a.after_run || Math.abs(b.ratio - 1) - Math.abs(a.ratio - 1));
    const table = (caption, changes) => Table.make({caption, columns: COLUMNS, rows: changes.map((change) => row(dashboard, change))});
    const older = Dom.make("details", {}, Dom.make("summary", {}, `${sorted.length - SHOWN} older`));
    older.addEventListener("toggle", () => older.append(table("Older changes", sorted.slice(SHOWN))), {once: true});
    return [
      Dom.make("p", {class: "quiet"}, "Found by the energy distance between the runs before and after, tested by permutations (E-divisive); changes of less than a hundredth are left out. Both runs are links."),
      table("Changes, newest first", sorted.slice(0, SHOWN)), sorted.length > SHOWN && older,
    ].filter(Boolean);
  }

  function row(dashboard, change) {
    const series = dashboard.series[change.series], {name, format} = History.METRICS[change.metric];
    const better = change.metric === "share" ? change.ratio > 1 : change.ratio < 1;
    return [Dom.name(series.model), Dom.name(series.path), Dom.name(History.cell(series)), name, Dom.make("span", {class: `chip ${better ? "good" : "bad"}`}, better ? "better" : "worse"),
            format(change.before), format(change.after), Text.signedPercent(change.ratio - 1), Point.runLink(dashboard, change.before_run), Point.runLink(dashboard, change.after_run)];
  }

  return {id: "changes", title: "What changed", draw};
})();
