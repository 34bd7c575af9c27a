// What was measured and on what: a sentence, the machine, and every result.
const Measured = (() => {
  const facts = (pairs) => Dom.make("dl", {class: "facts"}, pairs.filter(([, value]) => value !== undefined && value !== "" && value !== null)
      .map(([name, value]) => [Dom.make("dt", {}, name), Dom.make("dd", {}, typeof value === "string" ? Dom.name(value) : value)]));

  function sentence(run, results) {
    const ok = results.filter(Results.isOk).length, scenarios = [...new Set(results.map(Results.scenario))];
    const left = results.length - ok;
    return `${Text.count(Results.models(results).length, "model")} on ${Text.count(Results.paths(results).length, "path")}, ` +
        `${Text.count(results.length, "result")} (${scenarios.join(", ")}): ${ok} measured` +
        `${left > 0 ? `, ${left} not` : ""}. The run is ${run.state}.`;
  }

  function machine(run) {
    const {server = {}, caller = {}} = run;
    return facts([
      ["Run", `${run.run_id} (${run.mode})`], ["Started", Text.time(run.started_unix_micros)], ["Finished", Text.time(run.finished_unix_micros)],
      ["Note", run.note],
      ["Machine", [server.host, server.os].filter(Boolean).join(", ")],
      ["Processor", server.cpu_model && `${server.cpu_model}, ${Text.count(server.threads ?? 0, "thread")}, ${server.instruction_set}`],
      ["GPU", server.gpu_name && `${server.gpu_name}, driver ${server.gpu_driver || "?"}, CUDA ${server.cuda_version || "?"}`],
      ["Memory", server.memory_total_bytes && `${Text.bytes(server.memory_total_bytes)}, ${Text.bytes(server.memory_available_bytes ?? 0)} available at the start`],
      ["Load at the start", server.load_average !== undefined ? server.load_average.toFixed(2) : undefined],
      ["Daemon built from", server.build_commit],
      ["Asked for by", [caller.host, caller.git_branch, caller.git_commit?.slice(0, 12)].filter(Boolean).join(", ")],
    ]);
  }

  const COLUMNS = [
    {title: "model", text: true}, {title: "path", text: true}, {title: "cell", text: true}, {title: "outcome"},
    {title: "n", numeric: true}, {title: "TTFT", numeric: true}, {title: "TPOT", numeric: true}, {title: "tok/s", numeric: true},
    {title: "of floor", numeric: true}, {title: "search", numeric: true}, {title: "memory", numeric: true}, {title: "note", text: true},
  ];

  function row(result, trait) {
    const {cell} = result, ok = Results.isOk(result), tpot = Results.median(result, "tpot_ms");
    const open = (shown) => Dom.make("button", {type: "button", class: "number", "data-result": String(result.index), onclick: () => Cell.open(result)}, shown);
    return [
      Dom.name(result.model), Dom.name(result.path), Dom.name(trait || Results.scenario(result)),
      ok ? open("ok") : open(`✗ ${cell.outcome}`),
      String(cell.ttft_ms?.n ?? cell.positions?.[0]?.step_ms?.n ?? 0),
      Results.number(result, "ttft_ms", Text.milliseconds), Results.number(result, "tpot_ms", Text.milliseconds),
      tpot === undefined ? "–" : Text.significant(1000 / tpot), cell.bandwidth_fraction > 0 ? Text.percent(cell.bandwidth_fraction) : "–",
      cell.compile_ms > 0 ? Text.milliseconds(cell.compile_ms) : "–", cell.peak_memory_bytes > 0 ? Text.bytes(cell.peak_memory_bytes) : "–",
      Dom.name([cell.error_kind, cell.error_text, cell.note].filter(Boolean).join(": ")),
    ];
  }

  function draw({report, shown}) {
    const trait = Results.distinguish(shown);
    return [
      Dom.make("p", {}, sentence(report.run, shown)), machine(report.run),
      Table.make({caption: "Every result of the run", columns: COLUMNS, rows: shown.map((result) => row(result, trait(result))), bad: (index) => !Results.isOk(shown[index])}),
      Dom.make("p", {class: "quiet"}, "Medians with 95% intervals of the median. Each number opens its whole cell. Of floor: bytes that a decode step must read, at the speed of a plain read of this memory, over the time that it took."),
    ];
  }

  return {id: "measured", title: "What was measured, and on what", draw};
})();
