// The memory of a job as a small live curve, against the limit.
import { html, useEffect, useState } from "../base.js";
import { useAsked } from "../asked.js";
import { size } from "../format.js";
import { Chart } from "../parts/chart.js";
import { text } from "../strings.js";

const LOOK = 2000; // milliseconds
const MOST = 300; // points: ten minutes
const MB = 1024 * 1024;

export function JobMemory({ id }) {
  const { data } = useAsked("/operations", LOOK);
  const [points, setPoints] = useState([]);
  const bytes = bytesOf(data, id);
  useEffect(() => {
    if (data) setPoints((was) => [...was, [Date.now() / 1000, bytes / MB]].slice(-MOST));
  }, [data]);
  if (!data) return null;
  const limit = data.limit_bytes;
  return html`<section aria-labelledby="memory">
    <h2 id="memory">${text.job.memory}</h2>
    <p>${bytes ? text.job.memoryNow(bytes, limit) : text.job.memoryNone}</p>
    <${Chart} label=${`${text.job.memory}: ${size(bytes)}`} points=${points} limit=${limit ? limit / MB : null} unit="MB" height=${140} />
  </section>`;
}

function bytesOf(data, id) {
  return (data?.workers ?? []).filter((worker) => worker.job === id).reduce((sum, worker) => sum + (worker.bytes ?? 0), 0);
}
