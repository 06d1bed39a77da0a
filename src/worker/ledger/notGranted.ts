/** What is thrown where the ledger does not let a request through: a problem, or the answer that it has already. */
import { Problem } from "../errors/problems.ts";
import type { Idempotency } from "./idempotency.ts";
import type { ReserveResult, SealedAnswer } from "./ledger.ts";
import { stillRunning } from "./stillRunning.ts";

/** Thrown instead of a problem where an earlier request with the same Idempotency-Key has the answer. */
export class Replayed extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super("replayed");
    this.response = response;
  }
}

/** Why the ledger does not let a request through. */
export function refusal(result: Exclude<ReserveResult, { kind: "granted" | "replay" }>): Problem {
  switch (result.kind) {
    case "quota_exceeded":
      return new Problem("insufficient_quota", {
        retryAfterSeconds: result.limit.resetMs / 1_000,
      });
    case "other_body":
      return new Problem("idempotency_key_reused");
    case "running":
      return stillRunning(result.ranMs, result.leftMs);
    case "duplicate":
      return new Problem("internal");
  }
}

/** What to throw for a request whose answer is kept: the answer, or a problem where it cannot be opened. */
export async function replayed(
  answer: SealedAnswer,
  idempotency: Idempotency | null,
): Promise<Error> {
  const body = (await idempotency?.open(answer)) ?? null;
  if (body === null) return new Problem("internal");
  const headers = { "content-type": answer.contentType, "idempotent-replayed": "true" };
  return new Replayed(new Response(body, { status: answer.status, headers }));
}
