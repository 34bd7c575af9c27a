// A report: its head, its controls, its sections in the order of a reader's questions.
const Report = (() => {
  const SECTIONS = [Answer, Validity, Measured, Latency, Budget, Trials, Scaling, Suite, Waterfall, Timeline, Roofline, Peers];
  const FEW = 4;  // Paths that are shown until the reader asks for more.

  let report;

  function draw(document_) {
    report = document_;
    report.results.forEach((result, index) => { result.index = index; });
    document.title = report.title.slice(0, 200);
    const {run} = report;
    Page.head({eyebrow: "Metronome report", title: report.title, lead: [Text.time(run.started_unix_micros), run.server?.host, report.device, run.state === "running" ? "still running" : undefined], live: report.live});
    drawControls();
    drawSections();
    const cell = report.results[Number(State.get("cell", "-1"))];
    if (cell && !document.getElementById("cell").open) Cell.open(cell);
  }

  const ours = () => Results.paths(report.results.filter((result) => !Results.isExternal(result)));

  // An external path stands in the section of peers unless it is asked for.
  function chosenPaths() {
    return State.list("paths") ?? (ours().length > 0 ? ours().slice(0, FEW) : Results.paths(report.results));
  }

  function view() {
    const model = State.get("model"), paths = new Set(chosenPaths());
    const whole = report.results.filter((result) => model === "" || result.model === model);
    return {
      report, whole, shown: whole.filter((result) => paths.has(result.path)),
      explanations: report.explanations.filter((explanation) => model === "" || explanation.model_label === model),
    };
  }

  function drawSections() {
    Plot.forget();
    const seen = view();
    const drawn = SECTIONS.map((section) => ({section, parts: section.draw(seen)})).filter(({parts}) => parts !== null);
    Page.sections(drawn);
  }

  function drawControls() {
    const models = Results.models(report.results), chosen = new Set(chosenPaths());
    const choosePath = () => State.set({paths: [...document.querySelectorAll("#paths input:checked")].map((box) => box.value)});
    Page.controls([
      models.length > 1 && Dom.make("label", {}, "Model", Dom.make("select", {id: "model", onchange: (event) => State.set({model: event.target.value})},
          Dom.make("option", {value: ""}, `all ${models.length}`), models.map((model) => Dom.make("option", {value: model, selected: model === State.get("model")}, Text.label(model))))),
      Dom.make("fieldset", {id: "paths"}, Dom.make("legend", {}, "Paths"), Results.paths(report.results).map((path) => Dom.make(
          "label", {}, Dom.make("input", {type: "checkbox", value: path, checked: chosen.has(path), onchange: choosePath}), Palette.swatch(Palette.of(path)), Dom.name(Text.label(path))))),
    ]);
  }

  State.listen((names) => {
    if (!report) return;
    if (names.includes("model") || names.includes("paths")) drawSections();
  });
  Theme.listen(() => { if (report) drawControls(); });

  return {draw};
})();
