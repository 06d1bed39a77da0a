/** Runs the Workers AI generator and scorer in workerd, on the runtime's own AI binding, for tests in Node. */
import {
  type WorkersAiScorerOptions,
  workersAiScorer,
} from "../../src/adapter/remote/workersAiScorer.ts";
import type { GenerateEvent, GenerateRequest } from "../../src/llm/generator.ts";
import { workersAiGenerator } from "../../src/llm/workersAi.ts";
import { type AiBinding, aiGateway } from "../../src/net/aiBinding.ts";

/** What a test wants done. */
export type AiTask = {
  readonly gateway: string | null;
  /** The caller leaves after so many milliseconds; null: it stays. */
  readonly leaveAfterMs: number | null;
} & (
  | { readonly do: "generate"; readonly request: Omit<GenerateRequest, "signal"> }
  | {
      readonly do: "score";
      readonly query: string;
      readonly texts: readonly string[];
      readonly scale: WorkersAiScorerOptions["scale"];
      readonly timeoutMs: number;
    }
);

export default {
  async fetch(request: Request, env: { readonly AI: AiBinding }): Promise<Response> {
    const task: AiTask = await request.json();
    const leaving = new AbortController();
    if (task.leaveAfterMs !== null) setTimeout(() => leaving.abort(), task.leaveAfterMs);
    const gateway = aiGateway(task.gateway);
    if (task.do === "score") {
      const { query, texts, scale, timeoutMs } = task;
      const model = "@cf/baai/bge-reranker-base";
      const scorer = workersAiScorer({ ai: env.AI, model, scale, gateway, timeoutMs });
      return Response.json(await scorer.score({ query, texts }, leaving.signal));
    }
    const generator = workersAiGenerator({ ai: env.AI, model: "@cf/meta/llama", gateway });
    const events: GenerateEvent[] = [];
    const asked = { ...task.request, signal: leaving.signal };
    for await (const event of generator.generate(asked)) events.push(event);
    return Response.json(events);
  },
};
