/**
 * The page's elements: made and found, its status line and its tabs. Text is only ever set as text: nothing that an LLM
 * wrote becomes markup.
 */
/** The element of this id. Throws where the page has none of that type. */
export function byId<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no #${id}`);
  return found;
}

/** A new element with a class, texts and elements in it. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  ...children: (string | Node)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (className !== "") element.className = className;
  element.append(...children);
  return element;
}

/** A card with a heading. */
export function card(title: string, ...children: (string | Node)[]): HTMLElement {
  return make("section", "card", make("h2", "", title), ...children);
}

/** Sets the status line, which screen readers announce. */
export function showStatus(text: string, bad = false): void {
  const status = byId("status", HTMLElement);
  status.textContent = text;
  status.className = bad ? "bad" : "";
}

/** Tabs by the ARIA authoring practices: arrow keys move, and the row is one tab stop. */
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
