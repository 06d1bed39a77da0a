"""Project-written texts behind the golden files: every oddity that a caller may send.

No character here came after Unicode 8: the two tokenizers' tables differ past it.
"""

from __future__ import annotations

from collections.abc import Iterator

ODD = [
    "",
    " ",
    "\n",
    "\t \r\n ",
    "a",
    "A",
    ".",
    "?!",
    "---",
    "yes",
    "Maybe.",
    "A. Penicillin V\nB. Fluconazole",
    "[CLS] posing as structure [SEP] [PAD] [MASK] [UNK]",
    "[SEP][SEP]",
    "##ing ## #",
    "don't won't it's patients' o'clock",
    "e.g., i.e., etc. vs. Dr. Smith, M.D.",
    "5-fluorouracil; 5‑FU (non-breaking hyphen) – en dash — em dash ― bar",
    "Na+/K+-ATPase, Ca2+, Fe3+, HCO3-",
    "pH 7.35–7.45, PaCO₂ 40 mmHg, SpO₂ 98%",
    "10⁻³ mol·L⁻¹ ≈ 1 mM; x² + y² ≤ r²; ±0.5; ∞; ½ ¼ ¾",
    "α-synuclein, β-blocker, γ-GT, Δ9-THC, μg, Ω, ΑΒΓ ΣΟΦΟΣ ΟΔΟΣ",
    "café naïve façade coöperate Ångström Ménière Sjögren Guillain–Barré Raynaud",
    "cafe\u0301 (combining acute), n\u0303, o\u0308, A\u030a, \u0301 alone",
    "İstanbul ISTANBUL ıi Iİ",
    "STRASSE straße ẞ",
    "ﬁbrosis ﬂutter ﬀ ﬃ (ligatures)",
    "Ｆｕｌｌ ｗｉｄｔｈ １２３ ！",
    "病人有发热和咳嗽。",
    "患者は発熱と咳があります。",
    "カタカナ ﾊﾝｶｸ ひらがな",
    "환자는 열이 있다",
    "У пациента лихорадка и кашель; Ё ё Й й",
    "المريض يعاني من الحمى والسعال",
    "לחולה יש חום ושיעול",
    "रोगी को बुखार है",
    "ผู้ป่วยมีไข้",
    "Ο ασθενής έχει πυρετό",
    "bệnh nhân bị sốt",
    "😀 fever 🤒 👍🏽 👨‍👩‍👧 ❤️ ☠ ✓ ✗ →",
    "\U00020000\U0002a6d6 rare ideographs \U0002f800",
    "zero\u200bwidth\u200djoiner\u2060word\ufeffbom",
    "soft\u00adhyphen no\u00a0break thin\u2009space ideographic\u3000space",
    "line\u2028separator paragraph\u2029separator next\u0085line",
    "control\x00null\x01\x02\x1fend\x7fdel bell\x07",
    "replacement \ufffd character",
    "lone high \ud800 surrogate",
    "lone low \udc00 surrogate",
    "private \ue000 use",
    "right\u200e to \u200fleft \u202amarks\u202c",
    "math 𝐱 𝒻 𝔸 ℕ ℝ ℃ № ™ © ®",
    "quotes ‘single’ “double” «guillemets» „low“ `tick` ´acute´",
    "¿Qué? ¡Hola! § ¶ † ‡ • … ‰ ′ ″",
    "$100 €50 £20 ¥1000 ₹10 ^caret ~tilde |bar| \\slash/ <tag> {b} @at #hash %20 &amp; *bold* _u_",
    "http://example.org/a?b=c&d=%20#e user@example.org",
    "snake_case camelCase PascalCase kebab-case SCREAMING",
    "x" * 99,
    "x" * 100,
    "x" * 101,
    "x" * 400,
    "ab " * 300,
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "hydroxymethylglutaryl-coenzyme-A-reductase",
    "pseudopseudohypoparathyroidism dichlorodiphenyltrichloroethane",
    "1234567890" * 12,
    "3.14159 1,000,000 1e-6 0x1F -40 °C 98.6°F 120/80 1:1000 50%",
    "ACGTTGCAACGT 5'-ATG-3' p.Val600Glu c.1799T>A HLA-B*27:01 CD4+CD25+",
    "<think>\nThe patient...\n</think>\n\n<answer>\nB. no\n</answer>",
    '**Answer:** *B*\n\n1. first\n2. second\n   - nested\n\n```json\n{"answer": "B"}\n```',
    "Answer: (C)\r\nBecause…\r\n",
    "\\boxed{B} \\frac{1}{2} $x^2$",
    "ПРОПИСНЫЕ буквы и Latin вперемешку с 汉字 and ελληνικά",
    "ǅ ǆ Ǆ (digraphs) ŉ Ĳ ĳ ſ",
    "Ⅳ ⅳ ① ② ㈱ ㍿",
    "ñ Ñ ü Ü ç Ç ø Ø æ Æ œ Œ ð Ð þ Þ ł Ł đ Đ ħ",
    "  leading and trailing  ",
    "tabs\tbetween\twords\n\n\nand lines",
]
_SUBJECTS = [
    "A 54-year-old man with crushing chest pain",
    "A woman of 31 at 34 weeks' gestation",
    "The newborn (2.9 kg, Apgar 8/9)",
    "An 81-year-old with delirium and fever of 39.2 °C",
    "In a cohort of 1,204 patients with Crohn's disease",
    "The randomised trial's intervention arm",
    "Among children aged 6–59 months",
    "A previously healthy farmer",
]
_FINDINGS = [
    "showed ST-elevation in II, III and aVF; troponin I was 12.4 ng/mL.",
    "had a blood pressure of 168/112 mmHg, 3+ proteinuria and hyperreflexia.",
    "was treated with amoxicillin/clavulanate 875/125 mg b.i.d. for ten days.",
    "reported fewer relapses (HR 0.71, 95% CI 0.55–0.92; p = 0.009).",
    "developed Stevens–Johnson syndrome after allopurinol.",
    "carries a β-globin mutation (HbS/β⁰), confirmed by electrophoresis.",
    "improved; therefore the answer is B. Answer: B",
    "is NOT suitable for thrombolysis — INR 3.4, recent surgery!",
    "worsened, see the table below:\n| drug | dose |\n|---|---|\n| furosemide | 40 mg |",
    'was lost to follow-up... so "maybe" is the most cautious reading?',
    "remained stable (n=42); no adverse events (0/42) were seen.",
    "may have Méniere's disease, Sjögren's or neither; ANA 1:640, anti-Ro/SSA+.",
    "presented with dyspnoea, oedema & orthopnoea; BNP ↑, EF ↓ 35%.",
    "should start N-acetylcysteine, 150 mg/kg i.v. over 1 h.",
    "has a Glasgow Coma Scale of E3V4M6 = 13.",
]


def tokenizer_texts() -> Iterator[str]:
    """At least 200 texts: odd ones, ordinary ones, long ones."""
    yield from ODD
    sentences = [f"{s} {f}" for s in _SUBJECTS for f in _FINDINGS]
    yield from sentences
    yield " ".join(sentences)
    yield "\n".join(reversed(sentences))
    for index, text in enumerate(ODD[10:40]):
        yield f"{text} {sentences[index]} {text}"


def sentence(index: int) -> str:
    """One of the ordinary sentences."""
    return f"{_SUBJECTS[index % len(_SUBJECTS)]} {_FINDINGS[index % len(_FINDINGS)]}"
