/** Whether a text is taken for English: questions of all languages that answers are read in, and English that looks foreign. */
import { describe, expect, test } from "vitest";
import { isEnglish } from "../../src/tasks/english.ts";
import { readGolden } from "./golden.node.ts";

const questions = {
  ar: "ما هو العلاج الأنسب لهذا المريض؟",
  de: "Welches Medikament ist bei dieser Patientin die erste Wahl?",
  es: "¿Cuál es el tratamiento de elección para este paciente?",
  fr: "Quel est le traitement de première intention chez cette patiente ?",
  hi: "इस रोगी के लिए सबसे उपयुक्त उपचार क्या है?",
  it: "Qual è il farmaco di scelta per questo paziente?",
  ja: "この患者に最も適切な治療はどれか。",
  ko: "이 환자에게 가장 적절한 치료는 무엇인가?",
  nl: "Welk geneesmiddel is het meest geschikt voor deze patiënt?",
  pl: "Jaki jest najlepszy lek dla tego pacjenta, który ma 60 lat?",
  pt: "Qual é o tratamento mais adequado para esta paciente?",
  ru: "Какой препарат наиболее подходит этому пациенту?",
  tr: "Bu hasta için en uygun tedavi hangisidir?",
  zh: "该患者最合适的治疗是什么？",
};

test.each(Object.entries(questions))("%s is not English: %s", (_code, text) => {
  expect(isEnglish(text)).toBe(false);
  // Latin names of drugs and abbreviations do not make it English.
  expect(isEnglish(`${text}\nA. ACE inhibitor\nB. Ibuprofen 400 mg\nC. MRI\nD. Naproxen`)).toBe(
    false,
  );
});

describe("English stays English", () => {
  test.each([
    "Which drug is the best choice for this patient?",
    "Café-au-lait spots and Lisch nodules suggest which disease?",
    "A patient with tic douloureux (trigeminal neuralgia) and cri du chat in the family is seen.",
    "Genes involved in X-linked SCID:\nIL-6\nIL2RG\nCD23",
    "Is interferon-α or TGF-β raised in Sjögren's syndrome, Ménière's or Guillain-Barré?",
    "Quincke's edema, Kussmaul breathing, Dupuytren contracture, La Crosse virus: which is a reflex?",
    "What does Staphylococcus aureus per os do in vivo, de novo and in situ?",
    "Loading dose of MgSO4 (IV):\n4 ml + 16 ml NS\n8 ml + 12 ml NS",
    "Gram + ve cocci\nGram - ve rods",
    "Normal CRP, ESR, TSH? Mean arterial pressure = 93 mmHg",
    "Die Another Day: how many die of sepsis on the ward?",
    "Aspirin",
    "B",
    "",
    "x² + y² = z², ∀x∃y (x ≤ y)",
    "Answer: C",
  ])("%j", (text) => {
    expect(isEnglish(text)).toBe(true);
  });
});

test("answers of more than four words in another language are not English", () => {
  interface Case {
    readonly language: string;
    readonly text: string;
  }
  const rows = readGolden<Case>("answers/languages.jsonl").filter(({ text, language }) => {
    return language !== "forms" && text.split(" ").length > 4 && text !== "No, no lo es.";
  });
  expect(rows.length).toBeGreaterThan(60);
  for (const { text } of rows) expect(isEnglish(text), text).toBe(false);
});

test("a megabyte costs no more than its beginning", () => {
  const long = "el paciente ".repeat(100_000);
  const start = performance.now();
  for (let run = 0; run < 100; run += 1) expect(isEnglish(long)).toBe(false);
  // 100 looks at 8,000 units each; at the whole text they would be at 120 million.
  expect(performance.now() - start).toBeLessThan(5_000);
});
