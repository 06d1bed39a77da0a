/**
 * Whether the leading answer of a stage is good enough, or the plan's next stage is entered: by the confidence where one
 * is known, else by agreement (src/adapter/select/stages.ts).
 */
import { fittedThreshold, type PlanFit } from "../../adapter/select/planFit.ts";
import { planGroup } from "../../adapter/select/planScore.ts";
import {
  byAgreement,
  byConfidence,
  DEFAULT_AGREEMENT,
  type OpenCandidate,
} from "../../adapter/select/stages.ts";
import type { LeaveRule } from "../plans/plans.ts";
import type { Verdict } from "../plans/schedule.ts";
import type { Ask } from "./ask.ts";
import { choose, planInPlay, type RankedCandidate } from "./outcome.ts";
import type { ScoringState } from "./scoring.ts";

/** Where a plan is fitted and names no rule: the share of questions that go on. */
const DEFAULT_SHARE = 0.3;

/** A stage that is being judged. */
export interface Judging {
  /** From 1. */
  readonly stage: number;
  /** Candidates that are still to come, of all stages. */
  readonly open: readonly OpenCandidate[];
  /** What was fitted for the plan; null: nothing. */
  readonly fit: PlanFit | null;
}

/** @param candidates of all stages, those that hold text */
export function judge(
  ask: Ask,
  candidates: readonly RankedCandidate[],
  scoring: ScoringState,
  { stage: number, open, fit }: Judging,
): Verdict {
  const stage = ask.bound.stages.find((one) => one.number === number);
  const leave = stage?.leave ?? null;
  const byRule =
    leave?.by === "agreement"
      ? null
      : confident(ask, candidates, scoring, leave, { stage: number, open, fit });
  if (byRule !== null) return byRule;
  const here = candidates.filter((candidate) => candidate.stage === number);
  const threshold = leave?.by === "agreement" ? leave.value : DEFAULT_AGREEMENT;
  const planned = (stage?.members ?? []).map((member) => member.candidates ?? ask.k);
  const inWaves = stage?.auto === true || ask.adaptive !== null;
  const toCome = open.filter((candidate) => candidate.stage === number - 1).length;
  const asked = Math.max(
    inWaves ? 0 : planned.reduce((sum, n) => sum + n, 0),
    here.length + toCome,
  );
  const isFree = ask.question.options.length === 0;
  // Each candidate of free text is an answer of its own.
  const answers = here.map(({ answer, index }) => (isFree ? String(index) : answer));
  const { decision, value } = byAgreement(answers, { asked, open: toCome, threshold });
  const judged = asked === 0 ? null : { by: "agreement" as const, value, threshold };
  return { kind: decision, judged };
}

/** By a confidence; null: there is none to go by. */
function confident(
  ask: Ask,
  candidates: readonly RankedCandidate[],
  scoring: ScoringState,
  leave: LeaveRule | null,
  { stage, open, fit }: Judging,
): Verdict | null {
  const told = (kind: Verdict["kind"], value: number, threshold: number): Verdict => ({
    kind,
    judged: { by: "confidence", value, threshold },
  });
  if (fit !== null) {
    const threshold = thresholdOf(fit, ask, stage, leave);
    if (threshold === null) return null;
    const inPlay = planInPlay(fit, scoring, stage);
    const { options } = ask.question;
    const sourced = candidates.map((one) => ({ ...one, stage: one.stage - 1 }));
    const input = { ...inPlay, candidates: sourced, options, task: ask.task.id };
    const { decision, value } = byConfidence(input, open, threshold);
    // With all there, `open` means that there is no confidence.
    if (decision === "open") return open.length > 0 ? { kind: "open", judged: null } : null;
    return told(decision, value, threshold);
  }
  if (leave?.by !== "confidence" || open.length > 0) return null;
  const here = candidates.filter((candidate) => candidate.stage === stage);
  const { selection } = choose({ ...ask, abstain: null }, here, scoring, null);
  const { confidence } = selection;
  if (confidence === null) return null;
  return told(confidence >= leave.value ? "leave" : "enter", confidence, leave.value);
}

/** The confidence that is enough; null: none was fitted for this rule. */
function thresholdOf(
  fit: PlanFit,
  ask: Ask,
  stage: number,
  leave: LeaveRule | null,
): number | null {
  if (leave?.by === "confidence") return leave.value;
  const fitted = planGroup(fit, ask.question.options, ask.task.id)?.stages[stage - 1];
  if (fitted === undefined || leave?.by === "agreement") return null;
  const by = leave?.by ?? "share";
  return fittedThreshold(fitted, { by, value: leave?.value ?? DEFAULT_SHARE });
}
