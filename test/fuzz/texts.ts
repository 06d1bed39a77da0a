/** Texts as they come from outside: any UTF-16, any Unicode, and pieces that the parsers look for, in any order. */
import fc from "fast-check";
import type { Option } from "../../src/tasks/question.ts";
import { taskById, taskIds } from "../../src/tasks/registry.ts";

/** Any code units, lone surrogates among them. */
const anyUnits = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
  .map((units) => String.fromCharCode(...units));

const pieces = [
  ..."ABCDEa.:;,?!()[]{}*#-'\"/\\=\n\t ",
  ..."Answer: |answer is |the answer is |The correct answer is |#### |\\boxed{|**|</think>|<answer>".split(
    "|",
  ),
  ..."not |neither |both |none of the above|all of the above|yes|no|maybe|therefore |option |or |and ".split(
    "|",
  ),
  ..."Aspirin|aspirin and ibuprofen|Question: |Context: |Options:\n|A. one\n|B) two\n|(A) x (B) y |C: z\n".split(
    "|",
  ),
  ..."I |my son |chest pain|kill myself|cannot breathe|. |[SEP]|[CLS]|\u001e|\ufeff|\u2028|\ud800|\udc00|\u0130|\ud83d\ude00|\u00df|\ufb01".split(
    "|",
  ),
];
export const fromPieces: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...pieces), { maxLength: 30 })
  .map((parts) => parts.join(""));

export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fromPieces },
  { weight: 1, arbitrary: anyUnits },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 60 }) },
  { weight: 2, arbitrary: fc.tuple(fromPieces, anyUnits, fromPieces).map((t) => t.join("")) },
);

/** Options with labels that differ, as the routes let them in. */
export const anyOptions: fc.Arbitrary<Option[]> = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom("Aspirin", "aspirin and ibuprofen", "yes", "No"), anyText), {
      minLength: 2,
      maxLength: 6,
    })
    .map((texts) => texts.map((text, at) => ({ label: "ABCDEF"[at] ?? "", text }))),
  fc.uniqueArray(
    fc.record({ label: anyText.filter((label) => label.trim() !== ""), text: anyText }),
    {
      maxLength: 5,
      selector: ({ label }) => label.toLowerCase(),
    },
  ),
);

export const anyTask = fc
  .constantFrom(...taskIds)
  .map((id) => taskById(id))
  .filter((task) => task !== null);

/** Bytes of any JSON value, or of none. */
export const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value))),
);
