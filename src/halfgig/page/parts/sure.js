// A button that asks once more before it does what cannot be undone.
import { html, useState } from "../base.js";
import { text } from "../strings.js";

export function Sure({ label, question, run }) {
  const [asked, setAsked] = useState(false);
  if (!asked) return html`<button type="button" class="quiet" onClick=${() => setAsked(true)}>${label}</button>`;
  return html`<span class="sure" role="group" aria-label=${question}>
    <span>${question}</span>
    <button type="button" class="danger" ref=${focus} onClick=${run}>${label}</button>
    <button type="button" class="quiet" onClick=${() => setAsked(false)}>${text.cancel}</button>
  </span>`;
}

function focus(element) {
  element?.focus();
}
