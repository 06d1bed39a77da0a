/** This very call as code. */
import { card, make } from "./dom.ts";

/** A JSON body as one shell word. */
const quoted = (body: object) => `'${JSON.stringify(body).replaceAll("'", "'\\''")}'`;

export function curlCard(path: string, body: object): HTMLElement {
  const auth = '-H "authorization: Bearer $MEDADAPTER_KEY"';
  return codeCard("This call with curl", [
    `curl -s ${location.origin}${path} \\`,
    `  -H 'content-type: application/json' ${auth} \\`,
    `  -d ${quoted(body)}`,
  ]);
}

/** The same question to the OpenAI SDK. */
export function sdkCard(model: string, question: string, medadapter: object): HTMLElement {
  const extra = JSON.stringify(medadapter);
  return codeCard("With the OpenAI SDK for Node", [
    'import OpenAI from "openai";',
    `const client = new OpenAI({ baseURL: "${location.origin}/v1", apiKey: process.env.MEDADAPTER_KEY });`,
    "const answer = await client.chat.completions.create({",
    `  model: ${JSON.stringify(model)},`,
    `  messages: [{ role: "user", content: ${JSON.stringify(question)} }],`,
    `  medadapter: ${extra},`,
    "});",
    "console.log(answer.choices[0].message.content, answer.medadapter.confidence);",
  ]);
}

function codeCard(title: string, lines: readonly string[]): HTMLElement {
  const text = lines.join("\n");
  const pre = make("pre", "", make("code", "", text));
  // A long line scrolls, so the keyboard must reach it.
  pre.tabIndex = 0;
  pre.role = "region";
  pre.ariaLabel = title;
  const copy = make("button", "", "Copy");
  copy.type = "button";
  copy.ariaLabel = `Copy: ${title}`;
  copy.addEventListener("click", () => {
    void navigator.clipboard.writeText(text).then(() => {
      copy.textContent = "Copied";
    });
  });
  return card(title, pre, copy);
}
