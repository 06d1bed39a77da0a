/**
 * Takes a model's thinking out of a text. What a reasoning model writes for itself is no part of its answer: it is neither
 * read, ranked, returned nor kept. Linear in the text's length.
 *
 * Known forms: tags of several families and brackets (`<think>`, `[THINK]`, `◁think▷`, `<|begin_of_thought|>`,
 * MedGemma's `<unused94>`, Gemma's `<|channel>thought`), the channels of gpt-oss (Harmony), with and without their special
 * tokens, and the headings of models that were trained without tags (Granite, HuatuoGPT-o1). Chat templates may write the
 * opening tag into the prompt: then all that stands before the first closing tag is thinking. Where the token limit cut
 * the thinking, all that follows the opening tag is.
 */

export interface WithoutThinking {
  /** What is left; the text itself where it holds no thinking. */
  readonly text: string;
  /** `open`: the thinking has no end, and nothing was said after it. */
  readonly thinking: "none" | "closed" | "open";
}

const names =
  "think|thinking|thoughts?|thought_process|reason|reasoning|reflect|reflections?|analysis|scratch_?pad|(?:inner|internal)_(?:thoughts?|monologue)|chain_of_thought|cot";

/** One alternative for each kind of bracket. Every repetition is bounded, so a match costs a bounded time. */
const TAG = new RegExp(
  [
    // <think>, </thinking>, <seed:think>, <thinking mode="x">, full-width and escaped forms.
    `(?:<|＜|&lt;)(?<slash1>/?)(?:[a-z][\\w-]{0,20}:)?(?<angle>${names})(?:\\s[^<>＜＞]{0,120})?(?:>|＞|&gt;)`,
    // [THINK], [/THINK]
    `\\[\\s?(?<slash2>/?)\\s?(?<square>${names})\\s?\\]`,
    // ◁think▷ and its like
    `[◁【⟨〈《〔]\\s?(?<slash3>/?)\\s?(?:${names})\\s?[▷】⟩〉》〕]`,
    // <|begin_of_thought|>, <|END_THINKING|>, <|/think|>, <|thought_end|>
    `<[|｜]\\s?(?<slash4>/|end_of_|end_)?(?:start_of_|begin_of_|start_|begin_)?(?:${names})(?:_(?:begin|start)|(?<ends>_end))?\\s?[|｜]>`,
    "<unused94>(?:thought)?|<\\|channel>\\w{0,20}|<\\|inner_prefix\\|>",
    "(?<closes><unused95>|<channel\\|>|<\\|inner_suffix\\|>)",
  ].join("|"),
  "giu",
);

/** Where an answer begins for certain: thinking that was never closed ends there. */
const ANSWER_BEGINS =
  /<\/?(?:answer|final_answer|final|response|output|solution)>|<\|(?:begin_of_solution|START_RESPONSE)\|>|\[(?:answer|final_answer)\]/giu;

const WRAPPERS = /<\|(?:begin_of_solution|end_of_solution|START_RESPONSE|END_RESPONSE)\|>/gu;

/**
 * The text without its thinking.
 *
 * @example
 * withoutThinking("<think>A or B?</think>\n\nThe answer is B."); // { text: "The answer is B.", thinking: "closed" }
 */
export function withoutThinking(text: string): WithoutThinking {
  const outer = ofHarmony(text) ?? ofHeadings(text);
  const inner = ofTags(outer?.text ?? text);
  return inner ?? outer ?? { text, thinking: "none" };
}

interface Tag {
  readonly closes: boolean;
  readonly from: number;
  readonly to: number;
  /** Brackets that also stand around headings: such an opening counts only where it is closed. */
  readonly weak: boolean;
}

function ofTags(text: string): WithoutThinking | null {
  const tags = findTags(text);
  if (tags.length === 0) return null;
  const kept: string[] = [];
  let from = 0;
  let depth = 0;
  let opened = 0;
  let before: Tag | null = null;
  for (const tag of tags) {
    if (tag.closes) {
      // Without an opening one: the template wrote it, and all until here is thinking.
      if (depth === 0) kept.length = 0;
      depth = Math.max(0, depth - 1);
      if (depth === 0) from = tag.to;
    } else if (depth === 0) {
      kept.push(text.slice(from, tag.from));
      depth = 1;
      opened = tag.to;
    } else if (before?.closes !== false || text.slice(before.to, tag.from).trim() !== "") {
      // A tag right behind another is a repetition, of the template's by the model.
      depth += 1;
    }
    before = tag;
  }
  if (depth > 0) {
    const answer = lastAnswer(text, opened);
    if (answer === null) return left(kept, "open");
    from = answer;
  }
  kept.push(text.slice(from));
  return left(kept, "closed");
}

function findTags(text: string): Tag[] {
  const tags: Tag[] = [];
  for (const match of text.matchAll(TAG)) {
    const { groups = {}, index } = match;
    const to = index + match[0].length;
    // In backticks or quotation marks a tag is only spoken of.
    if (/["'`“]/u.test(text.charAt(index - 1)) && /["'`”]/u.test(text.charAt(to))) continue;
    const { slash1, slash2, slash3, slash4, ends, closes, angle, square } = groups;
    const isEnd = [slash1, slash2, slash3, slash4, ends, closes].some(Boolean);
    const name = (angle ?? square ?? "think").toLowerCase();
    const weak = square !== undefined && !name.startsWith("think");
    tags.push({ closes: isEnd, from: index, to, weak });
  }
  // Going back from the end: is there a closing tag behind this one?
  let closed = false;
  const strong: Tag[] = [];
  for (const tag of tags.toReversed()) {
    if (tag.closes) closed = true;
    if (closed || !tag.weak) strong.push(tag);
  }
  return strong.reverse();
}

/** Where the last answer begins behind `from`, its tag included; null: nothing says so. */
function lastAnswer(text: string, from: number): number | null {
  ANSWER_BEGINS.lastIndex = from;
  let at: number | null = null;
  for (let match = ANSWER_BEGINS.exec(text); match !== null; match = ANSWER_BEGINS.exec(text)) {
    if (!match[0].startsWith("</")) at = match.index;
  }
  ANSWER_BEGINS.lastIndex = 0;
  return at;
}

function left(kept: readonly string[], thinking: "closed" | "open"): WithoutThinking {
  const text = kept.join("").replaceAll(WRAPPERS, "").trim();
  return { text, thinking: text === "" ? "open" : thinking };
}

/** A message of Harmony: `<|channel|>NAME<|message|>TEXT`, ended by one of these or by the next one. */
const CHANNEL = /<\|channel\|>([^<]*)(?:<\|constrain\|>[^<]*)?<\|message\|>/gu;
const MESSAGE_ENDS = /<\|(?:end|return|call|start|channel)\|>/gu;
/** What is left of it where the special tokens were stripped. */
const STRIPPED = /^\s*analysis(?=[A-Z\s"'])/u;
const STRIPPED_FINAL = /assistant\s?final(?=\S|\s)/gu;

/** gpt-oss writes each message into a channel; only `final` is for the user. */
function ofHarmony(text: string): WithoutThinking | null {
  if (text.includes("<|channel|>")) {
    const kept: string[] = [];
    let messages = 0;
    for (const match of text.matchAll(CHANNEL)) {
      messages += 1;
      if (!/^\s*final/u.test(match[1] ?? "")) continue;
      const from = match.index + match[0].length;
      MESSAGE_ENDS.lastIndex = from;
      kept.push(text.slice(from, MESSAGE_ENDS.exec(text)?.index ?? text.length));
    }
    MESSAGE_ENDS.lastIndex = 0;
    // The token limit may cut the name of the channel itself.
    if (messages > 0 || /<\|channel\|>\w{0,20}$/u.test(text)) return left(kept, "closed");
  }
  if (!STRIPPED.test(text)) return null;
  const finals = [...text.matchAll(STRIPPED_FINAL)];
  const last = finals.at(-1);
  if (last === undefined) return null;
  return left([text.slice(last.index + last[0].length)], "closed");
}

/**
 * Begins with the first, goes on to the second: at the start of a line. HuatuoGPT-o1's headings are taken to the letter:
 * "### Thinking" and "### Answer" are the headings of many a solution that is no reasoning model's.
 */
const headings = [
  [/^\s{0,20}here is my thought process:?/iu, /^here is my response:?/imu],
  [/^\s{0,20}## Thinking\s{0,4}\n/u, /^## Final Response\b/mu],
] as const;

function ofHeadings(text: string): WithoutThinking | null {
  for (const [begins, ends] of headings) {
    if (!begins.test(text)) continue;
    const end = ends.exec(text);
    if (end === null) return { text: "", thinking: "open" };
    return left([text.slice(end.index + end[0].length)], "closed");
  }
  return null;
}
