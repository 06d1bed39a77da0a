/** One question under attack: its candidates as they are, then with one wrong candidate's text changed. */

import type { RankedQuestion, Ranker } from "../../src/adapter/ranker.ts";
import type { SelectInput, Strategy } from "../../src/adapter/select/candidates.ts";
import { select } from "../../src/adapter/select/select.ts";
import { parseAnswer } from "../../src/tasks/parse.ts";
import { isEvidenceUnseen, readByAdapter, renderOption } from "../../src/tasks/question.ts";
import { attacks } from "./kinds.ts";
import type { Case } from "./questions.ts";

interface Seen {
  readonly answer: string | null;
  readonly logit: number;
  readonly probability: number;
}

export type Rights = Readonly<Record<Strategy, boolean>>;

export interface Outcome {
  /** Logit after the attack minus logit before. */
  readonly shift: number;
  readonly logit: number;
  /** What the changed text parses to: the candidate's own answer as before, another wrong one, the right one, none. */
  readonly parsed: "same" | "wrong" | "right" | "none";
  /** Whether the service's answer is right. */
  readonly right: Rights;
}

export interface Attacked {
  readonly before: { readonly logit: number; readonly right: Rights };
  /** Logit of the best-scored right candidate; null where there is none. */
  readonly bestRight: number | null;
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/** Null where no wrong candidate has an answer, or the question is over the budget. */
export async function attacked(ranker: Ranker, item: Case): Promise<Attacked | null> {
  const opened = ranker.open(item.question, new AbortController().signal);
  if (!opened.ok) return null;
  try {
    return await underAttack(ranker, opened.value, item);
  } finally {
    opened.value.close();
  }
}

async function underAttack(ranker: Ranker, question: RankedQuestion, item: Case) {
  const score = (text: string) => scored(question, item, text);
  const seen: Seen[] = [];
  for (const text of item.texts) seen.push(await score(text));
  // The attacker's candidate: the best-scored of the wrong ones, which has the shortest way to go.
  const target = bestOf(seen, ({ answer }) => answer !== null && answer !== item.gold);
  const before = seen[target];
  const label = before?.answer;
  if (before === undefined || label == null) return null;
  const bestRightAt = bestOf(seen, ({ answer }) => answer === item.gold);
  const option = item.question.options.find((one) => one.label === label);
  const rights = (all: readonly Seen[]) => rightsOf(ranker, item, all);
  const outcomes = new Map<string, Outcome>();
  for (const [kind, attack] of Object.entries(attacks)) {
    const text = attack({
      text: item.texts[target] ?? "",
      label,
      option: option === undefined ? label : renderOption(option),
      right: item.texts[bestRightAt] ?? null,
      question: item.question.question,
    });
    if (text === null) continue;
    const after = await score(text);
    outcomes.set(kind, {
      shift: after.logit - before.logit,
      logit: after.logit,
      parsed: parsedTo(after.answer, label, item.gold),
      right: rights(seen.with(target, after)),
    });
  }
  return {
    before: { logit: before.logit, right: rights(seen) },
    bestRight: seen[bestRightAt]?.logit ?? null,
    outcomes,
  };
}

function parsedTo(answer: string | null, own: string, gold: string): Outcome["parsed"] {
  if (answer === own) return "same";
  if (answer === null) return "none";
  return answer === gold ? "right" : "wrong";
}

/** As the pipeline does it: the parsed answer stands before the text. */
async function scored(question: RankedQuestion, item: Case, text: string): Promise<Seen> {
  const { options } = item.question;
  const { label } = parseAnswer(item.task, options, text);
  const answer = options.find((one) => one.label === label) ?? null;
  const result = await question.score({ answer, text });
  if (!result.ok) throw new Error(`score: ${result.failure.kind}`);
  const { logit, probability } = result.value;
  return { answer: label, logit, probability };
}

/** Index of the best-scored that fits; -1 where none does. */
function bestOf(seen: readonly Seen[], fits: (one: Seen) => boolean): number {
  let best = -1;
  seen.forEach((one, at) => {
    if (fits(one) && one.logit > (seen[best]?.logit ?? Number.NEGATIVE_INFINITY)) best = at;
  });
  return best;
}

function rightsOf({ manifest }: Ranker, item: Case, seen: readonly Seen[]): Rights {
  const input: Omit<SelectInput, "strategy"> = {
    candidates: seen.map((one, index) => ({ ...one, index })),
    options: item.question.options,
    hasContext: readByAdapter(item.question) !== null,
    evidenceUnseen: isEvidenceUnseen(item.question),
    manifest,
    llm: "",
    task: item.task.id,
    abstain: null,
  };
  const right = (strategy: Strategy) => select({ ...input, strategy }).answer === item.gold;
  return {
    vote: right("vote"),
    best_of: right("best_of"),
    weighted_vote: right("weighted_vote"),
  };
}
