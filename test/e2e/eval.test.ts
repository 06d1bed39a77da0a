/**
 * `npm run eval`: the engine in Node and the service in workerd, asked over HTTP, end with the same scores and the same
 * decisions; Python measures them and writes the report.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLocalService } from "../../scripts/core/scoring/localService.ts";
import { bundleDir, root } from "../../scripts/lib/localStack.ts";
import { openPage, startChromium } from "./chromium.ts";

const run = promisify(execFile);
const python = process.env.PYTHON_VENV ?? join(root, ".venv", "bin", "python");
const sets = ["pubmedqa", "medqa", "yesno"];
let folder: string;

/** Three questions of each set; one is longer than the adapter can read, another has a text cut. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "eval-e2e-"));
  for (const set of sets) {
    const recorded = readFileSync(join(root, "examples", "recorded", `${set}.jsonl`), "utf8");
    const rows = recorded
      .split("\n")
      .slice(0, 3)
      .map((line) => JSON.parse(line));
    if (set === "yesno") rows[1].question = "Is fever a symptom? ".repeat(200);
    if (set === "medqa") rows[2].candidates[0].text = "because of the fever ".repeat(200);
    writeFileSync(join(folder, `${set}.jsonl`), rows.map((row) => JSON.stringify(row)).join("\n"));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The command; its output. */
async function evaluate(out: string, ...more: string[]): Promise<string> {
  const data = sets.map((set) => join(folder, `${set}.jsonl`));
  const args = ["--data", ...data, "--bundle", bundleDir, "--out", join(folder, out), ...more];
  const { stdout } = await run(python, ["-m", "medadapter_train.cli.eval", ...args], { cwd: root });
  return stdout;
}

interface Row {
  readonly candidates: readonly { readonly logit: number | null; readonly truncated: boolean }[];
  readonly scored: Record<string, unknown>;
}

function rows(out: string, set: string): Row[] {
  const packed = readFileSync(join(folder, out, `${set}.scored.jsonl.gz`));
  const lines = gunzipSync(packed).toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

describe("npm run eval", () => {
  it("decides alike in Node and through a service, and its report stands alone", async () => {
    const report = join(folder, "report");
    const shown = await evaluate("node", "--k", "1,4", "--report", report);
    expect(shown).toContain("Gain over self-consistency");
    const service = await startLocalService(bundleDir);
    try {
      await evaluate("worker", "--k", "1,4", "--url", service.url);
    } finally {
      await service.stop();
    }
    for (const set of sets) {
      const [here, there] = [rows("node", set), rows("worker", set)];
      expect(here).toHaveLength(3);
      for (const [at, row] of here.entries()) {
        // Everything, to the last bit of every score, but the engine's name.
        const scored = { ...there[at]?.scored, engine: "node" };
        expect({ ...there[at], scored }).toEqual(row);
      }
    }
    expect(rows("node", "yesno")[1]?.scored).toMatchObject({ unscored: "question_too_long" });
    expect(rows("node", "yesno")[1]?.candidates[0]?.logit).toBeNull();
    expect(rows("node", "medqa")[2]?.candidates[0]?.truncated).toBe(true);
    expect(readFileSync(join(report, "report.md"), "utf8")).toContain("| pubmedqa |");
  });

  it("is legible at a phone's width", async () => {
    const browser: Browser = await startChromium();
    try {
      const page = pathToFileURL(join(folder, "report", "index.html")).href;
      const opened = await openPage(browser, page, { viewport: { width: 390, height: 844 } });
      expect(opened.complaints).toEqual([]);
      expect(opened.outside).toEqual([]);
      // As text: the tests' types know no document. 12 units are the charts' type.
      const measured = await opened.page.evaluate<{ overflow: number; type: number[] }>(`({
        overflow: document.documentElement.scrollWidth - innerWidth,
        type: [...document.querySelectorAll("svg")].map((svg) => svg.getScreenCTM().a * 12),
      })`);
      expect(measured.overflow).toBeLessThanOrEqual(0);
      expect(measured.type.length).toBeGreaterThan(8);
      expect(Math.min(...measured.type)).toBeGreaterThan(11.5);
    } finally {
      await browser.close();
    }
  });

  it("scores only what is in the share that was asked for", async () => {
    await evaluate("share", "--split", "train", "--k", "1,4");
    // By the hash of the questions: lines of these that are for training.
    const lines: Record<string, number[]> = { pubmedqa: [1, 2, 3], medqa: [1, 2], yesno: [1, 2] };
    for (const set of sets) {
      const wanted = rows("node", set).filter((_, at) => lines[set]?.includes(at + 1));
      expect(rows("share", set)).toEqual(wanted);
    }
    const { question } = JSON.parse(
      readFileSync(join(folder, "medqa.jsonl"), "utf8").split("\n")[0] ?? "",
    );
    // As split.py names a question; this one is plain ASCII.
    const normalised = question
      .toLowerCase()
      .replace(/[^a-z0-9]+/gu, " ")
      .trim();
    const key = createHash("sha256").update(normalised).digest("hex");
    writeFileSync(join(folder, "seen.txt"), `# the first of medqa\n${key}\n`);
    await evaluate(
      "share",
      "--split",
      "train",
      "--k",
      "1,4",
      "--leave-out",
      join(folder, "seen.txt"),
    );
    expect(rows("share", "medqa")).toEqual([rows("node", "medqa")[1]]);
    expect(rows("share", "pubmedqa")).toHaveLength(3);
    const none = evaluate("none", "--split", "validation");
    await expect(none).rejects.toMatchObject({
      stderr: "eval: pubmedqa: no question is in this share\n",
    });
  });

  it("says in a line what is wrong", async () => {
    const refused = evaluate("wrong", "--bundle", folder);
    await expect(refused).rejects.toMatchObject({
      code: 1,
      stderr: "eval: the bundle was refused: manifest_missing\n",
    });
  });
});
