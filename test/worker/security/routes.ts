/** The routes as /openapi.json describes them. */
import { expect } from "vitest";
import { send } from "../client.ts";

// biome-ignore lint/suspicious/noExplicitAny: a JSON schema, walked member by member
export type Schema = any;

export interface DescribedRoute {
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  /** By media type. */
  readonly bodies: Readonly<Record<string, Schema>>;
}

export interface Described {
  readonly routes: readonly DescribedRoute[];
  readonly schemas: Readonly<Record<string, Schema>>;
}

/** Reads the document from the Worker under test. */
export async function described(): Promise<Described> {
  const response = await send("/openapi.json");
  expect(response.status).toBe(200);
  const document = (await response.json()) as Schema;
  const routes = Object.entries<Schema>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Schema>(methods).map(([method, route]) => ({
      method: method.toUpperCase(),
      path,
      parameters: route.parameters ?? [],
      bodies: Object.fromEntries(
        Object.entries<Schema>(route.requestBody?.content ?? {}).map(([type, { schema }]) => [
          type,
          schema,
        ]),
      ),
    })),
  );
  return { routes, schemas: document.components.schemas };
}
