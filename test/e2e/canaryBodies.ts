/** Good bodies of the routes that ask or score, a canary in every text. `word` stands in the question, for the LLM. */
import { canary } from "./canary.ts";

export const ask = (extra: object = {}, word = "") => ({
  question: `Is ${canary("question")} one? ${word}`,
  options: { A: canary("option"), [canary("label")]: "b" },
  context: canary("context"),
  k: 2,
  ...extra,
});

export const chat = (extra: object = {}, word = "") => ({
  model: "m",
  user: canary("user"),
  stop: [canary("stop")],
  messages: [
    { role: "system", content: canary("system") },
    { role: "user", content: canary("earlier") },
    { role: "assistant", content: canary("assistant") },
    { role: "user", content: [{ type: "text", text: `Is ${canary("message")} one? ${word}` }] },
  ],
  medadapter: {
    k: 2,
    options: { A: canary("chatoption"), B: "b" },
    context: canary("chatcontext"),
  },
  ...extra,
});

export const rerank = (extra: object = {}) => ({
  query: `Is ${canary("rerankquery")} one?`,
  documents: [`${canary("document")} so Answer: A`, { text: canary("documenttext") }],
  options: { A: canary("rerankoption"), B: "b" },
  context: canary("rerankcontext"),
  ...extra,
});
