// A video of the library as a card.
import { html } from "../base.js";
import { day, language } from "../format.js";
import { Picture } from "../parts/picture.js";
import { address } from "../router.js";
import { text } from "../strings.js";

/** Where a video is shown: at its repetitions where nothing else is known of it. */
export function addressOf(source) {
  const onlyReps = source.state === "unheard" && Object.keys(source.reps ?? {}).length > 0;
  return address(["videos", source.id, ...(onlyReps ? ["reps"] : [])]);
}

export function VideoCard({ source }) {
  const reps = Object.entries(source.reps ?? {});
  return html`<li class="card">
    <a class="card-link" href=${addressOf(source)}>
      <${Picture} source=${source} icon=${reps.length ? "figure" : "sound"} />
      <span class="card-title">${source.title || text.library.untitled}</span>
      ${source.duration !== null && html`<span class="hidden">${text.library.length(source.duration)}</span>`}
    </a>
    <p class="card-facts muted">
      ${[language(source.language), day(source.added_at)].filter(Boolean).join(" · ")}
    </p>
    <ul class="chips">
      ${reps.map(([name, n]) => html`<li key=${name} class="chip strong">${text.library.reps(name, n)}</li>`)}
      ${(source.state !== "unheard" || !reps.length) && html`<li class=${`chip ${source.state === "ready" ? "" : "busy"}`}>${text.library.states[source.state] ?? source.state}</li>`}
      ${(source.tags ?? []).map((tag) => html`<li key=${tag}><a class="chip tag" href=${address([], { tag })}>${tag}</a></li>`)}
    </ul>
  </li>`;
}
