// What all pages have: a head, controls, sections with a list of them, a foot.
const Page = (() => {
  function head({eyebrow, title, lead, live}) {
    document.getElementById("head").replaceChildren(
        Dom.make("div", {}, Dom.make("p", {class: "eyebrow"}, eyebrow), Dom.make("h1", {}, Dom.name(title)),
                 Dom.make("p", {class: "lead"}, lead.filter(Boolean).map((part, index) => [index > 0 && " · ", Dom.name(part)])),
                 live && Dom.make("p", {class: "lead"}, Dom.make("a", {href: "/"}, "History"), " · ", Dom.make("a", {href: "/runs/latest"}, "Latest run"))),
        Theme.button());
  }

  function controls(parts) {
    document.getElementById("controls").replaceChildren(Dom.make("div", {class: "bar"}, parts, Dom.make("ul", {class: "contents", id: "contents"})));
    list();
  }

  let drawn = [];

  // `sections` is a list of {section: {id, title}, parts}.
  function sections(those) {
    drawn = those.map(({section}) => section);
    document.getElementById("main").replaceChildren(...those.map(({section, parts}) => Dom.make(
        "section", {id: section.id, tabindex: "-1", "aria-labelledby": `${section.id}-title`}, Dom.make("h2", {id: `${section.id}-title`}, section.title), parts)));
    list();
  }

  function list() {
    document.getElementById("contents")?.replaceChildren(...drawn.map(({id, title}) => Dom.make("li", {}, Dom.make("a", {href: `#${id}`, onclick: (event) => visit(event, id)}, title))));
  }

  // Follows a link within the page and keeps what else the hash says.
  function visit(event, id) {
    event.preventDefault();
    State.set({section: id});
    go(id);
  }

  function go(id) {
    const place = document.getElementById(id);
    place?.scrollIntoView();
    place?.focus({preventScroll: true});
  }

  function foot(text) {
    document.getElementById("foot").replaceChildren(Dom.make("p", {}, text));
  }

  document.getElementById("skip").addEventListener("click", (event) => visit(event, "main"));
  State.listen((names) => { if (names.includes("section")) go(State.get("section")); });

  return {head, controls, sections, foot, go};
})();
