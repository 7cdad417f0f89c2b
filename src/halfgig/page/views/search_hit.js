// A moment that answers.
import { html } from "../base.js";
import { clock } from "../format.js";
import { excerpt, pieces } from "../marked.js";
import { Marks } from "../parts/marks.js";
import { Picture } from "../parts/picture.js";
import { address } from "../router.js";
import { text } from "../strings.js";

/** Where a moment is shown: what is done at the repetitions, what is said at the transcript. */
export function addressOf(hit) {
  const at = Math.round(hit.at * 100) / 100;
  return hit.kind === "motion" ? address(["videos", hit.source_id, "reps"], { t: at }) : address(["videos", hit.source_id], { t: at });
}

export function Hit({ hit, source }) {
  return html`<li class="hit">
    <a class="hit-link" href=${addressOf(hit)}>
      <${Picture} source=${source} icon=${hit.kind === "motion" ? "figure" : "sound"} at=${hit.at} />
      <div class="hit-text">
        <p class="hit-title"><strong>${hit.title}</strong> <span class="muted">${clock(hit.start)} – ${clock(hit.end)} · ${hit.kind === "motion" ? text.search.done : text.search.said}</span></p>
        <p><${Marks} pieces=${excerpt(pieces(hit.marked || hit.text))} /></p>
      </div>
    </a>
    ${hit.kind === "speech" && html`<a class="hit-alike" href=${address(["search"], { like: hit.source_id, at: Math.round(hit.at * 100) / 100 })} aria-label=${text.search.alikeOf(hit.at)}>${text.search.alike}</a>`}
  </li>`;
}
