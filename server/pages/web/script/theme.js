// Light or dark: as the system has it until the reader chooses. Paper is always light.
const Theme = (() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  let printing = false;

  function current() {
    if (printing) return "light";
    const chosen = State.get("theme");
    return chosen === "dark" || chosen === "light" ? chosen : system.matches ? "dark" : "light";
  }

  function apply() {
    document.documentElement.dataset.theme = current();
    for (const listener of listeners) listener();
  }

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function button() {
    const caption = () => current() === "dark" ? "Light theme" : "Dark theme";
    const element = Dom.make("button", {type: "button", id: "theme", onclick: () => State.set({theme: current() === "dark" ? "light" : "dark"})}, caption());
    listeners.push(() => { element.textContent = caption(); });
    return element;
  }

  State.listen((names) => { if (names.includes("theme")) apply(); });
  system.addEventListener("change", apply);
  addEventListener("beforeprint", () => { printing = true; apply(); });
  addEventListener("afterprint", () => { printing = false; apply(); });
  document.documentElement.dataset.theme = current();

  return {current, color, button, listen: (listener) => listeners.push(listener)};
})();
