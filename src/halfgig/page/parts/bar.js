// How far something is.
import { html } from "../base.js";

/** @param {{fraction: number | null, label: string, tone?: string}} props a fraction of null is "not known" */
export function Bar({ fraction, label, tone = "" }) {
  const known = fraction === null || fraction === undefined ? {} : { value: Math.min(1, Math.max(0, fraction)) };
  return html`<progress class=${`bar ${tone}`} max="1" ...${known} aria-label=${label}></progress>`;
}
