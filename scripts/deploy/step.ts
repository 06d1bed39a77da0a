/** One thing that a deployment needs: looked at first, and made only where it is missing. */

export type State =
  /** It is there: nothing to do. */
  | { readonly kind: "there"; readonly detail: string }
  /** It is missing, and `make` makes it; returns what it did. */
  | { readonly kind: "missing"; readonly detail: string; readonly make: () => string }
  /** It is missing, and only a person can make it. */
  | { readonly kind: "yours"; readonly detail: string };

export interface Step {
  readonly what: string;
  /** @throws Error where that cannot be told */
  readonly look: () => State;
  /** What is said of it where nobody is logged in, so that nothing can be looked at. */
  readonly otherwise: string;
}
