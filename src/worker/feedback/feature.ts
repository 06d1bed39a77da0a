/** Feedback: answers that callers asked to be stored, how they turned out, and the file that training reads. */
import type { Bindings } from "../config/parts.ts";
import { readDays } from "../config/readers.ts";
import type { Feature } from "../feature.ts";
import { defineProblems } from "../http/problemTable.ts";
import { keepOutcomeIn } from "./keeping.ts";
import { sweepFeedback } from "./store.ts";

declare module "../config/parts.ts" {
  interface Bindings {
    readonly FEEDBACK_DAYS?: string;
  }
  interface Config {
    /** Milliseconds for which a stored answer is kept. */
    readonly feedbackKeepMs: number;
  }
}

declare module "../access/caller.ts" {
  interface Scopes {
    /** What this caller says of an answer counts as true in training. */
    "feedback:trusted": true;
    /** All stored answers of the tenant that have an outcome, readable. */
    "feedback:export": true;
  }
}

declare module "../http/problemTable.ts" {
  interface ProblemKinds {
    feedback_unknown: true;
    feedback_settled: true;
  }
}

/** The problems that only feedback has. */
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
    message: "A trusted outcome is known already: only a trusted key replaces or deletes it.",
  },
});

export const feedback: Feature = {
  scopes: [
    { name: "feedback:trusted", open: false },
    { name: "feedback:export", open: true },
  ],
  problems: feedbackProblems,
  config: (env: Bindings, faults) => ({
    feedbackKeepMs: readDays(env, "FEEDBACK_DAYS", 365, 3_650, faults),
  }),
  parts: (_env, { content, config }) => ({
    keepOutcome: content === null ? null : keepOutcomeIn(content, config.feedbackKeepMs),
  }),
  scheduled: async ({ CONTENT: bucket }, now) => {
    if (bucket !== undefined) await sweepFeedback(bucket, now);
  },
};
