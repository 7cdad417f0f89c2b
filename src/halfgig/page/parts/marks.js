// Text in which found words are marked.
import { html } from "../base.js";

/** @param {{pieces: {text: string, found: boolean}[]}} props */
export function Marks({ pieces }) {
  return pieces.map((piece, n) => (piece.found ? html`<mark key=${n}>${piece.text}</mark>` : piece.text));
}
