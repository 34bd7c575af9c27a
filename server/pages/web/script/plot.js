// A figure: a title, what it shows in words, the chart, and a table with the same numbers. Charts are drawn when they come near
// the window, tables when they are opened, and all of them before the page is printed.
const Plot = (() => {
  const NEAR = "800px";
  let plots = [];
  let watcher;

  // `series` is a list of {name, style} for the key; `config` a function of the width in pixels that gives Chart.js's configuration, called again for
  // another theme; `table` a function that gives the table; `height` pixels.
  function make({id, title, says, series = [], config, table, height = 260, wide = false}) {
    const canvas = Dom.make("canvas", {role: "img", "aria-label": `${title}. ${says} The table below has its numbers.`});
    const key = Dom.make("ul", {class: "key"});
    const details = Dom.make("details", {}, Dom.make("summary", {}, `Table: ${title}`));
    const figure = Dom.make("figure", {id, class: wide ? "wide" : undefined},
                            Dom.make("figcaption", {}, Dom.make("h3", {}, Dom.name(title)), Dom.make("p", {}, says), key),
                            Dom.make("div", {class: "plot"}, canvas), details);
    canvas.parentElement.style.height = `${height}px`;
    const plot = {figure, canvas, key, details, series, config, table, chart: null, told: false};
    details.addEventListener("toggle", () => { if (details.open) tell(plot); });
    plots.push(plot);
    watch(plot);
    return figure;
  }

  function watch(plot) {
    watcher ??= new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) show(plots.find((one) => one.canvas === entry.target));
      }
    }, {rootMargin: NEAR});
    watcher.observe(plot.canvas);
  }

  function tell(plot) {
    if (!plot.told) plot.details.append(plot.table());
    plot.told = true;
  }

  function show(plot) {
    if (!plot || plot.chart || !plot.canvas.isConnected) return;
    watcher.unobserve(plot.canvas);
    setDefaults();
    plot.key.replaceChildren(...plot.series.map(({name, style}) => Dom.make("li", {}, Palette.swatch(style()), Dom.name(Text.label(name)))));
    plot.width = widthOf(plot);
    const config = plot.config(plot.width);
    plot.chart = new Chart(plot.canvas, {...config, plugins: [Marks], options: {...base(), ...config.options}});
  }

  function setDefaults() {
    Chart.defaults.color = Theme.color("quiet");
    Chart.defaults.borderColor = Theme.color("line");
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 12;
    Chart.defaults.animation = false;
    Chart.defaults.plugins.legend.display = false;
  }

  const base = () => ({responsive: true, maintainAspectRatio: false, resizeDelay: 60, interaction: {mode: "nearest", intersect: false}});

  function forget() {
    for (const plot of plots) plot.chart?.destroy();
    watcher?.disconnect();
    plots = [];
  }

  const widthOf = (plot) => plot.canvas.parentElement.clientWidth;

  function redraw(which = () => true) {
    for (const plot of plots.filter((one) => one.chart && which(one))) {
      plot.chart.destroy();
      plot.chart = null;
      show(plot);
    }
  }

  function all() {
    for (const plot of plots) {
      show(plot);
      plot.chart?.resize();
    }
  }

  // An axis of values: {title, format}.
  const axis = ({title, format = Text.significant, ...more}) => ({
    title: {display: Boolean(title), text: title}, grid: {color: Theme.color("line")}, border: {color: Theme.color("strong-line")},
    ...more, ticks: {callback: (value) => format(value), maxTicksLimit: 7, maxRotation: 0, ...more.ticks},
  });

  // Powers of ten, for a logarithmic axis.
  function decades(scale) {
    scale.ticks = [];
    for (let power = Math.floor(Math.log10(scale.min)); power <= Math.ceil(Math.log10(scale.max)); ++power) {
      if (10 ** power >= scale.min && 10 ** power <= scale.max) scale.ticks.push({value: 10 ** power});
    }
  }

  // Chart.js follows the window by itself; a much narrower chart has room for fewer words.
  function refit() {
    redraw((plot) => Math.abs(widthOf(plot) / plot.width - 1) > 0.2);
  }

  let settled;
  addEventListener("resize", () => {
    clearTimeout(settled);
    settled = setTimeout(refit, 150);
  });
  Theme.listen(() => redraw());
  addEventListener("beforeprint", all);

  return {make, forget, all, axis, decades, charts: () => plots.map((plot) => plot.chart)};
})();
