/** The playground: two ways in, ask and rank. */
import { setUpAsk } from "./askForm.ts";
import { byId } from "./dom.ts";
import { loadExamples } from "./examples.ts";
import { setUpRank } from "./rankForm.ts";
import { say } from "./status.ts";
import { setUpTabs } from "./tabs.ts";

setUpTabs(["ask", "rank"], () => {
  byId("result", HTMLElement).replaceChildren();
  say("");
});
const examples = await loadExamples();
setUpRank(examples);
await setUpAsk(examples);
document.body.dataset.ready = "true";
