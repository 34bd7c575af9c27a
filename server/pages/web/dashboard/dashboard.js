// The dashboard: history over runs, filtered and of one model at a time.
const Dashboard = (() => {
  const SECTIONS = [Changes, Curves, Latest, Budgets];
  const REDRAWN_BY = ["model", "curve", ...Object.keys(History.FILTERS)];

  let dashboard;

  function draw(document_) {
    dashboard = document_;
    document.title = dashboard.title.slice(0, 200);
    const {runs} = dashboard, results = dashboard.series.reduce((sum, {run}) => sum + run.length, 0);
    Page.head({eyebrow: "Metronome dashboard", title: dashboard.title, live: dashboard.live, lead: [
      Text.count(runs.length, "run"), `${Text.count(results, "result")} shown`, runs.length > 0 && `${Text.minute(runs[0].started_unix_micros)} to ${Text.minute(runs.at(-1).started_unix_micros)} UTC`]});
    drawControls();
    drawSections();
  }

  const models = () => [...new Set(dashboard.series.map(({model}) => model))].sort();
  const key = (series) => `${series.model}: ${History.cell(series)}`;

  // The charts show one cell: the one that most runs have, until the reader chooses.
  function view() {
    const model = State.get("model"), passes = History.passing(dashboard);
    const inModel = (series) => model === "" || series.model === model;
    const count = new Map();
    for (const series of dashboard.series.filter(inModel)) count.set(key(series), (count.get(key(series)) ?? 0) + series.run.filter((run) => passes[run]).length);
    const cells = [...count].filter(([, runs]) => runs > 0).sort((a, b) => b[1] - a[1]).map(([name]) => name);
    const chosen = State.get("curve"), cell = cells.includes(chosen) ? chosen : cells[0];
    const sets = new Map();
    const has = (series, run) => {
      if (!sets.has(series)) sets.set(series, new Set(series.run));
      return sets.get(series).has(run);
    };
    return {dashboard, passes, inModel, key, cells, cell, has};
  }

  function drawSections() {
    Plot.forget();
    const seen = view();
    Page.sections(SECTIONS.map((section) => ({section, parts: section.draw(seen)})).filter(({parts}) => parts !== null));
  }

  function choice(name, title, options) {
    if (options.length < 2) return null;
    return Dom.make("label", {}, title, Dom.make("select", {id: name, onchange: (event) => State.set({[name]: event.target.value})},
        Dom.make("option", {value: ""}, "all"), options.map((option) => Dom.make("option", {value: option, selected: option === State.get(name)}, Text.label(option)))));
  }

  function drawControls() {
    Page.controls([choice("model", "Model", models()), ...Object.entries(History.FILTERS).map(([name, read]) => choice(name, name[0].toUpperCase() + name.slice(1), History.values(dashboard, read)))]);
  }

  State.listen((names) => {
    if (dashboard && names.some((name) => REDRAWN_BY.includes(name))) drawSections();
  });

  return {draw};
})();
