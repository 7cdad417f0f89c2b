// The best and the worst repetition side by side, each played again and again.
import { html, useRef, useState } from "../base.js";
import { extremes } from "../curve.js";
import { figure, measured } from "../format.js";
import { text } from "../strings.js";

export function Compared({ source, report }) {
  const [playing, setPlaying] = useState(false);
  const two = [useRef(null), useRef(null)];
  const found = extremes(report.reps);
  if (!source.media || !found) return null;
  const turn = () => {
    for (const [video, rep] of [[two[0].current, found.best], [two[1].current, found.worst]]) {
      if (playing) video.pause();
      else Object.assign(video, { currentTime: rep.start }).play().catch(() => null);
    }
    setPlaying(!playing);
  };
  return html`<section aria-labelledby="compared">
    <div class="heading"><h2 id="compared">${text.reps.compare}</h2>
      <button type="button" onClick=${turn}>${playing ? text.reps.pauseBoth : text.reps.playBoth}</button></div>
    <div class="compared">
      <${Loop} video=${two[0]} source=${source} rep=${found.best} unit=${report.unit} label=${text.reps.best} />
      <${Loop} video=${two[1]} source=${source} rep=${found.worst} unit=${report.unit} label=${text.reps.worst} />
    </div>
  </section>`;
}

function Loop({ video, source, rep, unit, label }) {
  const again = (event) => {
    if (event.target.currentTime >= rep.end) event.target.currentTime = rep.start;
  };
  return html`<figure>
    <video ref=${video} src=${`${source.media}#t=${rep.start}`} muted playsinline preload="metadata" aria-label=${`${label}: ${text.reps.rep(rep.number)}`} onTimeUpdate=${again}></video>
    <figcaption><strong>${label}</strong>: ${text.reps.rep(rep.number)} <span class="muted">${measured(rep.range, unit)} · ${figure(rep.seconds, " s")}</span></figcaption>
  </figure>`;
}
