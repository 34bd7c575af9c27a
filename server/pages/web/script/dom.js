// Elements. Everything that comes from a document becomes text: nothing here parses markup.
const Dom = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "onclick" || name === "onchange" || name === "oninput") element.addEventListener(name.slice(2), value);
      else if (name === "value" || name === "checked") element[name] = value;
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
    return element;
  }

  const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  // A name that somebody else chose: its direction stays its own. Words of a usual length stay whole, sentences get some
  // width in tables, and a very long text is cut by the style, whole in its tooltip up to what a tooltip takes.
  function name(text) {
    const long = text.length > 160, kinds = [long && "long", /\S{33}/.test(text.slice(0, 2000)) && "unbroken", !long && text.length > 32 && "wordy"];
    return make("bdi", {class: kinds.filter(Boolean).join(" ") || undefined, title: long ? text.slice(0, 2000) : undefined}, text);
  }

  // Gives an element other children; lists of them are as good as they are.
  function refill(element, ...children) {
    element.replaceChildren();
    return fill(element, {}, children);
  }

  function say(text) {
    document.getElementById("announcement").textContent = text;
  }

  return {make, draw, name, refill, say};
})();
