/** What counts as urgent: hits, and near misses that must stay what they are, questions. */
import { describe, expect, it, vi } from "vitest";
import { parseUrgentRules, standardRules, urgentKind } from "../../src/tasks/urgent/urgent.ts";

const selfHarm = [
  "I want to kill myself",
  "I can't go on, I want to die.",
  "I’ve been thinking about suicide for weeks",
  "lately i feel suicidal, what can I take",
  "I keep cutting myself. Does honey heal scars?",
  "I just took too many of my sleeping pills",
  "My daughter says she wants to die",
  "my friend swallowed a whole bottle of paracetamol",
  "I wish I was dead",
  "There is no reason to live for me any more",
  "I don't want to kill myself but I think about it",
];

const emergencies = [
  "I have crushing chest pain that goes into my left arm",
  "My father has pressure on his chest and is sweating",
  "my chest hurts and I feel faint",
  "Help!! my baby is not breathing",
  "I can't breathe",
  "I’m struggling to breathe since this morning",
  "My husband's face is drooping on the left",
  "My mum had a stroke I think, her speech is slurred",
  "It is the worst headache of my life",
  "My cut won't stop bleeding",
  "I am vomiting blood",
  "My son is having a seizure",
  "my wife was found unconscious",
  "We can't wake him: my grandpa won't wake up",
  "My throat is closing after I ate peanuts",
  "My toddler swallowed a button battery",
  "my child drank some bleach",
  "No fever. But I have chest pain.",
];

const nearMisses = [
  "Is chest pain a common symptom of reflux?",
  "A 54-year-old man presents with crushing chest pain and sweating. What is the next step?",
  "A patient can't breathe when lying flat; which drug is first line?",
  "My patient has chest pain after a long flight. Which test?",
  "I have no chest pain, only heartburn. Can I take an antacid?",
  "I have a cold but I don't have chest pain",
  "I am not suicidal, I only want to sleep better",
  "Which antidepressants raise the risk of suicide in adolescents?",
  "Does paracetamol overdose cause liver failure?",
  "I would die for a coffee: does caffeine raise blood pressure?",
  "How does bleach kill bacteria?",
  "I read about strokes. Does exercise prevent a stroke?",
  "My nose bled yesterday and stopped after a minute",
  "I hurt my knee while running",
  "Can I cut my tablets in half?",
  "My eyes are blue and my son's are brown, how?",
  "Does breathing exercise lower my blood pressure?",
  "What is the mechanism of anaphylaxis?",
  "Are suicide prevention programmes effective?",
  "I took my tablets an hour late",
  "Is my chest X-ray normal?",
  "What is the worst headache medicine?",
  "My life is busy; should I take vitamins?",
  "I swallowed my chewing gum",
  "",
];

describe("urgent", () => {
  it.each(selfHarm)("self-harm: %s", (text) =>
    expect(urgentKind(text, standardRules)).toBe("self_harm"),
  );
  it.each(emergencies)("emergency: %s", (text) =>
    expect(urgentKind(text, standardRules)).toBe("emergency"),
  );
  it.each(nearMisses)("neither: %s", (text) => expect(urgentKind(text, standardRules)).toBeNull());
});

describe("a list of one's own", () => {
  it("replaces the one that ships", () => {
    const own = {
      ...standardRules,
      rules: standardRules.rules.filter(({ id }) => id === "stroke"),
    };
    const rules = parseUrgentRules(JSON.stringify(own));
    expect(rules && urgentKind("I can't breathe", rules)).toBeNull();
    expect(rules && urgentKind("My face is drooping", rules)).toBe("emergency");
  });

  it.each(["", "[]", "{", '{"rules":[]}', JSON.stringify({ ...standardRules, more: 1 })])(
    "is null where it is none: %s",
    (json) => expect(parseUrgentRules(json)).toBeNull(),
  );

  it("of nothing finds nothing", () => {
    const none = parseUrgentRules(JSON.stringify({ ...standardRules, rules: [] }));
    expect(none && urgentKind("I can't breathe", none)).toBeNull();
  });
});

describe("a long text", () => {
  it("is read to its end: a cry is seen whatever stands before it", () => {
    const before = "The patient's file says little of use. ".repeat(20_000);
    expect(urgentKind(`${before} I want to kill myself`, standardRules)).toBe("self_harm");
    expect(urgentKind(`${before} What helps?`, standardRules)).toBeNull();
  });

  it.each(["pain ", "i have no ", "chest ", "\u200b", "i can't ", "!", "my ", "want to "])(
    "of %j costs steps that grow as it does, not faster",
    (piece) => {
      const few = steps(piece.repeat(5_000));
      const many = steps(piece.repeat(20_000));
      expect(many).toBeLessThan(5 * few + 1_000);
    },
  );
});

/** How often the rules' phrases were looked at for a text: what its cost grows with. */
function steps(text: string): number {
  let looks = 0;
  const counted = vi.spyOn(Map.prototype, "get").mockImplementation(function (
    this: Map<unknown, unknown>,
    key: unknown,
  ) {
    looks += 1;
    for (const [known, value] of this) if (known === key) return value;
    return undefined;
  });
  try {
    urgentKind(text, standardRules);
  } finally {
    counted.mockRestore();
  }
  return looks;
}

describe("what shows nothing", () => {
  it.each([
    ["a zero-width space inside a word", "I want to ki\u200bll myself"],
    ["a zero-width space between words", "I want to kill\u200bmyself"],
    ["soft hyphens", "I want to k\u00adill my\u00adself"],
    ["marks of direction", "\u202eI want to \u2066kill\u2069 myself"],
    ["a byte order mark and joiners", "\ufeffI w\u200dant to kill mys\u200celf"],
    ["blanks that Unicode calls letters", "I\u3164want\u2800to\uffa0kill myself"],
    ["wide letters and no-break spaces", "Ｉ want\u00a0to\u202fｋｉｌｌ myself"],
    ["another apostrophe", "I can\u02bct breathe"],
  ])("hides no cry: %s", (_, text) => {
    expect(urgentKind(text, standardRules)).not.toBeNull();
  });
});
