// The heading of a view: it is the page's title, and has the focus when the view is new.
import { html, useEffect, useRef } from "../base.js";
import { text } from "../strings.js";

let first = true; // the browser itself begins at the top of a page that was just loaded

export function Heading({ title, children }) {
  const self = useRef(null);
  useEffect(() => {
    if (!first && !isTyping()) {
      self.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    first = false;
  }, []);
  useEffect(() => {
    document.title = `${title} · ${text.name}`;
  }, [title]);
  return html`<div class="heading"><h1 ref=${self} tabindex="-1">${title}</h1>${children}</div>`;
}

function isTyping() {
  return document.activeElement instanceof HTMLInputElement;
}
