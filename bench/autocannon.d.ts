/** The part of autocannon that is used; it brings no types. */
declare module "autocannon" {
  interface Request {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly onResponse: (
      status: number,
      body: string,
      context: object,
      headers: Readonly<Record<string, string>>,
    ) => void;
  }

  interface Options {
    readonly url: string;
    readonly connections: number;
    /** Seconds. */
    readonly duration: number;
    /** Seconds. */
    readonly timeout: number;
    readonly requests: readonly Request[];
  }

  interface Result {
    readonly errors: number;
    readonly timeouts: number;
  }

  export default function autocannon(options: Options): PromiseLike<Result>;
}
