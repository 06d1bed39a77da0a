/** The Worker's routes, top to bottom, and what stands in front of each. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { except } from "hono/combine";
import { methodNotAllowed } from "hono/method-not-allowed";
import { authenticate, brake, needs } from "./auth/authenticate.ts";
import { crossOrigin } from "./auth/crossOrigin.ts";
import { onError, onNotFound } from "./errors/onError.ts";
import { Problem, problemResponse } from "./errors/problems.ts";
import { idempotent } from "./ledger/idempotent.ts";
import { metering } from "./ledger/metering.ts";
import { requestLog } from "./observe/log.ts";
import { requestId } from "./observe/requestId.ts";
import { serverTiming } from "./observe/serverTiming.ts";
import { bearerScheme, openApiDocument } from "./openApiDocument.ts";
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
import { answerForm, answerRoute, postAnswer } from "./routes/answer.ts";
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
} from "./routes/batches.ts";
import {
  errorsRoute,
  fileRoute,
  getErrors,
  getFile,
  getResults,
  resultsRoute,
} from "./routes/batchFiles.ts";
import { chatRoute, postChat } from "./routes/chat.ts";
import {
  deleteFeedback,
  deleteFeedbackRoute,
  exportFeedback,
  exportFeedbackRoute,
  feedbackRoute,
  postFeedback,
} from "./routes/feedback.ts";
import { getHealth, getReady, healthRoute, readyRoute } from "./routes/health.ts";
import { getModels, modelsRoute } from "./routes/models.ts";
import { postRerank, rerankRoute } from "./routes/rerank.ts";
import { getUsage, usageRoute } from "./routes/usage.ts";
import { schemaProblem } from "./schemas/faults.ts";
import type { AppEnv } from "./wiring/parts.ts";
import { configured, type PartsOf, setup } from "./wiring/setup.ts";

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

  app.use("/v1/*", authenticate(), brake());
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
