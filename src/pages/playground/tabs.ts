/** Two tabs, by the ARIA authoring practices: arrows move, one tab stop. */
import { byId } from "./dom.ts";

export function setUpTabs(names: readonly string[], changed: () => void): void {
  const tabs = names.map((name) => ({
    tab: byId(`tab-${name}`, HTMLButtonElement),
    panel: byId(`panel-${name}`, HTMLElement),
  }));
  const choose = (at: number) => {
    for (const [i, { tab, panel }] of tabs.entries()) {
      tab.ariaSelected = String(i === at);
      tab.tabIndex = i === at ? 0 : -1;
      panel.hidden = i !== at;
    }
    changed();
  };
  for (const [i, { tab }] of tabs.entries()) {
    tab.addEventListener("click", () => choose(i));
    tab.addEventListener("keydown", ({ key }) => {
      const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
      if (step === 0) return;
      const next = (i + step + tabs.length) % tabs.length;
      choose(next);
      tabs[next]?.tab.focus();
    });
  }
}
