// The whole cell behind a number: everything that is stored of a result, and the command that measures it again.
const Cell = (() => {
  // A number that opens its cell. `value` is kept in full beside what is shown.
  function number(result, value, shown, interval) {
    const button = Dom.make("button", {type: "button", class: "number", "data-value": String(value), "data-result": String(result.index),
                                       title: "Show the whole cell", onclick: () => open(result)}, shown);
    return interval ? [button, " ", Dom.make("span", {class: "interval"}, interval)] : button;
  }

  function flatten(value, name = "", rows = []) {
    if (Array.isArray(value) && value.length > 0 && typeof value[0] !== "object") rows.push([name, value.join(", ")]);
    else if (Array.isArray(value)) value.forEach((item, index) => flatten(item, `${name}[${index}]`, rows));
    else if (value !== null && typeof value === "object") {
      for (const [key, item] of Object.entries(value)) flatten(item, name ? `${name}.${key}` : key, rows);
    } else rows.push([name, String(value)]);
    return rows;
  }

  function command(text) {
    const button = Dom.make("button", {type: "button", onclick: async () => {
      await copy(text);
      button.textContent = "Copied";
      Dom.say("The command is copied.");
    }}, "Copy");
    return Dom.make("div", {class: "command"}, Dom.make("code", {}, text), button);
  }

  // The clipboard's own interface is there for pages that came over HTTPS or from this machine; the selection always is.
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = Dom.make("textarea", {class: "unseen", "aria-hidden": "true"}, text);
      document.getElementById("cell").append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  function open(result) {
    const dialog = document.getElementById("cell");
    const measured = {...result.iterations};
    Dom.refill(
        dialog,
        Dom.make("div", {class: "title"}, Dom.make("h2", {id: "cell-title"}, Dom.name(result.model), " · ", Dom.name(result.path)),
                 Dom.make("button", {type: "button", onclick: () => dialog.close()}, "Close")),
        result.command ? [Dom.make("h3", {}, "Measure it again"), command(result.command)] : Dom.make("p", {}, "It was measured by another program: no command of ours repeats it."),
        Dom.make("h3", {}, "Everything that is stored of it"),
        Table.make({caption: "Fields of the result", columns: [{title: "field"}, {title: "value", text: true}],
                    rows: flatten(result.cell).map(([field, value]) => [field, Dom.name(value)])}),
        Object.keys(measured).length > 0 && [
          Dom.make("h3", {}, "Its iterations"),
          Table.make({caption: "Values by iteration", columns: [{title: "metric"}, {title: "values, in order", text: true}],
                      rows: Object.entries(measured).map(([metric, values]) => [metric, values.map((value) => Text.significant(value)).join("  ")])}),
        ]);
    State.set({cell: String(result.index)});
    dialog.showModal();
  }

  document.getElementById("cell").addEventListener("close", () => State.set({cell: undefined}));

  return {number, open, command};
})();
