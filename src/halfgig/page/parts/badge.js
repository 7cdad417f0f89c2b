// The state of a job as a word with a colour; the word alone is enough.
import { html } from "../base.js";
import { text } from "../strings.js";

const TONES = { running: "busy", queued: "plain", succeeded: "good", failed: "bad", cancelled: "plain" };

export function JobBadge({ state }) {
  return html`<span class=${`badge ${TONES[state] ?? "plain"}`}>${text.job.states[state] ?? state}</span>`;
}
