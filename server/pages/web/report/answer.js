// The answer: for each model the fastest path, how sure that is, and what it is compared with.
const Answer = (() => {
  const SHOWN = 12;
  const VERDICTS = {faster: "good", slower: "bad", unchanged: "", inconclusive: "warn"};

  function draw({shown, report}) {
    const best = report.answers.map((answer) => ({...answer, result: report.results[answer.result]})).filter(({result}) => shown.includes(result));
    if (best.length === 0) return null;
    const trait = Results.distinguish(best.map(({result}) => result));
    const cards = (some) => Dom.make("div", {class: "cards"}, some.map((answer) => card(answer, trait(answer.result), report)));
    return [cards(best.slice(0, SHOWN)), best.length > SHOWN && Dom.make("details", {}, Dom.make("summary", {}, `${best.length - SHOWN} more`), cards(best.slice(SHOWN)))].filter(Boolean);
  }

  function card(answer, trait, report) {
    const {result} = answer, tpot = Results.median(result, "tpot_ms"), ttft = Results.median(result, "ttft_ms");
    const share = result.cell.bandwidth_fraction;
    return Dom.make(
        "article", {class: "card"},
        Dom.make("h3", {}, Dom.name(result.model)),
        Dom.make("p", {class: "quiet"}, "fastest path: ", Dom.name(result.path), trait && [" · ", Dom.name(trait)]),
        Dom.make("div", {class: "big"}, tpot !== undefined ? Cell.number(result, tpot, Text.rate(1000 / tpot)) : Cell.number(result, ttft, Text.milliseconds(ttft))),
        Dom.make("ul", {},
                 tpot !== undefined && Dom.make("li", {}, "TPOT ", Results.number(result, "tpot_ms", Text.milliseconds)),
                 ttft !== undefined && Dom.make("li", {}, "TTFT ", Results.number(result, "ttft_ms", Text.milliseconds)),
                 share > 0 && Dom.make("li", {}, `${Text.percent(share)} of what this memory allows`),
                 answer.comparisons.map((comparison) => Dom.make("li", {}, compared(comparison, report)))));
  }

  // `ratio` is how many times as fast the answer is as the other.
  function compared({metric, ratio, low, high, verdict, reason, against, run_id: run}, report) {
    const what = metric === "tpot_ms" ? "decoding is" : "the first token is";
    const other = Dom.name(run ? `in run ${run}` : report.results[against].path);
    const range = low === undefined ? "" : ` (${Text.ratio(low)} to ${Text.ratio(high)})`;
    return [Dom.make("span", {class: `chip ${VERDICTS[verdict] ?? ""}`, title: reason}, verdict), ` ${what} ${Text.ratio(ratio)} as fast as `, other, range];
  }

  return {id: "answer", title: "The answer", draw};
})();
