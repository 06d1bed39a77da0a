/** The Worker's routes, top to bottom, and what stands in front of each. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { except } from "hono/combine";
import { methodNotAllowed } from "hono/method-not-allowed";
import {
  adminOnly,
  createKeyRoute,
  deleteKey,
  getKeys,
  listKeysRoute,
  postKey,
  revokeKeyRoute,
} from "./access/adminRoute.ts";
import { authenticate, crossOrigin, needs, rateLimit } from "./access/authenticate.ts";
import { getHealth, getReady, healthRoute, readyRoute } from "./adapters/health.ts";
import { adaptersRoute, getAdapters } from "./adapters/route.ts";
import { chatRoute, postChat } from "./answer/chat.ts";
import { getModels, modelsRoute } from "./answer/models.ts";
import { answerForm, answerRoute, postAnswer } from "./answer/route.ts";
import {
  errorsRoute,
  fileRoute,
  getErrors,
  getFile,
  getResults,
  resultsRoute,
} from "./batches/files.ts";
import {
  cancelBatch,
  cancelBatchRoute,
  createBatchRoute,
  deleteBatch,
  deleteBatchRoute,
  getBatch,
  getBatches,
  getBatchRoute,
  listBatchesRoute,
  postBatch,
} from "./batches/route.ts";
import { type AppEnv, configured, type PartsOf, setup } from "./config/parts.ts";
import {
  deleteFeedback,
  deleteFeedbackRoute,
  exportFeedback,
  exportFeedbackRoute,
  feedbackRoute,
  postFeedback,
} from "./feedback/route.ts";
import { onError, onNotFound, schemaProblem } from "./http/faults.ts";
import { requestId, requestLog } from "./http/log.ts";
import { serverTiming } from "./http/metrics.ts";
import { Problem, problemResponse } from "./http/problems.ts";
import { idempotent } from "./ledger/idempotent.ts";
import { metering } from "./ledger/metering.ts";
import { getUsage, usageRoute } from "./ledger/usageRoute.ts";
import { bearerScheme, openApiDocument } from "./openApiDocument.ts";
import { postRerank, rerankRoute } from "./rerank/route.ts";

const MAX_BODY_BYTES = 1024 * 1024;

/** The app over an isolate's parts. */
export function createApp(partsOf: PartsOf) {
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw schemaProblem(result.error);
    },
  });

  app.use(requestId(), requestLog(), setup(partsOf), crossOrigin(), serverTiming());
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
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: () => {
      throw new Problem("body_too_large");
    },
  });
  // A batch is read line by line, and counted as it comes.
  app.use("/v1/*", except("/v1/batches", limit));

  app.use("/v1/admin/*", adminOnly());
  app.openapi(createKeyRoute, postKey);
  app.openapi(listKeysRoute, getKeys);
  app.openapi(revokeKeyRoute, deleteKey);

  app.use("/v1/*", authenticate(), rateLimit());
  app.use("/v1/answer", needs("answer"), metering(answerForm));
  app.use("/v1/chat/completions", needs("answer"), metering());
  app.use("/v1/rerank", needs("rerank"), metering());
  app.openapi(answerRoute, postAnswer);
  app.openapi(chatRoute, postChat);
  app.openapi(rerankRoute, postRerank);

  app.use("/v1/batches/*", needs("batch")); // `/v1/batches` too
  app.use("/v1/files/*", needs("batch"));
  app.use("/v1/batches/:id/cancel", idempotent());
  app.openapi(createBatchRoute, postBatch);
  app.openapi(listBatchesRoute, getBatches);
  app.openapi(getBatchRoute, getBatch);
  app.openapi(cancelBatchRoute, cancelBatch);
  app.openapi(deleteBatchRoute, deleteBatch);
  app.openapi(resultsRoute, getResults);
  app.openapi(errorsRoute, getErrors);
  app.openapi(fileRoute, getFile);

  app.use("/v1/feedback/export", needs("feedback:export"));
  app.openapi(exportFeedbackRoute, exportFeedback);
  app.use("/v1/feedback/*", except("/v1/feedback/export", needs("answer"))); // `/v1/feedback` too
  app.use("/v1/feedback", idempotent());
  app.openapi(feedbackRoute, postFeedback);
  app.openapi(deleteFeedbackRoute, deleteFeedback);

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
