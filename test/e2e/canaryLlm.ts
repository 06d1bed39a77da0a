/** An LLM whose every word is a canary: its candidates, and whatever it says when it fails. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { canary } from "./canary.ts";

/** What a question asks the LLM to do, by a word in it. */
export const FAULTS = ["fault500", "fault400", "faultcut", "faultmalformed"] as const;

export interface CanaryLlm {
  readonly url: string;
  /** Bodies that came in, as text: what the LLM's provider sees. */
  readonly asked: readonly string[];
  close(): void;
}

export async function startCanaryLlm(): Promise<CanaryLlm> {
  const asked: string[] = [];
  const server = createServer(async (incoming, outgoing) => {
    let text = "";
    for await (const part of incoming) text += part;
    asked.push(text);
    const fault = FAULTS.find((one) => text.includes(one)) ?? null;
    if (fault === "fault500" || fault === "fault400") {
      const message = canary(`llm${fault}`);
      outgoing.writeHead(fault === "fault500" ? 500 : 400, { "content-type": "application/json" });
      outgoing.end(JSON.stringify({ error: { message, type: message, code: message } }));
      return;
    }
    outgoing.writeHead(200, { "content-type": "text/event-stream", "x-note": canary("llmheader") });
    if (fault === "faultmalformed") {
      outgoing.end(`data: {"choices": "${canary("llmmalformed")}\n\ndata: [DONE]\n\n`);
      return;
    }
    for (const event of completion(JSON.parse(text).n ?? 1)) outgoing.write(event);
    if (fault === "faultcut") outgoing.destroy();
    else outgoing.end("data: [DONE]\n\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function completion(n: number): string[] {
  const chunk = (index: number, content: string, finish_reason: string | null) => {
    const choices = [{ index, delta: { role: "assistant", content }, finish_reason }];
    const whole = { id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices };
    return `data: ${JSON.stringify(whole)}\n\n`;
  };
  return Array.from({ length: n }, (_, index) => [
    chunk(index, `Because of ${canary("candidate")} number ${index}.\n\nAnswer: A`, null),
    chunk(index, "", "stop"),
  ]).flat();
}
