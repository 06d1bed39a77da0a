/** The Worker's routes, top to bottom, and what stands in front of each. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { methodNotAllowed } from "hono/method-not-allowed";
import { authenticate, brake, needs } from "./auth/authenticate.ts";
import { crossOrigin } from "./auth/crossOrigin.ts";
import { metering } from "./ledger/metering.ts";
import { requestLog } from "./log.ts";
import { onError, onNotFound } from "./onError.ts";
import { bearerScheme, openApiDocument } from "./openApiDocument.ts";
import type { AppEnv, MakeParts } from "./parts.ts";
import { Problem, problemResponse } from "./problems.ts";
import { requestId } from "./requestId.ts";
import { adaptersRoute, getAdapters } from "./routes/adapters.ts";
import {
  adminOnly,
  createKeyRoute,
  deleteKey,
  getKeys,
  listKeysRoute,
  postKey,
  revokeKeyRoute,
} from "./routes/adminKeys.ts";
import { answerRoute, postAnswer } from "./routes/answer.ts";
import { chatRoute, postChat } from "./routes/chat.ts";
import { getHealth, getReady, healthRoute, readyRoute } from "./routes/health.ts";
import { getModels, modelsRoute } from "./routes/models.ts";
import { postRerank, rerankRoute } from "./routes/rerank.ts";
import { getUsage, usageRoute } from "./routes/usage.ts";
import { schemaProblem } from "./schemas/faults.ts";
import { configured, setup } from "./setup.ts";

const MAX_BODY_BYTES = 1024 * 1024;

/** The app over parts that are made once, at the first request. */
export function createApp(makeParts: MakeParts) {
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw schemaProblem(result.error);
    },
  });

  app.use(requestId(), requestLog(), setup(makeParts), crossOrigin());
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
  app.use("/v1/*", configured());
  app.use(
    "/v1/*",
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new Problem("body_too_large");
      },
    }),
  );

  app.use("/v1/admin/*", adminOnly());
  app.openapi(createKeyRoute, postKey);
  app.openapi(listKeysRoute, getKeys);
  app.openapi(revokeKeyRoute, deleteKey);

  app.use("/v1/*", authenticate(), brake());
  app.use("/v1/answer", needs("answer"), metering());
  app.use("/v1/chat/completions", needs("answer"), metering());
  app.use("/v1/rerank", needs("rerank"), metering());
  app.openapi(answerRoute, postAnswer);
  app.openapi(chatRoute, postChat);
  app.openapi(rerankRoute, postRerank);
  app.openapi(modelsRoute, getModels);
  app.openapi(adaptersRoute, getAdapters);
  app.openapi(usageRoute, getUsage);
  app.openapi(healthRoute, getHealth);
  app.openapi(readyRoute, getReady);
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", bearerScheme);
  app.doc31("/openapi.json", openApiDocument);

  app.notFound(onNotFound);
  app.onError(onError);
  return app;
}
