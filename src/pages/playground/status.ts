/** One line that says what goes on; screen readers hear it. */
import { byId } from "./dom.ts";

export function say(text: string, bad = false): void {
  const status = byId("status", HTMLElement);
  status.textContent = text;
  status.className = bad ? "bad" : "";
}
