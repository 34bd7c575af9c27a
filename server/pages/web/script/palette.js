// A path looks the same wherever it appears: colour, point and dashes. The colours are Okabe and Ito's, which people who
// confuse red and green tell apart, darker or lighter for three to one against the page.
const Palette = (() => {
  const PATHS = {
    compiled: {light: "#0072b2", dark: "#4aa8e0", point: "circle", dash: []},
    graph: {light: "#c25100", dark: "#f28a45", point: "triangle", dash: [7, 3]},
    eager: {light: "#007d5b", dark: "#2fc196", point: "rect", dash: [2, 3]},
    pt2: {light: "#9a7400", dark: "#e8c547", point: "star", dash: [9, 3, 2, 3]},
    hf_eager: {light: "#a8447f", dark: "#e29ac4", point: "rectRot", dash: [4, 4]},
    torch_compile: {light: "#6a4bb4", dark: "#b39df2", point: "crossRot", dash: [11, 4]},
    llama_cpp: {light: "#565656", dark: "#b8b8b8", point: "rectRounded", dash: [1, 2]},
  };
  const OTHERS = [
    {light: "#7a5a3a", dark: "#c9a57f", point: "cross", dash: [5, 2, 1, 2]},
    {light: "#00767d", dark: "#4cc5cc", point: "dash", dash: [3, 1]},
    {light: "#8f2d56", dark: "#e58ab0", point: "line", dash: [8, 2, 2, 2]},
  ];

  // `path` may have a suffix, as in "hf_eager (external)".
  function of(path) {
    const name = path.split(" ")[0];
    const known = Object.hasOwn(PATHS, name) ? PATHS[name] : OTHERS[hash(name) % OTHERS.length];
    return {...known, color: known[Theme.current()]};
  }

  function hash(text) {
    let value = 7;
    for (const c of text.slice(0, 200)) value = (value * 31 + c.codePointAt(0)) % 65521;
    return value;
  }

  // For series that are no paths: stages, models, outcomes.
  function at(index) {
    const all = [...Object.values(PATHS), ...OTHERS];
    const style = all[index % all.length];
    return {...style, color: style[Theme.current()]};
  }

  const order = (path) => {
    const index = Object.keys(PATHS).indexOf(path.split(" ")[0]);
    return index < 0 ? Object.keys(PATHS).length : index;
  };

  // A line with its point, without it for "none", as the charts draw it. Reads the colour at once: figures are drawn again for another theme.
  function swatch(style) {
    const marks = {
      circle: () => Dom.draw("circle", {cx: 12, cy: 6, r: 3.5, fill: style.color}),
      triangle: () => Dom.draw("path", {d: "M12 2 L16 10 L8 10 Z", fill: style.color}),
      rect: () => Dom.draw("rect", {x: 8.5, y: 2.5, width: 7, height: 7, fill: style.color}),
      rectRounded: () => Dom.draw("rect", {x: 8.5, y: 2.5, width: 7, height: 7, rx: 2, fill: style.color}),
      rectRot: () => Dom.draw("path", {d: "M12 1.5 L16.5 6 L12 10.5 L7.5 6 Z", fill: style.color}),
    };
    const cross = () => Dom.draw("path", {d: "M8 2 L16 10 M16 2 L8 10", stroke: style.color, "stroke-width": 2});
    return Dom.draw("svg", {class: "swatch", viewBox: "0 0 24 12", "aria-hidden": "true"},
                    Dom.draw("line", {x1: 0, x2: 24, y1: 6, y2: 6, stroke: style.color, "stroke-width": 2, "stroke-dasharray": style.dash.join(" ")}),
                    style.point !== "none" && (marks[style.point] || cross)());
  }

  return {of, at, order, swatch};
})();
