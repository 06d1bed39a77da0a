/**
 * Asks with OpenAI's SDK for Node: node examples/clients/ask.mjs [URL]. A deployed Worker wants MEDADAPTER_KEY.
 * The model is MEDADAPTER_MODEL, or the first that the Worker may ask.
 */
import OpenAI from "openai";

const [, , url = "http://127.0.0.1:8787"] = process.argv;
const client = new OpenAI({
  baseURL: `${url}/v1`,
  apiKey: process.env.MEDADAPTER_KEY ?? "none",
  timeout: 60_000,
});

const model = process.env.MEDADAPTER_MODEL ?? (await client.models.list()).data[0].id;

const stream = await client.chat.completions.create({
  model,
  messages: [
    {
      role: "user",
      content: `Deficiency of which vitamin causes Wernicke encephalopathy?
A. Cobalamin (B12)
B. Thiamine (B1)
C. Niacin (B3)
D. Pyridoxine (B6)`,
    },
  ],
  stream: true,
  medadapter: { k: 5, events: true },
});

let about;
for await (const chunk of stream) {
  if (chunk.object === "medadapter.candidate") {
    console.error(`candidate ${chunk.index}: ${chunk.answer}, leading: ${chunk.leader.answer}`);
  }
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
  about = chunk.medadapter ?? about;
}
// Without a confidence (an LLM that the adapter was not validated with) there is a reason.
const sure = about.confidence ?? about.confidence_reason;
console.log(`\n\nanswer ${about.answer}, confidence ${sure}, ${about.notice}`);
