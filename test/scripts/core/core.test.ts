/** `scripts/core.ts` as a process: lines in, answers out in their order, and an end when nobody asks any more. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { answer } from "../../../scripts/core/answer.ts";
import { taskIds } from "../../../src/tasks/registry.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const script = join(root, "scripts", "core.ts");
const started: ChildProcessWithoutNullStreams[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

function start(): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script]);
  started.push(child);
  return child;
}

type Reply = { result?: unknown; error?: { kind: string; message: string } };

/** What the lines are answered, without a process. */
async function answersTo(...lines: readonly string[]): Promise<{ replies: Reply[] }> {
  const replies: Reply[] = [];
  for (const line of lines) replies.push(JSON.parse(await answer(line)));
  return { replies };
}

/** The result of one; the type is what the test takes it for. */
async function resultOf<Result>(line: string): Promise<Result> {
  const [reply] = (await answersTo(line)).replies;
  if (reply?.result === undefined) throw new Error(reply?.error?.message ?? "no answer");
  return reply.result as Result;
}

/** Everything that a process answers, and its exit code. */
async function processAnswers(
  ...lines: readonly string[]
): Promise<{ replies: Reply[]; code: number }> {
  const child = start();
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  const [code] = await once(child, "close");
  const text: string = Buffer.concat(chunks).toString("utf8");
  return {
    replies: text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
    code,
  };
}

const ask = (op: string, fields: object = {}) => JSON.stringify({ op, ...fields });
const verdict = (...texts: string[]) => ask("verdict", { texts });

describe("scripts/core.ts as a process", () => {
  it("answers each line, in order, and ends when its input does", async () => {
    const { replies, code } = await processAnswers(
      verdict("#### yes"),
      "",
      verdict("#### no", "?"),
    );
    expect(replies).toEqual([
      { result: { verdicts: [true] } },
      { result: { verdicts: [false, null] } },
    ]);
    expect(code).toBe(0);
  });

  it("takes a line that holds any character but a line end", async () => {
    const question = "one\u2028two\u0085three\ud800 \u{1f600}";
    // As raw UTF-8, and escaped.
    const line = ask("own_question", { items: [[question, null]] });
    const { replies } = await processAnswers(line, line.replaceAll("\u2028", "\\u2028"));
    expect(replies).toEqual([
      { result: { questions: [question] } },
      { result: { questions: [question] } },
    ]);
  });

  it("is not ended by a line that it cannot work with", async () => {
    const { replies, code } = await processAnswers("canary", ask("canary"), verdict("#### yes"));
    expect(replies.map(({ error }) => error?.kind)).toEqual([
      "bad_request",
      "bad_request",
      undefined,
    ]);
    expect(code).toBe(0);
  });
});

describe("an answer", () => {
  it.each([
    ["no JSON", '{"op":"verdict", canary', "bad_request", "the line is not JSON"],
    ["no object", '["canary"]', "bad_request", "the line is not an object"],
    ["no operation", ask("canary"), "bad_request", "field op is no operation"],
    ["what every object has", ask("constructor"), "bad_request", "field op is no operation"],
    ["a field too many", ask("tasks", { canary: 1 }), "bad_request", "field (the whole)"],
    [
      "a field of another kind",
      ask("verdict", { texts: ["a", 5] }),
      "bad_request",
      "field texts.1",
    ],
    [
      "an unknown task",
      ask("prompt", { items: [{ task: "canary", question: "", options: [], context: null }] }),
      "unknown_task",
      "field task is none",
    ],
    [
      "an order of other candidates",
      ask("select", {
        fitted: { calibration: null, selector: null },
        features: [],
        questions: [
          {
            labels: ["yes"],
            closed: true,
            context: false,
            unseen: false,
            task: "",
            answers: ["yes"],
            correct: [true],
            logits: [1],
            orders: [[1]],
          },
        ],
      }),
      "bad_request",
      "field questions.0",
    ],
  ])("to %s is an error that names the field and no content", async (_, line, kind, message) => {
    const { replies } = await answersTo(line);
    expect(replies[0]?.error?.kind).toBe(kind);
    expect(replies[0]?.error?.message).toContain(message);
    expect(JSON.stringify(replies[0])).not.toContain("canary");
  });

  it("to a fault of our own says where, and not about what", async () => {
    const line = ask("verdict", { texts: ["x"] });
    const parse = vi.spyOn(JSON, "stringify").mockImplementationOnce(() => {
      throw new Error("canary");
    });
    const reply = await answer(line);
    parse.mockRestore();
    expect(JSON.parse(reply).error.kind).toBe("internal");
    expect(reply).not.toContain("canary");
    expect(reply).toContain("the core failed at");
  });

  it("tells of each task what a command asks", async () => {
    const { tasks } = await resultOf<{ tasks: { id: string }[] }>(ask("tasks"));
    expect(tasks.map(({ id }) => id)).toEqual(taskIds);
    expect(tasks.find(({ id }) => id === "cord19")).toEqual({
      id: "cord19",
      kind: "free",
      labels: [],
      options: "forbidden",
      context: "required",
      judge: "llm",
    });
  });

  it("reads lines of a candidate file, each by itself", async () => {
    const good = {
      question: "Is it?",
      evidence: "Evidence.",
      options: { A: "Yes", B: "no" },
      gold: "A",
      candidates: [
        { text: "Yes.", answer: "A", correct: true, model: "m" },
        { text: "Z", answer: "Z", correct: false },
      ],
    };
    const rows = [good, { ...good, gold: "canary" }, good].map((raw, at) => {
      return { where: `f.jsonl:${at + 1}`, raw };
    });
    const found = await resultOf<{ rows: object[] }>(
      ask("candidates", { set: "pubmedqa_x2", rows }),
    );
    const row = {
      question: "Is it?",
      options: [
        ["yes", "yes"],
        ["no", "no"],
      ],
      closed: true,
      context: "Evidence.",
      unseen: true,
      task: "pubmedqa",
      gold: "yes",
      answers: ["yes", null],
      models: ["m", ""],
    };
    const error = {
      kind: "unknown_label",
      message: "f.jsonl:2: field gold is none of the options",
    };
    expect(found.rows).toEqual([{ row }, { error }, { row }]);
  });

  it("tells features of answers and what is decided on parts of the candidates", async () => {
    const question = {
      labels: ["A", "B"],
      closed: false,
      context: true,
      unseen: false,
      task: "",
      answers: ["A", "B", "B", null],
      correct: [true, false, false, false],
      logits: [3, -1, -2, 9],
      orders: [[0], [1, 2, 0]],
    };
    const fitted = { calibration: null, selector: null };
    const features = ["vote_share", "logit_mean", "distinct"];
    const line = ask("select", { fitted, features, questions: [question] });
    const { questions } = await resultOf<{ questions: { parts: object[]; units: object[] }[] }>(
      line,
    );
    expect(questions[0]?.units).toEqual([
      { answer: "A", right: true, votes: 1, features: [1 / 3, 3, 2], tie: 1 },
      { answer: "B", right: false, votes: 2, features: [2 / 3, -1.5, 2], tie: 0 },
    ]);
    expect(questions[0]?.parts).toMatchObject([
      { vote: true, majority: 1, best_of: true, answer: "A", right: true, parsed: 1, group: null },
      { vote: false, majority: 0, best_of: true, answer: "A", right: true, parsed: 3, few: 0 },
    ]);
  });

  it("tells which selector decides, and how many candidates fewer there are than it was fitted with", async () => {
    const group = {
      context: true,
      labels: "closed",
      weights: [1],
      bias: 0,
      priors: {},
      confidence: { a: 1, b: 0, few: { c: -2, candidates: 8 } },
    };
    const groups = [{ ...group, context: false }, { ...group, task: "bioasq" }, group];
    const question = {
      labels: ["yes", "no"],
      closed: true,
      context: true,
      unseen: false,
      task: "pubmedqa",
      answers: ["yes", "yes", "no", "no", "yes"],
      correct: [true, true, false, false, true],
      logits: [0, 0, 0, 0, 0],
      orders: [
        [0, 1, 4, 2],
        [0, 1],
      ],
    };
    const fitted = { calibration: null, selector: { features: ["vote_share"], groups } };
    const { questions } = await resultOf<{
      questions: { parts: { confidence: number | null }[] }[];
    }>(ask("select", { fitted, features: [], questions: [question] }));
    const [four, two] = questions[0]?.parts ?? [];
    expect(four).toMatchObject({ group: 2, parsed: 4, few: 1 / 4 - 1 / 8 });
    expect(four?.confidence).toBeCloseTo(1 / (1 + Math.exp(-(0.75 - 2 / 8))), 12);
    expect(two).toMatchObject({ group: 2, parsed: 2, few: 1 / 2 - 1 / 8, confidence: null });
  });
});

describe("an end", () => {
  const request = (out: string) =>
    ask("score", {
      data: [{ file: join(root, "examples", "recorded", "pubmedqa.jsonl"), lines: null }],
      bundle: join(root, "models", "mini"),
      engine: "node",
      url: null,
      threads: 1,
      ks: [1],
      out,
    });
  const gone = (pid: number) => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  };

  it("comes in the middle of scoring where whoever asked was killed", async () => {
    const out = mkdtempSync(join(tmpdir(), "core-orphan-"));
    // It asks as Python does: the pipes end with it, and it has no time to say so.
    const asker = `
      const { spawn } = require("node:child_process");
      const child = spawn(process.execPath, ${JSON.stringify([script])}, { stdio: ["pipe", "ignore", "ignore"] });
      child.stdin.write(${JSON.stringify(`${request(out)}\n`)});
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["-e", asker]);
    started.push(child);
    const [line] = await once(child.stdout, "data");
    const pid = Number(String(line));
    const scoring = () => existsSync(out) && readdirSync(out).some((name) => /journal/.test(name));
    await expect.poll(scoring, { timeout: 40_000, interval: 20 }).toBe(true);
    child.kill("SIGKILL");
    await expect.poll(() => gone(pid), { timeout: 5_000, interval: 20 }).toBe(true);
    rmSync(out, { recursive: true });
  });

  it("comes by a signal with its code", async () => {
    const child = start();
    child.stdin.write(`${verdict()}\n`);
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([143, null]);
  });
});
