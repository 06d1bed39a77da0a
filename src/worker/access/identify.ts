/** From a request to its caller: by API key, by token, or because the deployment is open to its own machine. */

import { type Caller, openCaller, type Scope } from "./caller.ts";
import type { KeyCache } from "./keyStore.ts";
import { isSecretOf, limitsOf, parseKey } from "./keys.ts";
import { type Jwks, readToken, type TokenFault, type TokenRules } from "./tokens.ts";

/** What a deployment accepts as proof of who calls. If it accepts nothing, every request is refused. */
export interface Credentials {
  readonly keys: KeyCache | null;
  readonly tokens: { readonly rules: TokenRules; readonly jwks: Jwks } | null;
  /** What a caller on the own machine may do without a key; null: nothing, a key is needed there too. */
  readonly openOnLocalhost: readonly Scope[] | null;
}

export type IdentityFault =
  | { readonly kind: "no_credentials" }
  | { readonly kind: "key_unknown" }
  | { readonly kind: "key_revoked" }
  | { readonly kind: "store_unavailable" }
  | TokenFault;

export type Identity =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly fault: IdentityFault };

/**
 * Hosts of the own machine. No request from the internet has one: Cloudflare routes by host, and these are no zones. But
 * another Worker's service binding may use any host, so a deployed Worker must not be open to them.
 */
const LOCAL_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
/** Compared with if the key is unknown, so its refusal takes as long as that of a wrong secret. */
const NO_HASH = "0".repeat(64);

/** Who sends this request, or why it is refused. */
export async function identify(request: Request, credentials: Credentials): Promise<Identity> {
  const credential = bearer(request.headers.get("authorization"));
  if (credential?.startsWith("ma_")) return byKey(credential, credentials);
  if (credential?.includes(".") && credentials.tokens !== null) {
    return readToken(credential, credentials.tokens.rules, credentials.tokens.jwks);
  }
  // SDKs always send some key. On the own machine a made-up one does no harm.
  const local = LOCAL_HOSTS.includes(new URL(request.url).hostname);
  if (local && credentials.openOnLocalhost !== null) {
    return { ok: true, caller: openCaller(credentials.openOnLocalhost) };
  }
  return { ok: false, fault: { kind: credential === null ? "no_credentials" : "key_unknown" } };
}

function bearer(header: string | null): string | null {
  const [, credential] = /^bearer +([^\s]+)$/i.exec(header ?? "") ?? [];
  return credential ?? null;
}

async function byKey(text: string, { keys }: Credentials): Promise<Identity> {
  const parsed = parseKey(text);
  if (parsed === null || keys === null) return { ok: false, fault: { kind: "key_unknown" } };
  let record: Awaited<ReturnType<KeyCache["find"]>>;
  try {
    record = await keys.find(parsed.id);
  } catch {
    return { ok: false, fault: { kind: "store_unavailable" } };
  }
  const right = await isSecretOf(parsed.secret, record?.hash ?? NO_HASH);
  if (record === null || !right) return { ok: false, fault: { kind: "key_unknown" } };
  if (record.revoked !== null) return { ok: false, fault: { kind: "key_revoked" } };
  const { id, tenant, scopes, adapters, quota } = record;
  return {
    ok: true,
    caller: {
      ...{ tenant, keyId: id, principal: id, how: "key", scopes, adapters, quota },
      ...limitsOf(record),
    },
  };
}
