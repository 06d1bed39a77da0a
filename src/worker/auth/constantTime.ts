/** Comparisons whose time tells nothing about the secret. Workers only: `timingSafeEqual` is workerd's. */
import { fromHex, hashSecret } from "./apiKey.ts";

/** Whether `secret` is the one with this SHA-256 (hex). */
export async function isSecretOf(secret: string, hash: string): Promise<boolean> {
  const [given, wanted] = [await hashSecret(secret), fromHex(hash)];
  return given.byteLength === wanted.byteLength && crypto.subtle.timingSafeEqual(given, wanted);
}

/** Whether two texts are the same. Hashed first, so that not even their lengths show. */
export async function isSameText(given: string, wanted: string): Promise<boolean> {
  return crypto.subtle.timingSafeEqual(await hashSecret(given), await hashSecret(wanted));
}
