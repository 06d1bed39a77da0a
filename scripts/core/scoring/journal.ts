/**
 * What has been scored, a line a question, appended as soon as it is there: after `kill -9` the same command goes on
 * with the next question. Scores can be computed again, so nothing waits for the disk; the system keeps what a killed
 * process had written. A line without its end (the process died within it) is cut off.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { basename, dirname, resolve } from "node:path";
import { CoreFault } from "../fault.ts";
import type { QuestionScores } from "./scorer.ts";

export interface Journal {
  /** Scores of earlier runs and of this one, by the question's line. */
  readonly scores: ReadonlyMap<number, QuestionScores>;
  add(line: number, scores: QuestionScores): void;
  close(): void;
}

/**
 * Opens or begins one. `settings`: a hash of all that decides a score.
 * Throws `CoreFault` for one of other settings, for one that is damaged, and while another process has it open.
 */
export async function openJournal(path: string, settings: string): Promise<Journal> {
  mkdirSync(dirname(path), { recursive: true });
  const lock = await takeLock(path);
  const file = openSync(path, "a+", 0o600);
  const append = (value: object) => {
    writeSync(file, `${JSON.stringify(value)}\n`);
  };
  const close = () => {
    closeSync(file);
    lock?.close();
  };
  try {
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    if (whole.length < bytes.length) ftruncateSync(file, whole.length);
    const scores = readEntries(whole.toString("utf8"), settings, basename(path));
    if (whole.length === 0) append({ journal: 1, settings });
    return {
      scores,
      add(line, given) {
        append({ line, ...given });
        scores.set(line, given);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function readEntries(text: string, settings: string, name: string): Map<number, QuestionScores> {
  const scores = new Map<number, QuestionScores>();
  for (const [at, row] of text.split("\n").slice(0, -1).entries()) {
    let value: Record<string, unknown>;
    try {
      value = JSON.parse(row);
    } catch {
      throw new CoreFault(
        "journal_unusable",
        `${name}:${at + 1}: damaged; delete it to score anew`,
      );
    }
    if (at > 0) {
      const { line, ...rest } = value;
      scores.set(Number(line), rest as unknown as QuestionScores);
    } else if (value.journal !== 1 || value.settings !== settings) {
      throw new CoreFault(
        "journal_unusable",
        `${name}: written under other settings; name another --out`,
      );
    }
  }
  return scores;
}

/**
 * A name in Linux's abstract socket space: the system frees it with the process, however that ends, so no stale lock
 * stays. Other systems have no such names, and there no lock is taken.
 */
async function takeLock(path: string): Promise<Server | null> {
  if (process.platform !== "linux") return null;
  const name = createHash("sha256").update(resolve(path)).digest("hex").slice(0, 32);
  const server = createServer();
  await new Promise<void>((done, reject) => {
    server.once("error", () =>
      reject(new CoreFault("journal_unusable", `${basename(path)}: another run has it open`)),
    );
    server.listen(`\0medadapter-eval-${name}`, done);
  });
  server.unref();
  return server;
}
