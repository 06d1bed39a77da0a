// Asks from a React Native app. Not run here: this project's tests have no React Native.
//
// An app carries no API key. It gets a short-lived token from your own server (docs/auth.md) and asks for a new one
// when the service answers 401. Leaving the screen, or asking anew, aborts the request, and with it the LLM's calls.
import { useCallback, useEffect, useRef, useState } from "react";

export interface Answer {
  answer: string | null;
  text: string | null;
  confidence: number | null;
  confidence_reason: string | null;
  abstained: boolean;
  urgent_text: string | null;
  notice: string;
}

export interface Problem {
  /** Null: the service could not be reached. */
  status: number | null;
  detail: string;
  /** There where the question tells of an emergency: show it first, as an answer's. */
  urgent_text: string | null;
}

export interface Asked {
  question: string;
  options?: Record<string, string>;
  context?: string;
}

export function useMedAdapter(base: string, fetchToken: (signal: AbortSignal) => Promise<string>) {
  const token = useRef<string | null>(null);
  const running = useRef<AbortController | null>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);

  const ask = useCallback(
    async (asked: Asked) => {
      running.current?.abort();
      const stop = new AbortController();
      running.current = stop;
      setAnswer(null);
      setProblem(null);
      const send = async () => {
        token.current ??= await fetchToken(stop.signal);
        return fetch(`${base}/v1/answer`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${token.current}` },
          body: JSON.stringify({ ...asked, k: 5, include: [] }),
          signal: stop.signal,
        });
      };
      try {
        let response = await send();
        if (response.status === 401) {
          token.current = null;
          response = await send();
        }
        const { status } = response;
        if (response.ok) {
          setAnswer(await response.json());
          return;
        }
        // What stands between may answer with a page of its own.
        const problem = await response.json().catch(() => null);
        const detail = problem?.detail ?? `The service answered ${status}.`;
        const urgent_text = problem?.urgent_text ?? null;
        if (!stop.signal.aborted) setProblem({ status, detail, urgent_text });
      } catch {
        const detail = "The service cannot be reached.";
        if (!stop.signal.aborted) setProblem({ status: null, detail, urgent_text: null });
      }
    },
    [base, fetchToken],
  );

  useEffect(() => () => running.current?.abort(), []);
  return { ask, answer, problem, stop: () => running.current?.abort() };
}
