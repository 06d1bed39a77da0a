/** Candidate files: read as the Python side reads them; faults by file, line and field alone. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readCandidateFile, setName } from "../../../scripts/core/candidateFile.ts";

const canary = "canary-8841";
const good = {
  id: "1",
  question: `Is it ${canary}?`,
  context: null,
  evidence: "Evidence.",
  options: { A: "Yes", B: "no", C: "maybe" },
  gold: "B",
  candidates: [
    { cid: "a", model: "m", text: "No.", answer: "B", correct: true },
    { cid: "b", model: "m", text: "?", answer: null, correct: false },
    { cid: "c", model: "m", text: "Z", answer: "Z", correct: false },
  ],
};

const read = (rows: readonly unknown[], name = "pubmedqa_toy_x3.jsonl") =>
  readCandidateFile(name, Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join("\n")));

describe("a candidate file", () => {
  it("names options that read yes, no, maybe by those words, and answers with them", () => {
    const [found] = read([good]);
    expect(found?.question.options.map(({ label }) => label)).toEqual(["yes", "no", "maybe"]);
    // An answer that is no option counts as none.
    expect(found?.candidates.map(({ answer }) => answer)).toEqual(["no", null, null]);
    // Evidence is the adapter's alone.
    expect(found?.question).toMatchObject({ context: null, evidence: "Evidence." });
    expect(found?.raw).toEqual(good);
  });

  it("keeps letters of other options, and takes context before evidence", () => {
    const lettered = { ...good, options: { A: "Iron", B: "Zinc" }, context: "Shown." };
    const [found] = read([lettered]);
    expect(found?.candidates[0]?.answer).toBe("B");
    expect(found?.question.context).toBe("Shown.");
  });

  it("knows the task by the line, else by the file's name", () => {
    expect(read([good])[0]?.task).toBe("pubmedqa");
    expect(read([{ ...good, task: "bioasq" }])[0]?.task).toBe("bioasq");
    expect(read([good], "toy.jsonl")[0]?.task).toBe("");
    expect(setName("a/b/mirage_x6.jsonl.gz")).toBe("mirage_x6");
  });

  it("numbers lines as they stand, blank ones too", () => {
    expect(read([good, good]).map(({ line }) => line)).toEqual([1, 3]);
  });

  it.each([
    ["field question", { ...good, question: " " }],
    ["field candidates.0.text", { ...good, candidates: [{ answer: "B", correct: true }] }],
    ["field candidates.0.text", { ...good, candidates: [{ text: " ", correct: false }] }],
    ["field candidates", { ...good, candidates: [] }],
    ["field gold is none", { ...good, gold: "D" }],
    [
      "candidates[0] is right",
      { ...good, candidates: [{ text: "Z", answer: "Z", correct: true }] },
    ],
  ])("names what is wrong: %s", (message, row) => {
    const reading = () => read([good, row]);
    expect(reading).toThrow(`pubmedqa_toy_x3.jsonl:3: ${message}`);
    expect(reading).not.toThrow(canary);
  });

  it("refuses what is damaged, empty or not UTF-8", () => {
    const packed = gzipSync(JSON.stringify(good));
    expect(readCandidateFile("x.jsonl.gz", packed)).toHaveLength(1);
    expect(() => readCandidateFile("x.jsonl.gz", packed.subarray(0, 40))).toThrow("damaged");
    expect(() => readCandidateFile("x.jsonl", Buffer.from([0xff, 0x0a]))).toThrow("not UTF-8");
    expect(() => readCandidateFile("x.jsonl", Buffer.from("\n\n"))).toThrow("no questions");
  });
});
