/**
 * An OpenAI-compatible LLM that replays recordings: chat completions (plain and streamed, with n),
 * models, and a control surface under /__replay for tests. For this machine only: no key is checked.
 * A request for more candidates than are recorded gets those there are: it invents none.
 */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyOf, wholeBody } from "./body.ts";
import { type Choice, recordedChoices, spoil } from "./choices.ts";
import { errorBody, usageOf, wholeCompletion } from "./completion.ts";
import { watchConnection } from "./connection.ts";
import { controlRoutes } from "./control.ts";
import { type FailureMode, FailurePlan } from "./failures.ts";
import { Numbering } from "./numbering.ts";
import { type Pace, parsePace, schedule, tokenPieces, waitUntilDue } from "./pacing.ts";
import type { RecordingBook } from "./recordings.ts";
import { finalServerError, refusal } from "./refusals.ts";
import { type CompletionRequest, readRequest } from "./request.ts";
import { Stats } from "./stats.ts";
import { streamCompletion, type Transmission } from "./stream.ts";

export const MODEL_ID = "replay";

export interface ReplayOptions {
  readonly book: RecordingBook;
  readonly pace: Pace;
  /** Faults planned from the start. */
  readonly plan?: FailurePlan;
}

type ReplayContext = Context<{ Bindings: HttpBindings }>;

/** The HTTP application; every response says that it is a replay (`x-medadapter-llm`). */
export function replayApp({ book, pace, plan = new FailurePlan() }: ReplayOptions) {
  const numbering = new Numbering();
  let stats = new Stats();
  let served = 0;
  const app = new Hono<{ Bindings: HttpBindings }>();

  app.use(async (c, next) => {
    await next();
    c.header("x-medadapter-llm", "replayed");
  });

  app.get("/v1/models", (c) =>
    c.json({
      object: "list",
      data: [{ id: MODEL_ID, object: "model", created: 0, owned_by: "medadapter-replay" }],
    }),
  );

  app.post("/v1/chat/completions", async (c) => {
    const { gone, cut } = watchConnection(c.env, stats);
    const request = readRequest(await c.req.json().catch(() => null));
    if ("param" in request) return badRequest(c, "Invalid request", request.param);
    const requestPace = parsePace(c.req.header("x-replay-pace") ?? "") ?? pace;

    const failure = plan.take(c.req.header("x-replay-fail"));
    const refused = failure && (await refusal(c, failure, request.n, gone));
    if (refused) return refused;
    const mode = failure?.mode ?? null;

    const recording = book.find(request.messages);
    if (recording === null) return notRecorded(c, "question_not_recorded", NO_QUESTION);
    const clientRequestId = c.req.header("x-client-request-id");
    const first = numbering.first(recording, request.n, clientRequestId);
    if (first >= recording.candidates.length) {
      const count = recording.candidates.length;
      return notRecorded(c, "candidate_not_recorded", `Only ${count} candidates are recorded.`);
    }
    if (request.n === 1 && failsAsCall(mode, first)) return finalServerError(c);

    const choices = spoil(recordedChoices(recording, first, request.n, request.maxTokens), mode);
    served += 1;
    return respond(c, request, {
      envelope: { id: `chatcmpl-replay-${served}`, created: nowSeconds(), model: request.model },
      choices,
      deliveries: schedule(
        choices.map(({ tokens }) => tokens),
        requestPace,
        `${recording.id}/${first}`,
        mode === "sequential" ? "sequential" : "interleaved",
      ),
      usage: usageOf(promptTokens(request), choices),
      includeUsage: request.includeUsage,
      mode,
      stats,
      gone,
      cut,
    });
  });

  const reset = () => {
    plan.set(null);
    numbering.reset();
    stats = new Stats();
  };
  app.route(
    "/__replay",
    controlRoutes(plan, () => stats, reset),
  );
  app.notFound((c) => c.json(errorBody("Unknown path", "invalid_request_error", null), 404));
  app.onError((_, c) => c.json(errorBody("The replay failed", "server_error", null), 500));
  return app;
}

const NO_QUESTION =
  "This question is not recorded. Pick one from examples/recorded, or use a real LLM.";

function badRequest(c: ReplayContext, message: string, param: string): Response {
  return c.json(errorBody(message, "invalid_request_error", null, param), 400);
}

function notRecorded(c: ReplayContext, code: string, message: string): Response {
  return c.json(errorBody(message, "invalid_request_error", code, "messages"), 404);
}

/** The faults of some of K candidates, where the candidates are asked for one by one. */
function failsAsCall(mode: FailureMode | null, number: number): boolean {
  return (mode === "fail-one-of-k" && number === 1) || (mode === "fail-all-but-one" && number > 0);
}

async function respond(
  c: ReplayContext,
  request: CompletionRequest,
  sent: Transmission,
): Promise<Response> {
  const html = sent.mode === "wrong-content-type";
  if (request.stream) {
    return c.body(bodyOf(streamCompletion(sent)), 200, {
      "content-type": html ? "text/html" : "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
    });
  }
  countWhole(sent.stats, sent.choices);
  const lastMs = Math.max(0, ...sent.deliveries.map(({ atMs }) => atMs));
  await waitUntilDue(performance.now() + lastMs, sent.gone);
  const body = JSON.stringify(wholeCompletion(sent.envelope, sent.choices, sent.usage));
  const type = { "content-type": html ? "text/html" : "application/json" };
  return c.body(bodyOf(wholeBody(body, sent)), 200, type);
}

function countWhole(stats: Stats, choices: readonly Choice[]): void {
  stats.choicesStarted += choices.length;
  stats.choicesFinished += choices.length;
}

function promptTokens({ messages }: CompletionRequest): number {
  return messages.reduce((sum, { text }) => sum + tokenPieces(text).length, 0);
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
