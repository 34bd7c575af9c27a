// Configurations by model: a heat map that is a table, so that it reads without colours.
const Suite = (() => {
  const METRICS = {
    decode: ["Decode, tok/s", (result) => Results.median(result, "tpot_ms") && 1000 / Results.median(result, "tpot_ms"), Text.significant],
    whole: ["End to end, tok/s", endToEnd, Text.significant],
    ttft: ["TTFT", (result) => Results.median(result, "ttft_ms"), Text.milliseconds],
  };

  // Tokens generated over the time from the request to the last of them.
  function endToEnd(result) {
    const ttft = Results.median(result, "ttft_ms"), tpot = Results.median(result, "tpot_ms"), n = result.cell.spec.decode_tokens;
    return ttft > 0 && tpot > 0 && n > 1 ? 1000 * n / (ttft + (n - 1) * tpot) : undefined;
  }

  function map(name, results, configs) {
    const [title, read, format] = METRICS[name];
    const groups = [...Results.group(results, (result) => `${result.model} · ${result.path}`)];
    const rows = groups.map(([row, of]) => {
      const cells = configs.map((config) => of.find((result) => result.cell.spec.config === config));
      const values = cells.map((result) => result && Results.isOk(result) ? read(result) : undefined);
      return {row, cells, values, most: Math.max(...values.filter((value) => value > 0))};
    });
    const shade = (value, most) => 0.08 + 0.4 * Math.max(0, value) / most;
    return Dom.make(
        "figure", {class: configs.length > 5 ? "wide" : undefined, id: `suite-${name}`}, Dom.make("figcaption", {}, Dom.make("h3", {}, title), Dom.make("p", {}, `Darker is ${name === "ttft" ? "slower" : "faster"}, within a row.`)),
        Table.make({
          caption: title, columns: [{title: "model", text: true}, ...configs.map((config) => ({title: Dom.name(config)}))],
          rows: rows.map(({row, cells, values, most}) => [Dom.name(row), ...cells.map((result, index) => {
            if (values[index] === undefined) return Dom.make("span", {class: "quiet"}, result ? Cell.number(result, result.cell.outcome, `✗ ${result.cell.outcome}`) : "–");
            const number = Cell.number(result, values[index], format(values[index]));
            number.dataset.heat = shade(values[index], most);
            return number;
          })]),
        }));
  }

  // Colours need the cells around the numbers, which Table makes.
  function color(figure) {
    for (const number of figure.querySelectorAll("[data-heat]")) {
      number.parentElement.className = "heat";
      number.parentElement.style.backgroundColor = `rgba(var(--heat), ${number.dataset.heat})`;
    }
    return figure;
  }

  function draw({shown}) {
    const named = shown.filter((result) => result.cell.spec.config && !Results.isExternal(result) && Results.scenario(result) !== "scaling");
    const configs = [...new Set(named.map((result) => result.cell.spec.config))];
    if (configs.length < 2) return null;
    return [Dom.make("div", {class: "figures"}, Object.keys(METRICS).map((name) => color(map(name, named, configs))))];
  }

  return {id: "suite", title: "Generation suite", draw, color};
})();
