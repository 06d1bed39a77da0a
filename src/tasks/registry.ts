/** The tasks that the service knows, from `registry/*.json`, and the task of a question that names none. */
import { optionsAreLabels, type Question, readByAdapter } from "./question.ts";
import bioasq from "./registry/bioasq.json" with { type: "json" };
import cord19 from "./registry/cord19.json" with { type: "json" };
import mcq from "./registry/mcq.json" with { type: "json" };
import mediqa from "./registry/mediqa.json" with { type: "json" };
import mediqaRqe from "./registry/mediqa_rqe.json" with { type: "json" };
import medmcqa from "./registry/medmcqa.json" with { type: "json" };
import mednli from "./registry/mednli.json" with { type: "json" };
import medqa from "./registry/medqa.json" with { type: "json" };
import mmluMed from "./registry/mmlu_med.json" with { type: "json" };
import pubhealth from "./registry/pubhealth.json" with { type: "json" };
import pubmedqa from "./registry/pubmedqa.json" with { type: "json" };
import yesno from "./registry/yesno.json" with { type: "json" };
import { readTask, type TaskSpec } from "./task.ts";

const tasks: readonly TaskSpec[] = [
  pubmedqa,
  medqa,
  mcq,
  yesno,
  medmcqa,
  mmluMed,
  bioasq,
  mednli,
  mediqaRqe,
  pubhealth,
  mediqa,
  cord19,
].map(readTask);

const byId: ReadonlyMap<string, TaskSpec> = new Map(tasks.map((task) => [task.id, task]));

/** Ids of all tasks, in the registry's order. */
export const taskIds: readonly string[] = tasks.map((task) => task.id);

/** The task of this id, or null where there is none. */
export function taskById(id: string): TaskSpec | null {
  return byId.get(id) ?? null;
}

/**
 * The task of a question that names none:
 * - options that are exactly a label set, each with label equal to text, in any order and case:
 *   yes/no -> `yesno`; yes/no/maybe -> `pubmedqa` (with or without context: no other task has
 *   these labels); entailment/contradiction/neutral -> `mednli`; PubHealth's four -> `pubhealth`;
 * - any other options -> `mcq` (also "A. yes, B. no": the caller's own labels must come back);
 * - no options, and the question's last sentence asks for yes or no (it begins with "is", "does",
 *   "can", ... and offers no "or"): `pubmedqa` with context, since an abstract may leave the matter
 *   open, and `yesno` without;
 * - no options otherwise -> `mediqa`, free text.
 */
export function inferTask(question: Question): TaskSpec {
  return known(inferId(question));
}

function inferId(asked: Question): string {
  const { question, options } = asked;
  if (options.length > 0) {
    const closed = ["yesno", "pubmedqa", "mednli", "pubhealth"];
    return closed.find((id) => optionsAreLabels(options, known(id).labels)) ?? "mcq";
  }
  if (!asksYesOrNo(question)) return "mediqa";
  return (readByAdapter(asked) ?? "").trim() === "" ? "yesno" : "pubmedqa";
}

function known(id: string): TaskSpec {
  const task = byId.get(id);
  if (task === undefined) throw new Error("task registry: a task that the rules name is missing");
  return task;
}

const auxiliaries = new Set(
  (
    "is are am was were do does did can could will would shall should may might must has have had " +
    "isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't hasn't haven't"
  ).split(" "),
);

/** Whether the last sentence begins with an auxiliary verb and offers no alternative ("or"). */
function asksYesOrNo(question: string): boolean {
  const words = question.trim().toLowerCase().replaceAll("\u2019", "'").split(/\s+/);
  while (words.length > 0 && words.at(-1) === "?") words.pop();
  const endsSentence = (word: string) => /[.?!:]$/.test(word);
  const last = words.slice(0, -1).findLastIndex(endsSentence) + 1;
  const sentence = words.slice(last).map(withoutMarks);
  return auxiliaries.has(sentence[0] ?? "") && !sentence.includes("or");
}

/** Without marks around it. Each character is looked at once: a caller may send a million commas. */
function withoutMarks(word: string): string {
  let from = 0;
  let to = word.length;
  while (from < to && !/\w/.test(word.charAt(from))) from += 1;
  while (to > from && ",;.?!".includes(word.charAt(to - 1))) to -= 1;
  return word.slice(from, to);
}
