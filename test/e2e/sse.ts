/** Reads server-sent events over plain fetch, as a mobile app would. */

export interface SseEvent {
  /** Null: an event without a name. */
  readonly name: string | null;
  readonly data: string;
}

export interface SseReader {
  readonly status: number;
  readonly headers: Headers;
  /** Comments so far. */
  comments: number;
  /** Events in order; ends with the response. */
  events(): AsyncGenerator<SseEvent, void>;
  /** Leaves: the connection is closed at once. */
  leave(): void;
}

/** Posts JSON and asks for events. */
export async function openEvents(url: string, body: object): Promise<SseReader> {
  const leaving = new AbortController();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify(body),
    signal: leaving.signal,
  });
  const reader: SseReader = {
    status: response.status,
    headers: response.headers,
    comments: 0,
    events: async function* () {
      const text = response.body?.pipeThrough(new TextDecoderStream());
      let rest = "";
      for await (const part of text ?? []) {
        const blocks = (rest + part).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          if (block.startsWith(":")) reader.comments += 1;
          else yield eventOf(block);
        }
      }
      if (rest !== "") throw new Error("the stream ended within an event");
    },
    leave: () => leaving.abort(),
  };
  return reader;
}

function eventOf(block: string): SseEvent {
  const lines = block.split("\n");
  const value = (field: string) =>
    lines.find((line) => line.startsWith(`${field}: `))?.slice(field.length + 2);
  const data = value("data");
  const known = lines.every((line) => line.startsWith("data: ") || line.startsWith("event: "));
  if (data === undefined || !known) throw new Error("not an event");
  return { name: value("event") ?? null, data };
}

/** All events of a response. */
export async function allEvents(reader: SseReader): Promise<SseEvent[]> {
  const events: SseEvent[] = [];
  for await (const event of reader.events()) events.push(event);
  return events;
}
