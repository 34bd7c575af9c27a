"""Looks for what keeps people with a keyboard, a screen reader or low vision from a page: the checks of axe-core that matter for pages like ours."""

_CHECK = r"""
const found = [];
const tell = (element, what) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
const shown = (element) => element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && element.getClientRects().length > 0;

function parse(color) {
  const [r, g, b, a] = color.match(/[\d.]+/g).map(Number);
  return {r, g, b, a: a ?? 1};
}
const over = (top, below) => ({r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1});
function backdrop(element) {
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    const color = parse(getComputedStyle(one).backgroundColor);
    layers.push(color);
    if (color.a === 1) break;
  }
  return layers.reduceRight((below, top) => over(top, below), {r: 255, g: 255, b: 255, a: 1});
}
function luminance({r, g, b}) {
  const [x, y, z] = [r, g, b].map((value) => value / 255).map((value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}
function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
function checkContrast() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.textContent.trim() === "" || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName) || !shown(element) || element.closest(".unseen")) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = contrast(over(parse(style.color), backdrop(element)), backdrop(element));
    if (ratio < (large ? 3 : 4.5)) tell(element, `contrast ${ratio.toFixed(2)}`);
  }
}
function nameOf(element) {
  const by = element.getAttribute("aria-labelledby");
  const label = element.labels?.length > 0 ? element.labels[0].textContent : "";
  return (element.getAttribute("aria-label") || (by && document.getElementById(by)?.textContent) || label || element.textContent || "").trim();
}

if (!document.documentElement.lang) tell(document.documentElement, "no language");
if (!document.title) tell(document.documentElement, "no title");
for (const landmark of ["main", "header", "nav"]) if (!document.querySelector(landmark)) tell(document.body, `no ${landmark}`);
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) tell(document.getElementById(id), "id is there twice");
for (const element of document.querySelectorAll("button, a[href], input, select, summary, canvas, dialog[open], section, [role=group]")) if (!nameOf(element)) tell(element, "no name");
for (const image of document.querySelectorAll("canvas")) {
  if (image.getAttribute("role") !== "img") tell(image, "no role");
  if (!image.closest("figure").querySelector("details table, details > summary")) tell(image, "no table");
}
for (const table of document.querySelectorAll("table")) {
  if (!table.caption) tell(table, "no caption");
  if (table.querySelector("th:not([scope])")) tell(table, "heading without scope");
}
let level = 0;
for (const heading of document.querySelectorAll("main h2, main h3, h1")) {
  const here = Number(heading.tagName[1]);
  if (shown(heading) && here > level + 1) tell(heading, `heading after level ${level}`);
  if (shown(heading)) level = here;
}
for (const element of document.querySelectorAll(".scroll")) if (element.tabIndex < 0) tell(element, "scrolls and cannot have the keyboard");
for (const element of document.querySelectorAll("button, select, input, summary")) {
  const box = element.getBoundingClientRect(), small = element.tagName === "INPUT" ? 13 : 20;
  if (shown(element) && Math.min(box.width, box.height) < small && !element.classList.contains("number")) tell(element, `small to hit, ${box.width} x ${box.height}`);
}
checkContrast();
return found;
"""


def findings(browser):
    """What is wrong with the page that the browser shows, a text each."""
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true; });")
    browser.wait("[...document.querySelectorAll('figure details')].every((details) => details.querySelector('table'))")
    return browser.run(_CHECK)
