import type { Question } from "../../tasks/question.ts";
export function questionFromText(text: string): Question {
  return { question: text, options: [], context: null };
}
