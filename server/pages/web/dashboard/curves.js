// The history of one cell of one model: a figure a metric, a line a path, a column a run.
const Curves = (() => {
  const POINTS = 120;  // Runs up to which points are drawn on the lines.

  function draw(view) {
    const {dashboard, passes, cells, cell} = view;
    if (cells.length === 0) return null;
    const series = dashboard.series.filter((one) => view.inModel(one) && view.key(one) === cell);
    const runs = dashboard.runs.map((_, index) => index).filter((index) => passes[index] && series.some((one) => view.has(one, index)));
    const choice = Dom.make("select", {id: "curve", onchange: (event) => State.set({curve: event.target.value})},
                            cells.map((name) => Dom.make("option", {value: name, selected: name === cell}, Text.label(name))));
    const hosts = new Set(series.map(({host}) => host)).size > 1, devices = new Set(series.map(({device}) => device)).size > 1;
    const label = (one) => Text.join([one.path, hosts && one.host, devices && one.device]);
    return [
      Dom.make("p", {}, Dom.make("label", {}, "Cell ", choice)),
      Dom.make("div", {class: "figures"}, Object.keys(History.METRICS).map((metric) => figure(view, metric, series, runs, label)).filter(Boolean)),
    ];
  }

  function figure({dashboard, passes}, metric, series, runs, label) {
    const {name, format, says} = History.METRICS[metric], column = new Map(runs.map((run, index) => [run, index]));
    const lines = series.map((one) => ({one, points: History.points(one, metric, passes)})).filter(({points}) => points.length > 0);
    if (lines.length === 0) return null;
    const events = [
      ...dashboard.changes.filter((change) => change.metric === metric && lines.some(({one}) => dashboard.series[change.series] === one) && column.has(change.after_run))
          .map((change) => ({kind: "change", index: column.get(change.after_run), text: `${label(dashboard.series[change.series])}: ${format(change.before)} to ${format(change.after)}`})),
      ...notes(dashboard, column),
    ];
    const at = (index) => events.filter((event) => event.index === index).map(({text}) => text);
    // Lines of one path on several machines differ in their dashes.
    const styles = lines.map(({one}, index) => () => ({...Palette.of(one.path), dash: lines.slice(0, index).some((other) => other.one.path === one.path) ? [3, 3] : Palette.of(one.path).dash}));
    return Plot.make({
      id: `history-${metric}`, title: `${name} over runs`, wide: true, height: 320,
      says: `${says} ${events.some(({kind}) => kind === "change") ? "Dashed lines with a disc: changes. " : ""}${events.some(({kind}) => kind === "note") ? "Dotted lines with a square: notes." : ""}`,
      series: lines.map(({one}, index) => ({name: label(one), style: styles[index]})),
      config: (width) => ({
        type: "line",
        data: {labels: runs.map((run) => Text.minute(dashboard.runs[run].started_unix_micros).split(" ")), datasets: lines.map(({one, points}, index) => {
          const data = new Array(runs.length).fill(null), style = styles[index]();
          for (const point of points) data[column.get(point.run)] = point.value;
          return {label: Text.label(label(one)), data, spanGaps: true, borderColor: style.color, backgroundColor: style.color, pointStyle: style.point, borderDash: style.dash, borderWidth: 2,
                  pointRadius: runs.length <= POINTS ? 4 : 0, pointHoverRadius: 6, pointHitRadius: 8};
        })},
        options: {
          events_: events, interaction: {mode: "index", intersect: false},
          onClick: (_, [element]) => {
            const line = element && lines[element.datasetIndex], point = line?.points.find(({run}) => column.get(run) === element.index);
            if (point) Point.open(dashboard, line.one, point.at);
          },
          scales: {x: {type: "category", grid: {display: false}, ticks: {maxRotation: 0, autoSkip: true, maxTicksLimit: Math.max(2, Math.floor(width / 95))}}, y: Plot.axis({type: "linear", format, beginAtZero: metric === "share"})},
          plugins: {tooltip: {callbacks: {title: ([item]) => item ? tipTitle(dashboard.runs[runs[item.dataIndex]]) : "", label: ({dataset, raw}) => `${dataset.label}: ${format(raw)}`,
                                          footer: ([item]) => item ? [...planLines(dashboard, lines, runs[item.dataIndex]), ...at(item.dataIndex).map((text) => Text.label(text))] : []}}},
        },
      }),
      table: () => table(dashboard, name, format, lines, runs, label, at, metric),
    });
  }

  // A note of a run stands at the run; one of a date at the first run that began then or later.
  function notes(dashboard, column) {
    const ofRuns = dashboard.runs.flatMap((run, index) => run.note && column.has(index) ? [{kind: "note", index: column.get(index), text: run.note}] : []);
    const ofDates = dashboard.notes.flatMap(({unix_micros: when, text}) => {
      const run = [...column.keys()].find((index) => dashboard.runs[index].started_unix_micros >= when);
      return run === undefined ? [] : [{kind: "note", index: column.get(run), text}];
    });
    return [...ofRuns, ...ofDates];
  }

  const tipTitle = (run) => [Text.time(run.started_unix_micros), [run.commit && `commit ${run.commit.slice(0, 12)}`, run.branch].filter(Boolean).map((text) => Text.label(text)).join(" on "), Text.label([run.host, run.device].filter(Boolean).join(", "))].filter(Boolean);

  function planLines(dashboard, lines, run) {
    return lines.flatMap(({one}) => {
      const place = one.run.indexOf(run), plan = place < 0 ? undefined : dashboard.plans[one.plan?.[place]];
      return plan ? [`plan of ${Text.label(one.path)}: ${plan}`] : [];
    });
  }

  function table(dashboard, name, format, lines, runs, label, at, metric) {
    return Table.make({
      caption: `${name} over runs, newest first`,
      columns: [{title: "run"}, {title: "commit"}, ...lines.map(({one}) => ({title: Dom.name(label(one)), numeric: true})), {title: "events", text: true}],
      rows: runs.map((run, index) => [run, index]).reverse().map(([run, index]) => [
        Point.runLink(dashboard, run), dashboard.runs[run].commit?.slice(0, 12) || "–",
        ...lines.map(({one, points}) => {
          const point = points.find((candidate) => candidate.run === run);
          return point ? Dom.make("button", {type: "button", class: "number", "data-value": String(point.value), "data-result": String(one.result[point.at]), "data-metric": metric, onclick: () => Point.open(dashboard, one, point.at)}, format(point.value)) : "–";
        }), Dom.name(at(index).join("; "))]),
    });
  }

  return {id: "history", title: "History", draw};
})();
