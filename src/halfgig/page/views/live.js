// The camera: somebody exercises before it, and the count and the phase stand large over the picture.
import { html, useEffect, useRef, useState } from "../base.js";
import { hasSeveralCameras, openCamera, openLine } from "../camera.js";
import { measured, span } from "../format.js";
import { Select } from "../parts/field.js";
import { Heading } from "../parts/heading.js";
import { Icon } from "../parts/icon.js";
import { drawPose } from "../parts/skeleton.js";
import { Trouble } from "../parts/states.js";
import { text } from "../strings.js";
import { exercises } from "./library_add.js";

const told = text.live;
const NOTHING = { count: 0, phase: "", exercise: null };
const SEEN = 0.5; // of certainty, from which a landmark is drawn

export function LiveView() {
  const [exercise, setExercise] = useState("");
  const [facing, setFacing] = useState("user");
  const { video, canvas, state, problem, standing, several, start, stop } = useCounting(exercise, facing);
  const on = state !== "off";
  useEffect(() => {
    if (on) start({ anew: true });
  }, [exercise, facing]);
  return html`
    <${Heading} title=${told.title} />
    ${problem && html`<${Trouble} problem=${problem} again=${() => start({ anew: false })} />`}
    <div class="live-columns">
      <div class=${`player stage ${facing === "user" ? "mirrored" : ""}`}>
        <video ref=${video} class=${on ? "" : "hidden"} muted playsinline autoplay aria-label=${told.picture}></video>
        <canvas class="skeleton" ref=${canvas} aria-hidden="true"></canvas>
        ${on ? html`<${Score} standing=${standing} state=${state} />` : html`<${Off} start=${() => start({ anew: true })} />`}
      </div>
      <div class="live-side">
        ${on && html`<div class="buttons">
          <button type="button" class="main" onClick=${stop}>${told.stop}</button>
          <button type="button" onClick=${() => start({ anew: true })}>${told.anew}</button>
          ${several && html`<button type="button" onClick=${() => setFacing(facing === "user" ? "environment" : "user")}>${told.turn}</button>`}
        </div>`}
        <${Select} id="exercise" label=${text.library.exerciseLabel} value=${exercise} choose=${setExercise}
          names=${[["", told.auto], ...exercises().slice(1)]} />
        ${standing !== NOTHING && html`<${Facts} standing=${standing} />`}
        <p class="muted">${told.privacy}</p>
        <p class="muted">${told.provisional}</p>
      </div>
    </div>
    <p class="hidden" role="status">${on && standing.count ? told.count(standing) : ""}</p>
  `;
}

function Off({ start }) {
  return html`<div class="stage-off"><${Icon} name="figure" />
    <p>${told.lead}</p>
    <button type="button" class="main" onClick=${start}>${told.start}</button>
  </div>`;
}

/** Large, over the picture: it is read from some metres away. */
function Score({ standing, state }) {
  const phase = state === "on" ? standing.phase : "";
  const words = state === "on" ? (told.phases[phase] ?? "") : told.states[state];
  return html`<div class="score" aria-hidden="true">
    <span class="score-count">${standing.held ? Math.floor(standing.held) : standing.count}</span>
    <span class=${`score-phase ${phase}`}>${words}</span>
  </div>`;
}

function Facts({ standing }) {
  const { exercise, angle, unit, signal, attempts, held, count, sides = {} } = standing;
  const rows = [
    [told.counted, count],
    [told.exercise, exercise],
    [told.angle(signal), angle === null || angle === undefined ? null : measured(angle, unit)],
    ...("left" in sides ? [[told.sides, told.bothSides(sides)]] : []),
    [text.reps.attempt, attempts || null],
    [told.held, held ? span(held) : null],
  ].filter(([, value]) => value !== null && value !== undefined);
  return html`<dl class="pairs">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** The camera and its line: off, asking, opening, on, or lost. What was counted before a line was lost is kept. */
function useCounting(exercise, facing) {
  const [video, canvas, held] = [useRef(null), useRef(null), useRef({ close: () => null, stream: null, facing: "", before: 0, turn: 0 })];
  const [state, setState] = useState("off");
  const [problem, setProblem] = useState(null);
  const [standing, setStanding] = useState(NOTHING);
  const [several, setSeveral] = useState(false);
  const now = held.current;

  const hear = (standing) => {
    const { landmarks, count } = standing;
    drawPose(canvas.current, video.current, (n) => (landmarks && landmarks[n][2] >= SEEN ? landmarks[n] : null));
    setStanding({ ...standing, count: now.before + count });
    now.count = now.before + count;
  };
  const ended = (problem) => {
    clear(canvas.current);
    setState("lost");
    setProblem(problem ?? told.lost);
  };
  const start = async ({ anew }) => {
    const turn = ++now.turn; // of two starts the later one counts
    now.close();
    now.before = anew ? 0 : (now.count ?? 0);
    setProblem(null);
    if (anew) setStanding(NOTHING);
    setState("asking");
    try {
      await see(now, video.current, facing, () => turn === now.turn);
    } catch (refused) {
      if (turn === now.turn) stop(refused);
      return;
    }
    if (turn !== now.turn) return;
    setState("opening");
    hasSeveralCameras().then(setSeveral);
    now.close = openLine(exercise, video.current, { ready: () => setState("on"), told: hear, ended });
  };
  const stop = (refused) => {
    now.turn += 1;
    now.close();
    unsee(now);
    setProblem(refused instanceof Error ? refused : null);
    setState("off");
    clear(canvas.current);
  };
  useEffect(() => () => {
    now.turn += 1;
    now.close();
    unsee(now);
  }, []);
  return { video, canvas, state, problem, standing, several, start, stop };
}

/** Have the video show the camera that faces so, unless it is no longer wanted once it is allowed. Throws Problem. */
async function see(now, video, facing, isWanted) {
  if (now.stream?.active && now.facing === facing) return;
  unsee(now);
  const stream = await openCamera(facing);
  if (!isWanted()) {
    end(stream);
    return;
  }
  Object.assign(now, { stream, facing });
  video.srcObject = stream;
  await video.play().catch(() => null);
}

function clear(canvas) {
  canvas?.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function unsee(now) {
  end(now.stream);
  now.stream = null;
}

function end(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
