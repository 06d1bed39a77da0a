/** Feedback: answers that callers asked to be stored, how they turned out, and the file that training reads. */
import type { Bindings } from "../config/parts.ts";
import { readDays } from "../config/readers.ts";
import type { Feature } from "../feature.ts";
import { keepOutcomeIn } from "./keeping.ts";
import { feedbackProblems } from "./problems.ts";
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
