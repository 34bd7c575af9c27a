// What the reader chose, in the hash of the address, so that a link shows the same: #model=llama-3-8b&theme=dark
const State = (() => {
  const listeners = [];
  let values = read();

  // A hash without "=" is a section alone.
  function read() {
    const hash = location.hash.slice(1);
    return new URLSearchParams(hash.includes("=") || hash === "" ? hash : {section: hash});
  }

  const get = (name, fallback = "") => values.get(name) ?? fallback;
  const list = (name) => values.has(name) ? values.get(name).split(",").filter((part) => part !== "").map(decodeURIComponent) : undefined;

  // An empty or undefined value leaves the hash. `keep` replaces the entry of the browser's history.
  function set(changes) {
    for (const [name, value] of Object.entries(changes)) {
      const text = Array.isArray(value) ? value.map((part) => encodeURIComponent(part)).join(",") || "," : value;
      if (text === undefined || text === "") values.delete(name);
      else values.set(name, text);
    }
    history.replaceState(null, "", `#${values}`);
    notify(Object.keys(changes));
  }

  function notify(names) {
    for (const listener of listeners) listener(names);
  }

  addEventListener("hashchange", () => {
    const before = values;
    values = read();
    notify([...new Set([...before.keys(), ...values.keys()])].filter((name) => before.get(name) !== values.get(name) || name === "section"));
  });

  return {get, list, set, listen: (listener) => listeners.push(listener)};
})();
