// The player of a kept video: native controls, captions, and a seek that others may call.
import { html, useEffect, useRef, useState } from "../base.js";
import { text } from "../strings.js";
import { Icon } from "./icon.js";
import { Picture } from "./picture.js";

/**
 * @param {{source: any, controls: {current: any}, start: number | null, onTime: (t: number) => void,
 *   captions: string | null, children?: any}} props
 *   `controls.current.seek(seconds, play)` is what others call
 */
export function Player({ source, controls, start, onTime, captions, children }) {
  const video = useRef(null);
  const [sound, setSound] = useState(false); // has it no picture?
  useEffect(() => {
    controls.current = { seek: (at, play) => seek(video.current, at, play), element: () => video.current };
    return () => {
      controls.current = null;
    };
  }, []);
  if (!source.media) return html`<${NotKept} source=${source} />`;
  const begun = (event) => {
    setSound(event.target.videoWidth === 0);
    if (start !== null) event.target.currentTime = start;
  };
  return html`<div class=${`player ${sound ? "sound" : ""}`}>
    <video ref=${video} src=${source.media} controls playsinline preload="metadata" poster=${source.thumbnail ?? undefined}
      aria-label=${source.title} onLoadedMetadata=${begun} onTimeUpdate=${(event) => onTime(event.target.currentTime)}
      onSeeked=${(event) => onTime(event.target.currentTime)}>
      ${captions && html`<track kind="captions" src=${captions} srclang=${source.language || "en"} label=${text.video.captions} default />`}
    </video>
    ${children}
  </div>`;
}

function seek(video, at, play) {
  if (!video) return;
  if (video.readyState > 0) video.currentTime = at;
  else video.addEventListener("loadedmetadata", () => { video.currentTime = at; }, { once: true });
  if (play) video.play().catch(() => null); // a browser may want a click first
}

function NotKept({ source }) {
  return html`<div class="player none">
    ${source.thumbnail ? html`<${Picture} source=${source} />` : html`<${Icon} name="film" />`}
    <p><strong>${text.video.noMedia}</strong></p>
    <p class="muted">${text.video.noMediaRemedy}</p>
  </div>`;
}
