/** LLMs behind the Worker in end-to-end tests: HTTP servers on this machine that write down what they bill. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** An LLM on this machine, with what it has billed. */
export interface LiveLlm {
  readonly url: string;
  readonly billed: { requests: number; prompt: number; completion: number };
  /** Whether the next request is refused, cut before its first word, or answered. */
  mood: () => "well" | "refuses" | "hangs up";
  readonly server: Server;
}

/** @param answers labels, one after the other, again and again. @param delayMs before it answers */
export async function live(answers: readonly string[], delayMs = () => 0): Promise<LiveLlm> {
  const billed = { requests: 0, prompt: 0, completion: 0 };
  let at = 0;
  const server = createServer(async (incoming, outgoing) => {
    let text = "";
    for await (const piece of incoming) text += piece;
    const { n = 1 } = JSON.parse(text) as { n?: number };
    billed.requests += 1;
    const mood = llm.mood();
    if (mood === "hangs up") return incoming.socket.destroy();
    if (mood === "refuses") {
      outgoing.writeHead(401, { "content-type": "application/json" });
      return outgoing.end('{"error":{"message":"no"}}');
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs()));
    billed.prompt += 150;
    billed.completion += 20 * n;
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    const send = (chunk: object) => outgoing.write(`data: ${JSON.stringify(chunk)}\n\n`);
    for (let index = 0; index < n; index += 1) {
      const answer = answers[at++ % answers.length];
      const content = `Bones are mostly a store of one mineral.\n\nAnswer: ${answer}`;
      send({ id: "c", choices: [{ index, delta: { role: "assistant", content } }] });
      send({ id: "c", choices: [{ index, delta: {}, finish_reason: "stop" }] });
    }
    const usage = { prompt_tokens: 150, completion_tokens: 20 * n, total_tokens: 150 + 20 * n };
    send({ id: "c", choices: [], usage });
    return outgoing.end("data: [DONE]\n\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const llm: LiveLlm = {
    ...{ url: `http://127.0.0.1:${port}/v1`, billed, server },
    mood: () => "well",
  };
  return llm;
}
