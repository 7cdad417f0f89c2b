// Will it fit? What the browser knows of a file, and what the server says to that, before anything is sent.
import { ask, Problem } from "./api.js";

/** What the server says to such work; `fits` is null where it cannot be told before the file is there. */
export function planned(kind, size, duration) {
  const body = { kind, ...(size ? { size } : {}), ...(duration ? { duration } : {}) };
  return ask("/plan", { method: "POST", body }).catch(refusal);
}

function refusal(problem) {
  const early = problem instanceof Problem && [413, 507].includes(problem.status);
  return early ? { fits: false, reason: problem.detail, remedy: problem.remedy } : { fits: null };
}

/** Seconds of a file as the browser reads them; null where it cannot. */
export function durationOf(file) {
  return new Promise((resolve) => {
    const probe = document.createElement("video");
    const address = URL.createObjectURL(file);
    const end = (seconds) => {
      clearTimeout(timer);
      URL.revokeObjectURL(address);
      probe.removeAttribute("src");
      resolve(Number.isFinite(seconds) && seconds > 0 ? seconds : null);
    };
    const timer = setTimeout(() => end(null), 3000);
    probe.preload = "metadata";
    probe.onloadedmetadata = () => end(probe.duration);
    probe.onerror = () => end(null);
    probe.src = address;
  });
}
