// Draws the document that the page carries; one that a daemon serves is asked for again while it may change.
(() => {
  const PAGES = {report: Report, dashboard: Dashboard};

  function draw(document_) {
    PAGES[document_.kind].draw(document_);
    Page.foot(`Made ${Text.time(document_.generated_unix_micros)} by Metronome ${document_.version}. Times are UTC. Charts: Chart.js.`);
    // For who makes a picture of the page.
    document.documentElement.dataset.height = document.documentElement.scrollHeight;
    document.documentElement.dataset.drawn = document_.kind;
  }

  async function follow(before) {
    const answer = await fetch(before.live.document, {cache: "no-store", headers: {"If-None-Match": before.live.tag}}).catch(() => undefined);
    const now = answer?.status === 200 ? await answer.json() : before;
    if (now !== before) {
      const open = document.getElementById("cell").open, [x, y] = [scrollX, scrollY];
      draw(now);
      if (!open) scrollTo(x, y);
    }
    again(now);
  }

  function again(document_) {
    if (document_.live?.seconds > 0) setTimeout(() => follow(document_), 1000 * document_.live.seconds);
  }

  const first = JSON.parse(document.getElementById("document").textContent);
  draw(first);
  if (State.get("section")) Page.go(State.get("section"));
  again(first);
})();
