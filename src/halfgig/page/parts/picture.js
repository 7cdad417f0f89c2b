// A video's picture, or a sign where it has none.
import { html, useState } from "../base.js";
import { clock } from "../format.js";
import { Icon } from "./icon.js";

export function Picture({ source, icon = "film", at = null }) {
  const [broken, setBroken] = useState(false);
  const [tall, setTall] = useState(false); // a tall picture is shown whole: cut, it would lose its head
  const shown = source?.thumbnail && !broken;
  const time = at ?? source?.duration;
  const address = shown && at !== null ? `${source.thumbnail}?at=${Math.round(at)}` : source?.thumbnail;
  return html`<div class="picture">
    ${shown
      ? html`<img src=${address} alt="" class=${tall ? "tall" : ""} loading="lazy" decoding="async"
          onLoad=${(event) => setTall(event.target.naturalHeight > event.target.naturalWidth)} onError=${() => setBroken(true)} />`
      : html`<${Icon} name=${icon} />`}
    ${time !== null && time !== undefined && html`<span class="time" aria-hidden="true">${clock(time)}</span>`}
  </div>`;
}
