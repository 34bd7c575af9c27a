// One result in the history: its numbers, its run, and where to see more.
const Point = (() => {
  function open(dashboard, series, at) {
    const dialog = document.getElementById("cell"), run = dashboard.runs[series.run[at]];
    const shown = Object.entries(History.METRICS).filter(([metric]) => series[metric]?.[at] !== null && series[metric]?.[at] !== undefined)
        .map(([metric, {name, format}]) => [name, `${format(series[metric][at])} (${series[metric][at]})`]);
    Dom.refill(
        dialog,
        Dom.make("div", {class: "title"}, Dom.make("h2", {id: "cell-title"}, Dom.name(series.model), " · ", Dom.name(series.path)),
                 Dom.make("button", {type: "button", onclick: () => dialog.close()}, "Close")),
        Table.make({caption: "The result", columns: [{title: "field"}, {title: "value", text: true}], rows: [
          ["cell", Dom.name(History.cell(series))], ...shown, ["plan", dashboard.plans[series.plan?.[at]] ?? "–"], ["result", String(series.result[at])], ...about(run)]}),
        Dom.make("h3", {}, "The whole run"), more(dashboard, run));
    dialog.showModal();
  }

  const about = (run) => [
    ["run", run.run_id], ["started", Text.time(run.started_unix_micros)], ["commit", run.commit || "–"], ["branch", Dom.name(run.branch || "–")], ["host", Dom.name(run.host || "–")],
    ["device", Dom.name(run.device || "–")], ["note", Dom.name(run.note || "–")]];

  function more(dashboard, run) {
    if (dashboard.live) return Dom.make("p", {}, Dom.make("a", {href: `/runs/${encodeURIComponent(run.run_id)}`}, "Its report"));
    return Cell.command(`bench-client report ${run.run_id} -o ${run.run_id}.html`);
  }

  // A run that can be looked at.
  function runLink(dashboard, index) {
    const run = dashboard.runs[index], text = Text.minute(run.started_unix_micros);
    if (dashboard.live) return Dom.make("a", {href: `/runs/${encodeURIComponent(run.run_id)}`, title: run.run_id}, text);
    return Dom.make("button", {type: "button", class: "number", title: run.run_id, onclick: () => openRun(dashboard, run)}, text);
  }

  function openRun(dashboard, run) {
    const dialog = document.getElementById("cell");
    Dom.refill(
        dialog,
        Dom.make("div", {class: "title"}, Dom.make("h2", {id: "cell-title"}, "Run ", run.run_id), Dom.make("button", {type: "button", onclick: () => dialog.close()}, "Close")),
        Table.make({caption: "The run", columns: [{title: "field"}, {title: "value", text: true}], rows: about(run)}), Dom.make("h3", {}, "The whole run"), more(dashboard, run));
    dialog.showModal();
  }

  return {open, runLink};
})();
