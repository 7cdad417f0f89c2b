// What stands where something is not there yet, is empty, or was refused.
import { html } from "../base.js";
import { text } from "../strings.js";
import { Icon } from "./icon.js";

/** Shapes of what is being loaded. */
export function Loading({ rows = 3 }) {
  return html`<div class="loading" role="status">
    <span class="hidden">${text.loading}</span>
    ${Array.from({ length: rows }, (_, n) => html`<div class="ghost" key=${n}></div>`)}
  </div>`;
}

/** A problem of the server in its words, with what to do. */
export function Trouble({ problem, again }) {
  return html`<div class="trouble" role="alert">
    <${Icon} name="warn" />
    <div>
      <p><strong>${problem.detail}</strong></p>
      ${problem.remedy && html`<p>${problem.remedy}</p>`}
    </div>
    ${again && html`<button type="button" onClick=${again}>${text.again}</button>`}
  </div>`;
}

/** Nothing is here: what it would be, and how it gets here. */
export function Empty({ icon, title, children }) {
  return html`<div class="empty">
    <${Icon} name=${icon} />
    <h2>${title}</h2>
    <p>${children}</p>
  </div>`;
}
