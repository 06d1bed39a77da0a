/** The problems that only feedback has. */
import { defineProblems } from "../http/problemTable.ts";

declare module "../http/problemTable.ts" {
  interface ProblemKinds {
    feedback_unknown: true;
    feedback_settled: true;
  }
}

export const feedbackProblems = defineProblems({
  feedback_unknown: {
    status: 404,
    type: "not_found_error",
    message:
      "Nothing is kept under this id: the answer was asked for without store: true, has expired or was deleted.",
  },

  feedback_settled: {
    status: 409,
    type: "invalid_request_error",
    message: "A trusted outcome is known already; another must be trusted too.",
  },
});
