/** What end-to-end tests run against; the bench uses the same. */
export * from "../../scripts/lib/localStack.ts";
