// The transcript beside the player: it follows the playback, seeks on click, is searched and edited.
import { html, useEffect, useMemo, useRef, useState } from "../base.js";
import { useAsked } from "../asked.js";
import { occurrences } from "../marked.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { text } from "../strings.js";
import { Segment } from "./video_segment.js";

/** The last segment that has begun at a second; -1 before the first. Segments are in order of time. */
export function segmentAt(segments, time) {
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle].start <= time + 0.05) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function Transcript({ source, time, find, at, seek, edited }) {
  const asked = source.state === "unheard" ? null : `/sources/${source.id}/transcript?format=json`;
  const { data, problem, again } = useAsked(asked);
  const [changed, setChanged] = useState(new Map()); // texts that were edited, by number
  const [wanted, setWanted] = useState(find);
  const segments = useMemo(() => numbered(data, changed), [data, changed]);
  const places = useMemo(() => placesOf(segments, wanted), [segments, wanted]);
  const now = segmentAt(segments, time || at || 0);
  const save = (number, told) => {
    setChanged(new Map(changed).set(number, told));
    edited();
  };
  if (source.state === "unheard") return html`<${Empty} icon="sound" title=${text.video.unheard}>${text.video.unheardLead}<//>`;
  return html`<section class="transcript" aria-labelledby="transcript">
    <div class="heading">
      <h2 id="transcript">${text.video.transcript}</h2>
      <input type="search" aria-label=${text.video.find} placeholder=${text.video.findPlaceholder} value=${wanted} onInput=${(event) => setWanted(event.target.value)} />
      <span class="muted" role="status">${wanted.trim() && text.video.found(places.size)}</span>
    </div>
    ${problem && html`<${Trouble} problem=${problem} again=${again} />`}
    ${!data && !problem && html`<${Loading} />`}
    ${data && !segments.length && html`<${Empty} icon="sound" title=${text.video.empty} />`}
    <${Lines} segments=${segments} now=${now} wanted=${wanted} places=${places} source=${source} seek=${seek} save=${save} />
  </section>`;
}

function numbered(data, changed) {
  return (data?.segments ?? []).map((segment, n) => {
    const number = segment.number ?? n;
    return { ...segment, number, text: changed.get(number) ?? segment.text };
  });
}

function placesOf(segments, wanted) {
  if (!wanted.trim()) return new Set();
  return new Set(segments.filter((one) => occurrences(one.text, wanted).some((piece) => piece.found)).map((one) => one.number));
}

/** The segments; the one that is said now stays in sight, unless somebody reads elsewhere. */
function Lines({ segments, now, wanted, places, source, seek, save }) {
  const box = useRef(null);
  const reading = useRef(-Infinity); // when somebody last moved the list
  useEffect(() => {
    const line = box.current?.querySelector("[aria-current]");
    const busy = performance.now() - reading.current < 4000 || box.current?.querySelector("textarea");
    if (line && !busy) keepInSight(box.current, line);
  }, [now, segments.length > 0]);
  useEffect(() => {
    const first = wanted.trim() && box.current?.querySelector("mark");
    if (first) keepInSight(box.current, first);
  }, [wanted]);
  const moved = () => {
    reading.current = performance.now();
  };
  return html`<ol class="lines" ref=${box} onWheel=${moved} onTouchMove=${moved} onKeyDown=${moved}>
    ${segments.map((segment, n) => html`<${Segment} key=${segment.number} segment=${segment} current=${n === now} source=${source}
      pieces=${places.has(segment.number) ? occurrences(segment.text, wanted) : null} seek=${seek} save=${save} />`)}
  </ol>`;
}

/** Scroll the list, and never the page: the player stays where it is. */
function keepInSight(box, line) {
  const [outer, inner] = [box.getBoundingClientRect(), line.getBoundingClientRect()];
  if (inner.top >= outer.top + 40 && inner.bottom <= outer.bottom - 60) return;
  const smooth = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  box.scrollBy({ top: inner.top - outer.top - outer.height / 3, behavior: smooth ? "smooth" : "auto" });
}
