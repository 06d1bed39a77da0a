/** Sums of money as all routes tell them: decimal, with the deployment's currency, and in whole micro-units. */
import { z } from "@hono/zod-openapi";
import { moneyText } from "../../net/money.ts";

export const Money = z
  .object({
    amount: z.string().openapi({ description: "Decimal money.", example: "0.001234" }),
    currency: z.string(),
    micros: z.int().openapi({ description: "The same, in millionths of the currency." }),
  })
  .openapi("Money");

/** @param currency of the deployment's prices, ISO 4217 */
export function wireMoney(micros: number, currency: string): z.infer<typeof Money> {
  return { amount: moneyText(micros), currency, micros };
}
