/** The problems that only batches have. */
import { defineProblems } from "../http/problemTable.ts";

declare module "../http/problemTable.ts" {
  interface ProblemKinds {
    batch_too_large: true;
    too_many_batches: true;
    jsonl_expected: true;
    batch_lost: true;
  }
}

export const batchProblems = defineProblems({
  batch_too_large: {
    status: 413,
    type: "invalid_request_error",
    message: "A batch is at most 50,000 lines and 100 MB.",
  },

  too_many_batches: {
    status: 429,
    type: "requests",
    message: "Too many batches are unfinished. Wait for one, or cancel it.",
    retrySeconds: 60,
  },

  jsonl_expected: {
    status: 415,
    type: "invalid_request_error",
    message: "The body must be JSON lines, with the header content-type: application/x-ndjson.",
  },

  batch_lost: {
    status: 500,
    type: "api_error",
    message:
      "This line could not be answered: it was tried several times, or cannot be read any more.",
  },
});
