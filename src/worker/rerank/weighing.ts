/**
 * Texts of several LLMs, weighed: a caller who brings candidates of its own says who wrote each, and names a plan whose
 * fit says how much each one's vote counts. Texts of the best answer come first, within an answer the best-scored.
 */
import type { PlanFit } from "../../adapter/select/planFit.ts";
import { planScores, type SourcedCandidate } from "../../adapter/select/planScore.ts";
import type { WaitUntil } from "../../net/sharedWork.ts";
import type { Option } from "../../tasks/question.ts";
import { readModel } from "../answer/ask.ts";
import type { Parts } from "../config/parts.ts";
import { adapterId } from "../http/log.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import type { ScoredText } from "./body.ts";
import type { RerankBody } from "./schema.ts";

/** What is weighed by: the fit, and who wrote each text. */
export interface Weighing {
  readonly fit: PlanFit;
  readonly llms: readonly (string | null)[];
}

/** What came of it. */
export interface Weighed {
  readonly ranked: readonly ScoredText[];
  readonly plan: {
    readonly fit: string;
    readonly version: string;
    readonly answer: string | null;
    readonly confidence: number | null;
  };
}

/**
 * Null where no plan is named. Throws `Problem`: `plan` is none that has been fitted, `llms` does not fit the texts, or
 * there are no options to vote for.
 */
export async function readWeighing(
  body: RerankBody,
  options: readonly Option[],
  { config, planFits }: Pick<Parts, "config" | "planFits">,
  waitUntil: WaitUntil,
): Promise<Weighing | null> {
  if (body.plan == null) {
    if (body.llms == null) return null;
    throw fieldProblem("invalid_request", "llms", "goes with plan only");
  }
  const llms = llmsOf(body);
  if (options.length < 2) {
    throw fieldProblem("invalid_request", "options", "must be at least two where plan is given");
  }
  const { plan, fitVersion } = readPlanName(body.plan, config);
  const fitted = planFits.get(plan.fit ?? "");
  if (fitted === undefined) throw fieldProblem("unknown_model", "plan");
  if (fitVersion !== null) {
    const pinned = await fitted.pinned(fitVersion).catch(() => undefined);
    if (pinned === undefined) throw new Problem("adapter_unavailable");
    if (pinned === null) throw fieldProblem("unknown_model", "plan");
    return { fit: pinned, llms };
  }
  const fit = await fitted.forRequest(null, waitUntil);
  if (fit === null) throw new Problem("adapter_unavailable");
  return { fit, llms };
}

function readPlanName(name: string, config: Parts["config"]) {
  try {
    return readModel(name, config);
  } catch {
    throw fieldProblem("unknown_model", "plan");
  }
}

/** `llms`, or the `llm` of each document. Throws `Problem` naming what is missing. */
function llmsOf(body: RerankBody): readonly (string | null)[] {
  const count = "texts" in body ? body.texts.length : body.documents.length;
  if (body.llms != null) {
    if (body.llms.length === count) return body.llms;
    throw fieldProblem("invalid_request", "llms", "must have one entry for each text");
  }
  if ("texts" in body) throw fieldProblem("invalid_request", "llms", "is required with plan");
  return body.documents.map((document, at) => {
    const llm = typeof document === "string" ? undefined : document.llm;
    if (typeof llm === "string" && llm.length <= 128) return llm;
    throw fieldProblem("invalid_request", `documents[${at}].llm`, "is required with plan");
  });
}

/** Weighs scored texts. @param ranked by score, best first */
export function weigh(
  { fit, llms }: Weighing,
  ranked: readonly ScoredText[],
  options: readonly Option[],
  task: string,
  adapter: { readonly name: string; readonly version: string } | null,
): Weighed {
  const stageOf = (llm: string) => fit.stages.findIndex((stage) => stage.includes(llm));
  const candidates = ranked.map(({ index, answer, score }): SourcedCandidate => {
    const source = llms[index] ?? "";
    // One that was never fitted counts by the first stage's mean.
    const stage = Math.max(0, stageOf(source));
    return { index, answer, source, stage, logit: score.logit, probability: score.probability };
  });
  const stage = Math.max(0, ...candidates.map((candidate) => candidate.stage));
  const by = adapter === null ? null : adapterId(adapter);
  const scores = planScores({ fit, candidates, options, task, stage, adapter: by });
  const named = { fit: fit.name.replace(/^plan\./u, ""), version: fit.version };
  if (scores === null) return { ranked, plan: { ...named, answer: null, confidence: null } };
  const place = new Map(scores.scores.map(({ answer }, at) => [answer, at]));
  const placeOf = ({ answer }: ScoredText) => place.get(answer ?? "") ?? options.length;
  // `sort` is stable: within an answer the order by score stays.
  return {
    ranked: [...ranked].sort((a, b) => placeOf(a) - placeOf(b)),
    plan: {
      ...named,
      answer: scores.winner?.answer ?? null,
      confidence: scores.confidence,
    },
  };
}
