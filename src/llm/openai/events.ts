/**
 * Reads a response's body as a sequence of JSON values, in whatever form it has: server-sent events, one JSON text, or
 * JSON lines. The form is told by the first character and not by the content type, which servers get wrong.
 */
import { createParser } from "eventsource-parser";
import { parseJson } from "../../net/response.ts";

/** Fits a candidate of 256 KiB in one event with every character escaped. */
export const MAX_EVENT_BYTES = 2 * 1024 * 1024;

/** For an event, or a whole body of JSON, that is over the limit. */
export class EventTooLarge extends Error {
  override readonly name = "EventTooLarge";
}

/** For an event that is no JSON. */
export class NotJson extends Error {
  override readonly name = "NotJson";
}

/** One value, and the name of its event where it has one. */
export interface Value {
  readonly value: unknown;
  readonly event: string | null;
}

/** Fed with bytes; returns the values that they complete. */
export class ValueReader {
  /** Bytes so far, and whether the end mark `[DONE]` came. */
  bytes = 0;
  sawDone = false;
  readonly #maxBytes: number;
  /** Ignores a byte order mark and keeps characters whole that are split between pieces. */
  readonly #decoder = new TextDecoder();
  /** Undecided until the first character that is no white space; then, where that begins JSON, until its line ends. */
  #form: "undecided" | "events" | "json" | "jsonLines" | "wholeJson" = "undecided";
  #values: Value[] = [];
  #sinceEvent = 0;
  /** A line of JSON, or a whole text, that is not complete, in pieces. */
  #json: string[] = [];
  #jsonLength = 0;
  readonly #parser = createParser({
    onEvent: ({ data, event }) => this.#event(data, event ?? null),
    onComment: () => {
      this.#sinceEvent = 0;
    },
  });

  constructor(maxBytes = MAX_EVENT_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Why nothing more can be read: set beside the values that came before. */
  fault: EventTooLarge | NotJson | null = null;

  /** The body is JSON, not a stream of events. */
  get isJson(): boolean {
    return this.#form !== "undecided" && this.#form !== "events";
  }

  /** The values that a piece completes; then `fault` may be set. */
  read(chunk: Uint8Array): Value[] {
    this.bytes += chunk.length;
    return this.#take(this.#decoder.decode(chunk, { stream: true }), chunk.length);
  }

  /** The body is over. */
  end(): Value[] {
    this.#take(this.#decoder.decode(), 0);
    if (this.#form === "events") {
      // Some servers do not end the last event with an empty line.
      this.#parser.feed("\n\n");
      return this.#given();
    }
    const text = this.#json.join("").trim();
    this.#json = [];
    if (text !== "") this.#value(text, null);
    return this.#given();
  }

  #take(text: string, bytes: number): Value[] {
    if (this.#form === "undecided") {
      const first = text.trimStart().charAt(0);
      if (first === "") return [];
      this.#form = first === "{" || first === "[" ? "json" : "events";
    }
    if (this.isJson) this.#readJson(text);
    else {
      this.#sinceEvent += bytes;
      this.#parser.feed(text);
      if (this.#sinceEvent > this.#maxBytes) this.fault ??= new EventTooLarge();
    }
    return this.#given();
  }

  /** Where the first line is a JSON text of its own, so is every other; else the lines are one text, read at its end. */
  #readJson(text: string): void {
    const lines = this.#form === "wholeJson" ? [text] : text.split("\n");
    for (const [at, line] of lines.entries()) {
      if (at > 0) this.#endLine();
      this.#json.push(line);
      this.#jsonLength += line.length;
      if (this.#jsonLength > this.#maxBytes) this.fault ??= new EventTooLarge();
      if (this.fault !== null) return;
    }
  }

  #endLine(): void {
    const text = this.#form === "wholeJson" ? "" : this.#json.join("").trim();
    if (this.#form === "json" && text !== "") {
      this.#form = parseJson(text) === undefined ? "wholeJson" : "jsonLines";
    }
    if (this.#form === "wholeJson") {
      this.#json.push("\n");
      return;
    }
    if (text !== "") this.#line(text);
    this.#json = [];
    this.#jsonLength = 0;
  }

  #event(data: string, event: string | null): void {
    this.#sinceEvent = 0;
    const text = data.trim();
    if (text === "[DONE]") this.sawDone = true;
    else if (text !== "") this.#value(text, event);
  }

  /** Events that no empty line parts come as one, a JSON text a line. */
  #value(text: string, event: string | null): void {
    if (this.fault !== null) return;
    const value = parseJson(text);
    if (value !== undefined) {
      this.#values.push({ value, event });
      return;
    }
    for (const line of text.split("\n")) this.#line(line, event);
  }

  #line(text: string, event: string | null = null): void {
    if (this.fault !== null) return;
    if (text.trim() === "[DONE]") {
      this.sawDone = true;
      return;
    }
    const value = parseJson(text);
    if (value === undefined) this.fault = new NotJson();
    else this.#values.push({ value, event });
  }

  #given(): Value[] {
    const values = this.#values;
    this.#values = [];
    return values;
  }
}
