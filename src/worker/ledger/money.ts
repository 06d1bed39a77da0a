/**
 * Prices of tokens and what they come to, exactly: integers of a millionth of the deployment's currency (micro-units)
 * outside, and of a millionth of those (pico-units) while sums are made. No floating point, so that a sum of parts is the
 * whole.
 */
import { z } from "zod";
import { moneyText } from "../../net/money.ts";

/** Money for a token, in pico-units. A price of 0.15 a million tokens is 150,000. */
export interface Price {
  readonly promptPico: bigint;
  /** A prompt's tokens that the provider had cached. */
  readonly cachedPico: bigint;
  readonly completionPico: bigint;
}

/** What a provider reports of tokens. `cachedTokens` are part of `promptTokens`. */
export interface PricedTokens {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

const PICO_PER_MICRO = 1_000_000n;
/** At most six digits after the point: a micro-unit a million tokens. */
const DECIMAL = /^\d{1,5}(?:\.\d{1,6})?$/u;

const Decimal = z
  .union([z.number(), z.string()])
  .transform(decimalText)
  .refine((text) => DECIMAL.test(text));

/** A price as configuration has it: money a million tokens, as a number or a decimal text. */
export const WirePrice = z.strictObject({
  in: Decimal,
  out: Decimal,
  cached: Decimal.optional(),
});

export function readPrice(wire: z.infer<typeof WirePrice>): Price {
  return {
    promptPico: pico(wire.in),
    cachedPico: pico(wire.cached ?? wire.in),
    completionPico: pico(wire.out),
  };
}

/** What tokens cost, in whole micro-units: rounded up once, at the end of the sum. */
export function costMicros(tokens: PricedTokens, price: Price): number {
  const cached = count(Math.min(tokens.cachedTokens, tokens.promptTokens));
  const fresh = count(tokens.promptTokens) - cached;
  const pico =
    fresh * price.promptPico +
    cached * price.cachedPico +
    count(tokens.completionTokens) * price.completionPico;
  return Number((pico + PICO_PER_MICRO - 1n) / PICO_PER_MICRO);
}

export interface WorstCase {
  /** UTF-8 bytes of all messages. A token stands for one byte or more, so there are no more tokens than these. */
  readonly promptBytes: number;
  readonly messages: number;
  readonly candidates: number;
  /** Tokens of each candidate, thinking included. */
  readonly maxTokens: number;
}

/** Tokens that a chat template adds to a message, and to the whole. */
const MESSAGE_TOKENS = 16;

/**
 * The most that a call can cost, in micro-units: the prompt is billed once for each candidate (providers that take no
 * `n`), and each candidate is as long as it may be.
 */
export function worstMicros(worst: WorstCase, price: Price): number {
  const { promptBytes, messages, candidates, maxTokens } = worst;
  const promptTokens = (promptBytes + (messages + 1) * MESSAGE_TOKENS) * candidates;
  return costMicros(
    { promptTokens, cachedTokens: 0, completionTokens: maxTokens * candidates },
    price.cachedPico > price.promptPico ? { ...price, promptPico: price.cachedPico } : price,
  );
}

/** A price as configuration has it, in decimal texts. */
export function priceText({ promptPico, completionPico, cachedPico }: Price) {
  // Pico-units a token are micro-units a million tokens.
  const text = (amount: bigint) => moneyText(Number(amount));
  return { in: text(promptPico), out: text(completionPico), cached: text(cachedPico) };
}

function pico(text: string): bigint {
  const [whole = "0", fraction = ""] = text.split(".");
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
}

/** Numbers are written out: 1e-7 has no place among prices, 0.15 is "0.15". */
function decimalText(value: number | string): string {
  if (typeof value === "string") return value.trim();
  return Number.isFinite(value) && Math.abs(value) < 1e6 ? String(value) : "";
}

function count(tokens: number): bigint {
  return BigInt(Number.isFinite(tokens) && tokens > 0 ? Math.floor(tokens) : 0);
}
