// Tables: columns {title, numeric, text}, rows of cells. A cell is text, an element, or {value, cell} for a number that
// shows where it comes from.
const Table = (() => {
  function make({caption, columns, rows, bad = () => false}) {
    const kind = (column) => column.numeric ? "numeric" : column.text ? "text" : undefined;
    const body = rows.map((cells, row) => Dom.make(
        "tr", {class: bad(row) ? "bad" : undefined},
        cells.map((cell, index) => {
          const attributes = {class: kind(columns[index])};
          return index === 0 ? Dom.make("th", {...attributes, scope: "row"}, cell) : Dom.make("td", attributes, cell);
        })));
    return Dom.make("div", {class: "scroll", tabindex: "0", role: "group", "aria-label": caption},
                    Dom.make("table", {},
                             Dom.make("caption", {class: "unseen"}, caption),
                             Dom.make("thead", {}, Dom.make("tr", {}, columns.map((column) => Dom.make("th", {class: kind(column), scope: "col"}, column.title)))),
                             Dom.make("tbody", {}, body)));
  }
  return {make};
})();
