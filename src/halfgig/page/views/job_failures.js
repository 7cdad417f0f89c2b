// Why attempts of a job failed, in plain words, and what was given up to fit.
import { html } from "../base.js";
import { moment } from "../format.js";
import { text } from "../strings.js";

export function Failures({ job }) {
  return html`
    ${job.failures.length > 0 && html`<section aria-labelledby="tried">
      <h2 id="tried">${text.job.tried}</h2>
      <ol class="failures">${job.failures.map((failure) => html`<${Failure} key=${`${failure.attempt} ${failure.at}`} failure=${failure} />`)}</ol>
    </section>`}
    ${job.degraded.length > 0 && html`<section aria-labelledby="given">
      <h2 id="given">${text.job.given}</h2>
      <ul class="plain-list">${job.degraded.map((what) => html`<li key=${what}>${what}</li>`)}</ul>
    </section>`}
  `;
}

function Failure({ failure }) {
  return html`<li>
    <p><strong>${text.job.attempt(failure.attempt)}: ${failure.detail}</strong></p>
    <p class="muted">${moment(failure.at)}${failure.peak ? ` · ${text.job.peak(failure.peak)}` : ""}</p>
  </li>`;
}
