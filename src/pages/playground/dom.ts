/** The page's elements, made and found. Text is only ever set as text: nothing that an LLM wrote becomes markup. */

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
