/**
 * Whether the leading answer of a stage is good enough, or the plan's next stage is entered: by the confidence where one
 * is known, else by agreement. Also while candidates are still to come, where nothing that they say can change it.
 */

import type { Verdict } from "../plans/schedule.ts";
import type { Ask } from "./ask.ts";
import { choose, type RankedCandidate } from "./outcome.ts";
import type { ScoringState } from "./scoring.ts";

/** Without anything fitted: the share of a stage's candidates that must give the leading answer. */
export const DEFAULT_AGREEMENT = 0.8;

/** A stage that is being judged, and how many of its candidates are still to come. */
export interface Judging {
  readonly stage: number;
  readonly open: number;
}

export function judge(
  ask: Ask,
  candidates: readonly RankedCandidate[],
  scoring: ScoringState,
  { stage: number, open }: Judging,
): Verdict {
  const stage = ask.bound.stages.find((one) => one.number === number);
  const here = candidates.filter((candidate) => candidate.stage === number);
  const leave = stage?.leave ?? null;
  if (leave?.by === "confidence" && open === 0) {
    const { confidence: value } = choose({ ...ask, abstain: null }, here, scoring).selection;
    if (value !== null) {
      const threshold = leave.value;
      const kind = value >= threshold ? "leave" : "enter";
      return { kind, judged: { by: "confidence", value, threshold } };
    }
  }
  const threshold = leave?.by === "agreement" ? leave.value : DEFAULT_AGREEMENT;
  const planned = (stage?.members ?? []).map((member) => member.candidates ?? ask.k);
  const asked = stage?.auto || ask.adaptive ? 0 : planned.reduce((sum, n) => sum + n, 0);
  return byAgreement(here, Math.max(asked, here.length + open), open, threshold);
}

/** Free text agrees with itself alone: each of its candidates is an answer of its own. */
function byAgreement(
  here: readonly RankedCandidate[],
  asked: number,
  open: number,
  threshold: number,
): Verdict {
  const counts = new Map<string, number>();
  for (const { answer, index } of here) {
    const key = answer === null ? `#${index}` : `=${answer}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const most = Math.max(0, ...counts.values());
  const told = (value: number) =>
    asked === 0 ? null : { by: "agreement" as const, value, threshold };
  const value = most / Math.max(asked, 1);
  if (most > 0 && value >= threshold) return { kind: "leave", judged: told(value) };
  // What is still to come may all agree with the leader.
  const best = (most + open) / Math.max(asked, 1);
  return { kind: open > 0 && best >= threshold ? "open" : "enter", judged: told(best) };
}
