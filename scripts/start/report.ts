/** The sample answer as a person wants to read it in a terminal. */
import type { LlmChoice } from "./llm.ts";

/** The part of POST /v1/answer's body that is printed. */
export interface AnswerBody {
  readonly answer: string | null;
  readonly confidence: number | null;
  readonly confidence_reason: string | null;
  readonly degraded: boolean;
  readonly degraded_reason?: string | null;
  readonly abstained: boolean;
  readonly strategy: string;
  readonly model: string;
  readonly adapter: { readonly name: string; readonly version: string } | null;
  readonly candidates: readonly {
    readonly rank: number;
    readonly answer: string | null;
    readonly score: number | null;
    readonly probability: number | null;
    readonly text: string;
  }[];
  readonly failed: readonly { readonly reason: string }[];
  readonly timing: {
    readonly total_ms: number;
    readonly llm_ms: number;
    readonly after_llm_ms: number | null;
  };
}

const columns = [
  { name: "rank", width: 4, right: true },
  { name: "answer", width: 14, right: false },
  { name: "score", width: 7, right: true },
  { name: "prob.", width: 6, right: true },
  { name: "first words", width: 60, right: false },
] as const;

function cell(text: string, width: number, right: boolean): string {
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
  return right ? cut.padStart(width) : cut.padEnd(width);
}

function row(cells: readonly string[]): string {
  return columns
    .map((column, i) => cell(cells[i] ?? "", column.width, column.right))
    .join("  ")
    .trimEnd();
}

/** Lines of the report: question, ranked candidates, the answer and what it rests on. */
export function report(question: string, body: AnswerBody, llm: LlmChoice): string {
  const lines = ["", `Question: ${question}`, "", row(columns.map((column) => column.name))];
  lines.push(columns.map((column) => "-".repeat(column.width)).join("  "));
  for (const candidate of [...body.candidates].sort((a, b) => a.rank - b.rank)) {
    lines.push(
      row([
        String(candidate.rank),
        candidate.answer ?? "(none)",
        candidate.score === null ? "-" : candidate.score.toFixed(2),
        candidate.probability === null ? "-" : candidate.probability.toFixed(3),
        // A model may write anything, terminal commands too.
        candidate.text.replace(/[\s\p{Cc}]+/gu, " ").trim(),
      ]),
    );
  }
  const failed = body.failed.length > 0 ? `, ${body.failed.length} failed` : "";
  const confidence =
    body.confidence === null
      ? `null (${body.confidence_reason ?? "no reason given"})`
      : body.confidence.toFixed(3);
  lines.push(
    "",
    `Answer:      ${body.abstained ? "(abstained)" : (body.answer ?? "(none)")}   by ${body.strategy} over ${body.candidates.length} candidates${failed}`,
    `Confidence:  ${confidence}`,
    `Adapter:     ${body.adapter === null ? `none: majority vote (${body.degraded_reason ?? "degraded"})` : `${body.adapter.name}@${body.adapter.version}`}`,
    `LLM:         ${body.model}${llm.kind === "replayed" ? " (a replay of recordings written for this project, not a live model)" : ` at ${llm.llms.map(({ name, baseUrl }) => (llm.llms.length > 1 ? `${name} (${baseUrl})` : baseUrl)).join(", ")}`}`,
    `Latency:     ${body.timing.total_ms.toFixed(0)} ms, of which the LLM wrote for ${body.timing.llm_ms.toFixed(0)} ms${body.timing.after_llm_ms === null ? "" : `; ${body.timing.after_llm_ms.toFixed(0)} ms after its last byte`}`,
  );
  return lines.join("\n");
}
