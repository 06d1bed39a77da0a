/**
 * The recordings a replay serves: JSON Lines, one question with its candidates a line (format:
 * examples/recorded/README.md). A question is recognised by its text inside the conversation.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const recordingSchema = z.object({
  id: z.string().min(1),
  question: z.string().trim().min(1),
  context: z.string().nullable(),
  candidates: z.array(z.object({ text: z.string() })).min(1),
});

/** One recorded question; fields that only training or the examples need are left out. */
export type Recording = z.infer<typeof recordingSchema>;

/** The part of a chat message that recognition reads. */
export interface SpokenMessage {
  readonly role: string;
  readonly text: string;
}

/** Lower case, white space collapsed: prompts wrap and pad questions. */
function normalise(text: string): string {
  return text.toLowerCase().replace(/\s+/gu, " ").trim();
}

interface Indexed {
  readonly recording: Recording;
  readonly question: string;
  readonly context: string;
}

/** All recordings, searchable by conversation. */
export class RecordingBook {
  readonly #longestFirst: readonly Indexed[];
  readonly #askedOften: ReadonlySet<string>;

  constructor(recordings: readonly Recording[]) {
    const indexed = recordings.map((recording) => ({
      recording,
      question: normalise(recording.question),
      context: normalise(recording.context ?? ""),
    }));
    this.#longestFirst = indexed.sort((a, b) => b.question.length - a.question.length);
    const seen = new Set<string>();
    const repeated = indexed.filter(({ question }) => seen.size === seen.add(question).size);
    this.#askedOften = new Set(repeated.map(({ question }) => question));
  }

  get size(): number {
    return this.#longestFirst.length;
  }

  /**
   * The recording whose question stands in the conversation, or null. The last user message is
   * searched first (a worked example in the prompt may hold another recorded question), the longest
   * question wins. Where several recordings share a question (NLI), their context must be there too.
   */
  find(messages: readonly SpokenMessage[]): Recording | null {
    const lastUser = messages.findLast(({ role }) => role === "user")?.text ?? "";
    const everything = messages.map(({ text }) => text).join("\n");
    return this.#within(normalise(lastUser)) ?? this.#within(normalise(everything));
  }

  #within(spoken: string): Recording | null {
    const found = this.#longestFirst.find(
      ({ question, context }) =>
        spoken.includes(question) && (!this.#askedOften.has(question) || spoken.includes(context)),
    );
    return found?.recording ?? null;
  }
}

/**
 * Reads one file's text.
 * @throws Error naming the file and line, where a line is not a recording.
 */
export function parseRecordings(jsonl: string, name: string): Recording[] {
  return jsonl.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    try {
      return [recordingSchema.parse(JSON.parse(line))];
    } catch (cause) {
      throw new Error(`${name}:${i + 1} is not a recording`, { cause });
    }
  });
}

/**
 * Reads recordings from files, and from the `*.jsonl` files of folders.
 * @throws Error where a path is missing or a line is not a recording.
 */
export function loadRecordings(paths: readonly string[]): Recording[] {
  const files = paths.flatMap((path) =>
    statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((name) => name.endsWith(".jsonl"))
          .sort()
          .map((name) => join(path, name))
      : [path],
  );
  return files.flatMap((file) => parseRecordings(readFileSync(file, "utf8"), file));
}
