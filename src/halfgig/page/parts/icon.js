// Small pictures for buttons, drawn in the colour of the text beside them.
import { html } from "../base.js";

const PATHS = {
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zm5.2 12.2L21 21",
  upload: "M12 16V5m0 0-4.5 4.5M12 5l4.5 4.5M5 19h14",
  play: "M8 5.5v13l10.5-6.5z",
  close: "M6 6l12 12M18 6 6 18",
  edit: "M4 20h4L19.5 8.5a2.1 2.1 0 0 0-3-3L5 17z",
  warn: "M12 4 2.8 20h18.4zM12 10v4.5m0 2.5v.2",
  check: "M5 12.5 10 17.5 19.5 7",
  film: "M4 5h16v14H4zM8.5 5v14M15.5 5v14M4 9.7h4.5M4 14.3h4.5M15.5 9.7H20M15.5 14.3H20",
  sound: "M5 10v4m3.5-7v10M12 4v16m3.5-13v10M19 10v4",
  figure: "M12 7.2a2.1 2.1 0 1 0 0-4.2 2.1 2.1 0 0 0 0 4.2zM4.5 9.5h15M12 9.5V14l-4 7m4-7 4 7",
};

/** @param {{name: keyof typeof PATHS}} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
