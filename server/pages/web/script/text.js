// Numbers and names as people read them.
const Text = (() => {
  const LONG = 40;  // Characters of a name that a chart has room for.

  // Three significant digits without an exponent.
  function significant(value) {
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size >= 1000) return Math.round(value).toLocaleString("en-US");
    if (size < 0.001) return value.toPrecision(2);
    return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  }

  function milliseconds(ms) {
    if (Math.abs(ms) >= 60000) return `${significant(ms / 60000)} min`;
    if (Math.abs(ms) >= 1000) return `${significant(ms / 1000)} s`;
    if (Math.abs(ms) < 1 && ms !== 0) return `${significant(ms * 1000)} µs`;
    return `${significant(ms)} ms`;
  }

  function bytes(count) {
    let value = count;
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (Math.abs(value) < 1000) return unit === "B" ? `${value} B` : `${significant(value)} ${unit}`;
      value /= 1000;
    }
    return `${significant(value)} TB`;
  }

  const rate = (perSecond) => `${significant(perSecond)} tok/s`;
  const percent = (fraction) => `${(100 * fraction).toFixed(Math.abs(fraction) < 0.1 ? 1 : 0)}%`;
  const signedPercent = (fraction) => `${fraction > 0 ? "+" : fraction < 0 ? "−" : ""}${(100 * Math.abs(fraction)).toFixed(1)}%`;
  const ratio = (value) => `${value.toFixed(value >= 10 ? 1 : 2)}×`;
  const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;

  function time(unixMicros) {
    return unixMicros ? new Date(unixMicros / 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC" : "not yet";
  }

  // "2026-11-20 10:15": what fits below an axis.
  const minute = (unixMicros) => new Date(unixMicros / 1000).toISOString().slice(0, 16).replace("T", " ");

  // A name that a chart draws: control characters and those that turn the direction of text show as a box, and a long
  // name loses its middle. In the document itself <bdi> does that without changing anything.
  function label(name, most = LONG) {
    const visible = name.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, "\u25a1");
    const characters = Array.from(visible.slice(0, 4 * LONG)), end = Array.from(visible.slice(-4 * LONG));
    if (visible.length <= 4 * LONG && characters.length <= most) return visible;
    return `${characters.slice(0, Math.ceil(most * 0.6)).join("")}…${end.slice(-Math.floor(most * 0.3)).join("")}`;
  }

  // Texts one after the other, none of which changes the direction of the next.
  function join(parts, between = " · ") {
    return parts.filter((part) => part).map((part) => /[\u202a-\u202e\u2066-\u2069]/.test(part) ? `\u2068${part}\u2069` : part).join(between);
  }

  return {significant, milliseconds, bytes, rate, percent, signedPercent, ratio, count, time, minute, label, join};
})();
