// What Chart.js does not draw: intervals, floors and values beside bars, events above a time axis, and names at points. A dataset
// carries `intervals` ([low, high] or null for each point), `floors` (a number or null) and `captions` (text or null).
const Marks = (() => {
  const INK = () => Theme.color("text");

  function line(context, points) {
    context.beginPath();
    points.forEach(([x, y], index) => index === 0 ? context.moveTo(x, y) : context.lineTo(x, y));
    context.stroke();
  }

  // Along the axis of values; `across` pixels to both sides of the point.
  function whisker(context, horizontal, scale, at, [low, high], across) {
    const from = scale.getPixelForValue(low), to = scale.getPixelForValue(high);
    const turn = (along, beside) => horizontal ? [along, beside] : [beside, along];
    line(context, [turn(from, at), turn(to, at)]);
    for (const end of [from, to]) line(context, [turn(end, at - across), turn(end, at + across)]);
  }

  // Names at points keep clear of each other: one that would cover another is left to the tooltip and the table.
  function write(context, area, taken, text, x, y) {
    const width = context.measureText(text).width;
    if (x + width > area.right || taken.some((other) => Math.abs(other.y - y) < 13 && x < other.x + other.width && other.x < x + width)) return;
    taken.push({x, y, width});
    context.fillText(text, x, y);
  }

  function drawDataset(chart, meta, dataset) {
    const {ctx: context} = chart, taken = [];
    const horizontal = meta.vScale.axis === "x", bars = meta.type === "bar";
    meta.data.forEach((point, index) => {
      if (point.skip) return;
      const at = horizontal ? point.y : point.x, half = bars ? (horizontal ? point.height : point.width) / 2 : 4;
      const interval = dataset.intervals?.[index], floor = dataset.floors?.[index], caption = dataset.captions?.[index];
      context.lineWidth = 1.5;
      if (interval) {
        context.strokeStyle = bars ? INK() : dataset.borderColor;
        whisker(context, horizontal, meta.vScale, at, interval, Math.min(half * 0.6, 5));
      }
      if (floor) {
        const pixel = meta.vScale.getPixelForValue(floor);
        context.strokeStyle = INK();
        context.lineWidth = 3;
        line(context, horizontal ? [[pixel, at - half - 2], [pixel, at + half + 2]] : [[at - half - 2, pixel], [at + half + 2, pixel]]);
      }
      if (caption) {
        const end = interval ? meta.vScale.getPixelForValue(interval[1]) : point.x;
        context.fillStyle = INK();
        context.font = `12px ${Chart.defaults.font.family}`;
        context.textBaseline = "middle";
        context.textAlign = "left";
        if (bars) context.fillText(caption, Math.max(end, point.x) + 6, at);
        else write(context, chart.chartArea, taken, caption, point.x + point.options.radius + 4, point.y - 8);
      }
    });
  }

  // Events: {index, text, kind: "change" or "note"} over a category axis.
  function drawEvents(chart, events) {
    const {ctx: context, chartArea: area, scales: {x}} = chart;
    for (const event of events) {
      const at = x.getPixelForValue(event.index);
      if (at < area.left - 1 || at > area.right + 1) continue;
      const color = Theme.color(event.kind === "change" ? "bad" : "quiet");
      context.strokeStyle = context.fillStyle = color;
      context.lineWidth = 1.5;
      context.setLineDash(event.kind === "change" ? [5, 4] : [1, 3]);
      line(context, [[at, area.top], [at, area.bottom]]);
      context.setLineDash([]);
      context.beginPath();
      if (event.kind === "change") context.arc(at, area.top, 5, 0, 2 * Math.PI);
      else context.rect(at - 4, area.top - 4, 8, 8);
      context.fill();
    }
  }

  return {
    id: "marks",
    afterDatasetsDraw(chart) {
      chart.ctx.save();
      chart.data.datasets.forEach((dataset, index) => {
        const meta = chart.getDatasetMeta(index);
        if (chart.isDatasetVisible(index) && (dataset.intervals || dataset.floors || dataset.captions)) drawDataset(chart, meta, dataset);
      });
      if (chart.options.events_) drawEvents(chart, chart.options.events_);
      chart.ctx.restore();
    },
  };
})();
