// A job, watched: its events as they come, from the first one on. The browser reconnects with Last-Event-ID by itself.
import { ask } from "./api.js";

const KINDS = ["state", "segment", "rep", "note", "progress"];
const FINAL = new Set(["succeeded", "failed", "cancelled"]);
const PAUSE = 3000; // milliseconds, after a stream that was refused

/** Has a job in this state ended? */
export function isFinal(state) {
  return FINAL.has(state);
}

/**
 * Call `tell(kind, data)` for each event, and `ended()` when the job has ended and all its events were told.
 * @returns {() => void} which stops it
 */
export function watchJob(id, tell, ended) {
  let stream = null;
  let timer = 0;
  let last = "";
  let stopped = false;

  const open = () => {
    stream = new EventSource(`/jobs/${encodeURIComponent(id)}/events${last ? `?after=${last}` : ""}`);
    for (const kind of KINDS) stream.addEventListener(kind, hear);
    stream.onerror = () => look(stream.readyState === EventSource.CLOSED);
  };
  const hear = (event) => {
    if (event.lastEventId) last = event.lastEventId;
    tell(event.type, JSON.parse(event.data));
  };
  // The stream ends with the job, and breaks with the connection: the job itself tells which.
  const look = async (refused) => {
    const job = await ask(`/jobs/${encodeURIComponent(id)}`).catch((problem) => problem);
    if (stopped) return;
    if (isFinal(job.state) || job.status === 404) {
      stop();
      ended();
    } else if (refused) {
      timer = setTimeout(open, PAUSE);
    }
  };
  const stop = () => {
    stopped = true;
    stream?.close();
    clearTimeout(timer);
  };
  open();
  return stop;
}
