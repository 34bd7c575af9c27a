// Kernels of a step under the roof that the device sets.
const Roofline = (() => {
  const NAMED = 5;  // The kernels that take most of the step carry their names.

  function draw({explanations}) {
    const figures = explanations.filter(({kernels, read_bytes_per_second: read}) => kernels?.length > 0 && read > 0).map(figure);
    return figures.length > 0 ? [Dom.make("div", {class: "figures"}, figures)] : null;
  }

  function figure(explanation, index) {
    const {kernels, read_bytes_per_second: read, matmul_flops_per_second: peak, step_ms: step} = explanation;
    const points = kernels.filter(({bytes, flops, ms}) => bytes > 0 && flops > 0 && ms > 0).map((kernel) => ({
      x: kernel.flops / kernel.bytes, y: kernel.flops / (kernel.ms * 1e6), kernel, share: kernel.ms / step}));
    if (points.length === 0) return null;
    const ridge = peak / read, edges = [Math.min(...points.map(({x}) => x), ridge) / 4, Math.max(...points.map(({x}) => x), ridge) * 4];
    const roof = (x) => Math.min(x * read, peak) / 1e9;
    const style = () => Palette.at(0);
    const title = `Roofline: ${explanation.label}`;
    return Plot.make({
      id: `roofline-${index}`, title, wide: true, height: 360,
      says: `A step of ${Text.count(explanation.tokens ?? 1, "token")} after ${explanation.past ?? 0} takes ${Text.milliseconds(step)}; memory reads ${Text.significant(read / 1e9)} GB/s, products reach ${Text.significant(peak / 1e9)} GFLOP/s. Larger points take more of the step.`,
      series: [{name: "kernel", style: () => ({...style(), dash: [0, 30]})}, {name: "roof", style: () => ({...Palette.at(6), point: "none", dash: []})}],
      config: () => ({
        type: "scatter",
        data: {datasets: [
          {label: "kernel", data: points, backgroundColor: `${style().color}b0`, borderColor: style().color, pointRadius: points.map(({share}) => 4 + 14 * Math.sqrt(share)),
           captions: points.map(({kernel}, rank) => rank < NAMED ? Text.label(kernel.kernel) : null)},
          {type: "line", label: "roof", data: [edges[0], ridge, edges[1]].map((x) => ({x, y: roof(x)})), borderColor: Palette.at(6).color, borderWidth: 2, pointRadius: 0},
        ]},
        options: {scales: {x: Plot.axis({type: "logarithmic", title: "FLOP a byte", min: edges[0], max: edges[1], afterBuildTicks: Plot.decades}), y: Plot.axis({type: "logarithmic", title: "GFLOP/s", afterBuildTicks: Plot.decades})},
                  plugins: {tooltip: {callbacks: {label: ({raw}) => raw.kernel ? `${raw.kernel.kernel}: ${Text.milliseconds(raw.kernel.ms)}, ${Text.percent(raw.kernel.roofline ?? 0)} of the roof` : `roof: ${Text.significant(raw.y)} GFLOP/s`}}}},
      }),
      table: () => Table.make({
        caption: title, columns: [{title: "kernel"}, {title: "calls", numeric: true}, {title: "time", numeric: true}, {title: "of step", numeric: true}, {title: "bytes", numeric: true}, {title: "GB/s", numeric: true}, {title: "GFLOP/s", numeric: true}, {title: "of roof", numeric: true}, {title: "operands", text: true}],
        rows: kernels.map((kernel) => [Dom.name(kernel.kernel), String(kernel.calls ?? 0), Text.milliseconds(kernel.ms ?? 0), Text.percent((kernel.ms ?? 0) / step), Text.bytes(kernel.bytes ?? 0),
                                       Text.significant((kernel.bytes ?? 0) / (kernel.ms * 1e6)), Text.significant((kernel.flops ?? 0) / (kernel.ms * 1e6)), Text.percent(kernel.roofline ?? 0), Dom.name(kernel.operands ?? "")]),
      }),
    });
  }

  return {id: "roofline", title: "Kernels under the roof", draw};
})();
