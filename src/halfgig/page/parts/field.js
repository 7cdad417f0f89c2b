// A field of a form with its label.
import { html } from "../base.js";

/** @param {{id: string, label: string, children?: any}} props `id` is that of the control within */
export function Field({ id, label, children }) {
  return html`<div class="field"><label for=${id}>${label}</label>${children}</div>`;
}

/** A choice of one among many. @param {{id: string, label: string, value: string, names: string[][], choose: (v: string) => void}} props */
export function Select({ id, label, value, names, choose }) {
  return html`<${Field} id=${id} label=${label}>
    <select id=${id} value=${value} onChange=${(event) => choose(event.target.value)}>
      ${names.map(([code, name]) => html`<option key=${code} value=${code} selected=${code === value}>${name}</option>`)}
    </select>
  <//>`;
}
