// A video: its player with captions, its transcript that follows and seeks, and what can be done with both.
import { html, useEffect, useRef, useState } from "../base.js";
import { ask, mayChange } from "../api.js";
import { useAsked, useAttempt } from "../asked.js";
import { day, language } from "../format.js";
import { Heading } from "../parts/heading.js";
import { Player } from "../parts/player.js";
import { Loading, Trouble } from "../parts/states.js";
import { Sure } from "../parts/sure.js";
import { address, go } from "../router.js";
import { text } from "../strings.js";
import { Transcript } from "./video_transcript.js";

export function VideoView({ id, query }) {
  const { data: source, problem, again } = useAsked(`/sources/${encodeURIComponent(id)}`);
  const player = useRef(null);
  const [time, setTime] = useState(0);
  const [captions, setCaptions] = useState(0); // counts how often the text was edited, so that captions are read anew
  const t = query.get("t");
  useEffect(() => {
    if (source && t !== null) player.current?.seek(Number(t), false);
  }, [source, t]);
  if (problem && !source) return html`<${Heading} title=${text.video.transcript} /><${Trouble} problem=${problem} again=${again} />`;
  if (!source) return html`<${Heading} title=${text.video.transcript} /><${Loading} />`;
  const title = source.title || text.library.untitled;
  return html`
    <${Heading} title=${title} />
    <div class="video-columns">
      <div class="video-side">
        <${Player} source=${source} controls=${player} start=${t === null ? null : Number(t)} onTime=${setTime}
          captions=${source.state === "unheard" ? null : `/sources/${id}/transcript?format=vtt&edit=${captions}`} />
        <${Facts} source=${source} />
      </div>
      <${Transcript} source=${source} time=${time} find=${query.get("find") ?? ""} at=${t === null ? null : Number(t)}
        seek=${source.media ? (at) => player.current?.seek(at, true) : null} edited=${() => setCaptions((n) => n + 1)} />
    </div>
  `;
}

function Facts({ source }) {
  const reps = Object.entries(source.reps ?? {});
  const { attempt, refused } = useAttempt();
  const forget = () => attempt(async () => {
    await ask(`/sources/${source.id}`, { method: "DELETE" });
    go(address([]));
  });
  return html`<div class="video-facts">
    <p class="muted">${[language(source.language), text.video.about(source), day(source.added_at)].filter(Boolean).join(" · ")}</p>
    <ul class="chips">
      ${reps.map(([name, n]) => html`<li key=${name} class="chip strong">${text.library.reps(name, n)}</li>`)}
      ${source.tags.map((tag) => html`<li key=${tag}><a class="chip tag" href=${address([], { tag })}>${tag}</a></li>`)}
    </ul>
    <${Original} source=${source} />
    <${Downloads} source=${source} />
    <div class="buttons">
      ${reps.length > 0 && html`<a class="button main" href=${address(["videos", source.id, "reps"])}>${text.video.seeReps}</a>`}
      ${mayChange.value && html`<${Sure} label=${text.video.forget} question=${text.video.sure} run=${forget} />`}
    </div>
    ${refused && html`<${Trouble} problem=${refused} />`}
  </div>`;
}

/** A link to where the video came from, where a browser can go there. */
function Original({ source }) {
  if (!/^https?:/.test(source.address)) return null;
  return html`<p><a href=${source.address} target="_blank" rel="noopener noreferrer">${text.video.original}</a></p>`;
}

function Downloads({ source }) {
  if (source.state === "unheard") return null;
  return html`<p class="downloads"><span class="muted">${text.video.download}</span>
    ${Object.entries(text.video.forms).map(([form, name]) => html`<a key=${form} href=${`/sources/${source.id}/transcript?format=${form}`} download>${name}</a>`)}
  </p>`;
}
