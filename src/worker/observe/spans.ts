/** Spans of a request's own steps, beside those that the platform makes. They hold figures; no field could hold a text. */

/** `generate`: the LLM writes. `prefix`: the question is encoded. `score`: a candidate is. `select`: one is chosen. */
export type SpanName = "generate" | "prefix" | "score" | "select";

export interface OpenSpan {
  end(figures?: Readonly<Record<string, number | boolean>>): void;
}

export type StartSpan = (name: SpanName) => OpenSpan;

/** Where nobody traces. */
export const noSpans: StartSpan = () => ({ end: () => {} });

/** The same values, in a span from the first look to the last value, or to whoever looks no further. */
export async function* spanned<Value>(
  name: SpanName,
  values: AsyncIterable<Value>,
  startSpan: StartSpan,
): AsyncGenerator<Value, void> {
  const span = startSpan(name);
  let count = 0;
  try {
    for await (const value of values) {
      count += 1;
      yield value;
    }
  } finally {
    span.end({ events: count });
  }
}
