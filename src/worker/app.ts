/**
 * The Worker's routes, top to bottom, and what stands in front of each. Optional features (batches, feedback) add theirs
 * in one line each.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { except } from "hono/combine";
import { methodNotAllowed } from "hono/method-not-allowed";
import { adminOnly, adminRoutes } from "./access/adminRoute.ts";
import { authenticate, crossOrigin, needs, rateLimit } from "./access/authenticate.ts";
import { getHealth, getReady, healthRoute, readyRoute } from "./adapters/health.ts";
import { adaptersRoute, getAdapters } from "./adapters/route.ts";
import { chatRoute, postChat } from "./answer/chat.ts";
import { getModels, modelsRoute } from "./answer/models.ts";
import { answerForm, answerRoute, postAnswer } from "./answer/route.ts";
import { batchRoutes } from "./batches/route.ts";
import type { AppEnv, Bindings, PartsResult } from "./config/parts.ts";
import { allScopes, features } from "./features.ts";
import { feedbackRoutes } from "./feedback/route.ts";
import { wholeBody } from "./http/body.ts";
import { onError, onNotFound, schemaProblem } from "./http/faults.ts";
import { wholeJson } from "./http/json.ts";
import { requestLog } from "./http/log.ts";
import { serverTiming } from "./http/metrics.ts";
import { Problem, problemResponse } from "./http/problems.ts";
import { configured, requestId, setup } from "./http/request.ts";
import { bearerScheme, openApiDocument } from "./http/schema.ts";
import { metered } from "./ledger/middleware.ts";
import { getUsage, usageRoute } from "./ledger/usageRoute.ts";
import { postRerank, rerankRoutes } from "./rerank/route.ts";
import { postResponse, responsesRoute } from "./responses/route.ts";

const MAX_BODY_BYTES = 1024 * 1024;

/** What asks for a key. Beside /v1: where other services' clients ask for reranking. */
const KEYED_PATHS = ["/v1/*", "/v2/*", "/rerank"];

/** The app over an isolate's parts. */
export function createApp(partsOf: (env: Bindings) => PartsResult) {
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw schemaProblem(result.error);
    },
  });

  app.use(requestId(), requestLog(app), setup(partsOf), crossOrigin(), serverTiming());
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        problemResponse(
          new Problem("method_not_allowed", { allow: methods.join(", ") }),
          c.get("requestId"),
        ),
    }),
  );
  for (const path of KEYED_PATHS) app.use(path, configured());
  const body = wholeBody(MAX_BODY_BYTES);
  const streamed = features.flatMap((one) => one.streamedBodies ?? []);

  app.use("/v1/admin/*", adminOnly(), body, wholeJson());
  adminRoutes(app, allScopes.known); // POST, GET /v1/admin/keys; DELETE /v1/admin/keys/{id}

  for (const path of KEYED_PATHS) {
    app.use(path, authenticate(), rateLimit(), except(streamed, body, wholeJson()));
  }
  app.use("/v1/answer", needs("answer"), metered(answerForm));
  app.use("/v1/chat/completions", needs("answer"), metered());
  app.use("/v1/responses", needs("answer"), metered());
  for (const { path } of rerankRoutes) app.use(path, needs("rerank"), metered());
  app.openapi(answerRoute, postAnswer);
  app.openapi(chatRoute, postChat);
  app.openapi(responsesRoute, postResponse);
  for (const route of rerankRoutes) app.openapi(route, postRerank);

  batchRoutes(app); // scope batch: /v1/batches, /v1/batches/{id} and /cancel, /results, /errors; /v1/files/{id}/content
  feedbackRoutes(app); // scope answer: /v1/feedback, /v1/feedback/{id}; scope feedback:export: /v1/feedback/export

  app.openapi(modelsRoute, getModels);
  app.openapi(adaptersRoute, getAdapters);
  app.openapi(usageRoute, getUsage);
  app.openapi(healthRoute, getHealth);
  app.openapi(readyRoute, getReady);
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", bearerScheme);
  let document: string | null = null; // built once: it is the same for everyone, and needs no key
  app.get("/openapi.json", (c) => {
    document ??= JSON.stringify(app.getOpenAPI31Document(openApiDocument));
    return c.body(document, 200, { "content-type": "application/json" });
  });

  app.notFound(onNotFound);
  app.onError(onError);
  return app;
}
