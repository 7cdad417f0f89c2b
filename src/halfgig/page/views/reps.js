// The repetitions of a video: the skeleton over it, the angle over time, each rep in a table, the best beside the worst.
import { html, useEffect, useMemo, useRef, useState } from "../base.js";
import { useAsked } from "../asked.js";
import { curveOf } from "../curve.js";
import { clock, several } from "../format.js";
import { AngleChart } from "../parts/angle_chart.js";
import { Heading } from "../parts/heading.js";
import { Player } from "../parts/player.js";
import { Skeleton } from "../parts/skeleton.js";
import { Empty, Loading, Trouble } from "../parts/states.js";
import { Poses } from "../poses.js";
import { address } from "../router.js";
import { text } from "../strings.js";
import { Compared } from "./reps_compared.js";
import { Drawings } from "./reps_drawings.js";
import { RepTable, tempo } from "./reps_table.js";

export function RepsView({ id, query }) {
  const source = useAsked(`/sources/${encodeURIComponent(id)}`);
  const report = useAsked(`/sources/${encodeURIComponent(id)}/reps`);
  const problem = source.problem ?? report.problem;
  const title = source.data?.title || text.library.untitled;
  if (!source.data || !report.data) {
    return html`<${Heading} title=${source.data ? title : text.video.seeReps} />
      ${problem ? html`<${Trouble} problem=${problem} again=${report.again} />` : html`<${Loading} />`}`;
  }
  return html`
    <${Heading} title=${title}>
      ${source.data.state !== "unheard" && html`<a href=${address(["videos", id])}>${text.reps.back}</a>`}
    <//>
    <${Report} source=${source.data} report=${report.data} query=${query} />
  `;
}

function Report({ source, report, query }) {
  const player = useRef(null);
  const [time, setTime] = useState(0);
  const [drawn, setDrawn] = useState(true);
  const poses = usePoses(source.id);
  const columns = useMemo(() => curveOf(report, poses), [poses, report]);
  const asked = report.reps.find((rep) => String(rep.number) === query.get("rep"))?.start ?? query.get("t");
  const start = asked === null || asked === undefined ? null : Number(asked);
  useEffect(() => {
    if (start !== null) player.current?.seek(start, false);
  }, [start]);
  const counted = report.reps.length + report.attempts.length > 0;
  const seek = (at) => player.current?.seek(at, true);
  const plain = (at) => player.current?.seek(at, false);
  return html`
    <div class="reps-columns">
      <div class="reps-player">
        <${Player} source=${source} controls=${player} start=${start} onTime=${setTime} captions=${null}>
          <${Skeleton} poses=${drawn ? poses : null} video=${() => player.current?.element()} />
        <//>
        ${source.media && poses && html`<label class="tick"><input type="checkbox" checked=${drawn} onChange=${(event) => setDrawn(event.target.checked)} />
          <span>${text.reps.skeleton}</span></label>`}
        ${source.media && poses === null && html`<p class="muted">${text.reps.noPoses}</p>`}
        ${counted && html`<section aria-labelledby="curve">
          <h2 id="curve">${text.reps.curve}</h2>
          <p class="muted">${text.reps.curveLead}</p>
          <${AngleChart} columns=${columns} reps=${report.reps} attempts=${report.attempts} sets=${report.sets} time=${time} seek=${plain}
            label=${text.reps.curveLabel(report)} signal=${report.signal} unit=${report.unit} />
        </section>`}
      </div>
      <div class="reps-summary">
        <${Summary} report=${report} source=${source} />
      </div>
    </div>
    ${counted && html`<${RepTable} report=${report} time=${time} seek=${source.media ? seek : null} />`}
    <${Compared} source=${source} report=${report} />
    <${Drawings} source=${source} />
    ${!report.reps.length && html`<${Empty} icon="figure" title=${text.reps.none} />`}
  `;
}

/** The poses of a source: undefined until it is known, null where there are none. */
function usePoses(id) {
  const [poses, setPoses] = useState(undefined);
  useEffect(() => {
    const stop = new AbortController();
    fetch(`/sources/${encodeURIComponent(id)}/poses`, { signal: stop.signal, headers: { "Halfgig-Page": "1" } })
      .then(async (response) => setPoses(response.ok ? new Poses(await response.arrayBuffer()) : null))
      .catch(() => stop.signal.aborted || setPoses(null));
    return () => stop.abort();
  }, [id]);
  return poses;
}

function Summary({ report, source }) {
  const sides = Object.entries(report.sides).filter(([side]) => side !== "both");
  const { sets } = report;
  const pace = tempo(report.tempo ?? {});
  return html`
    <div class="count">
      <p class="number">${report.count}</p>
      <p class="big">${report.exercise === "none" ? text.reps.none : report.exercise}</p>
      <p class="muted">${[
        sets.length > 1 ? several(sets.length, "set") : "",
        report.attempts.length ? several(report.attempts.length, "attempt") : "",
        ...sides.map(([side, n]) => `${side} ${n}`),
        ...report.holds.map((hold) => text.reps.held(hold.seconds)),
      ].filter(Boolean).join(" · ")}</p>
    </div>
    <dl class="pairs">
      ${typeof report.score === "number" && html`<div><dt>${text.reps.score}</dt><dd>${text.reps.scored(Math.round(report.score))}</dd></div>`}
      ${pace && html`<div><dt>${text.reps.tempo} <span class="muted">(${text.reps.tempoLead})</span></dt><dd>${pace}</dd></div>`}
      ${sets.length > 1 && sets.map((set) => html`<div key=${set.start}><dt>${text.reps.set(set.number)} <span class="muted">(${clock(set.start)}–${clock(set.end)})</span></dt>
        <dd>${setWords(set)}</dd></div>`)}
    </dl>
    ${report.cues.length > 0 && html`<div><h2>${text.reps.cue}</h2><ul class="cues">${report.cues.map((cue) => html`<li key=${cue}>${cue}</li>`)}</ul></div>`}
    ${report.notes.map((note) => html`<p class="note" key=${note}>${note}</p>`)}
    ${text.reps.seen(report) && html`<p class="muted">${text.reps.seen(report)}</p>`}
    <p class="downloads"><span class="muted">${text.video.download}</span>
      <a href=${`/sources/${source.id}/reps?format=csv`} download>${text.reps.csv}</a>
      <a href=${`/sources/${source.id}/reps?format=json`} download>${text.reps.json}</a>
    </p>`;
}

function setWords(set) {
  const slower = set.velocity_loss > 0.05 ? text.reps.slower(set.velocity_loss) : "";
  return [several(set.count, "rep"), slower].filter(Boolean).join(" · ");
}
