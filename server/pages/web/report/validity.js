// Whether the numbers may be believed: what disturbed them and what is missing.
const Validity = {
  id: "validity",
  title: "Can these numbers be trusted?",
  draw({report, shown}) {
    const concerns = report.concerns.map((concern) => ({...concern, of: concern.results.map((index) => report.results[index]).filter((one) => shown.includes(one))}))
        .filter((concern) => concern.results.length === 0 || concern.of.length > 0);
    if (concerns.length === 0) {
      return [Dom.make("ul", {class: "concerns"}, Dom.make("li", {class: "none"}, "Nothing disturbed them that was looked for: other processes, throttling, memory that reads at another speed afterwards than before, cells that are missing."))];
    }
    const names = (of) => of.slice(0, 6).map((result, index) => [
      index > 0 && ", ", Dom.make("button", {type: "button", class: "number", onclick: () => Cell.open(result)}, Dom.name(Text.label(result.model)), " ", Dom.name(result.path))]);
    return [Dom.make("ul", {class: "concerns"}, concerns.map((concern) => Dom.make(
        "li", {class: concern.severe ? "bad" : undefined},
        Dom.make("strong", {}, concern.severe ? "Serious: " : "Note: "), Dom.name(concern.text), concern.of.length > 0 && [" — ", names(concern.of), concern.of.length > 6 && ` and ${concern.of.length - 6} more`])))];
  },
};
