// Data of the server in a view: asked for when the view is shown, again every so often, and when the server is back.
import { useEffect, useState } from "./base.js";
import { ask, returns } from "./api.js";

/**
 * What an address answers: `data` once it is there, `problem` where it was refused, `again` to ask anew.
 * @param {string | null} path null asks nothing
 * @param {number} every milliseconds between two questions; 0 asks once
 */
export function useAsked(path, every = 0) {
  const [state, setState] = useState({ path: null, data: null, problem: null });
  const [turn, setTurn] = useState(0);
  const back = returns.value;
  useEffect(() => (path === null ? undefined : asking(path, every, setState)), [path, every, turn, back]);
  const mine = state.path === path ? state : { data: null, problem: null };
  return { data: mine.data, problem: mine.problem, again: () => setTurn((n) => n + 1) };
}

function asking(path, every, tell) {
  const stop = new AbortController();
  let timer = 0;
  const turn = async () => {
    if (!document.hidden || every === 0) await once(path, stop.signal, tell);
    if (every && !stop.signal.aborted) timer = setTimeout(turn, every);
  };
  turn();
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}

async function once(path, signal, tell) {
  try {
    const data = await ask(path, { signal });
    if (!signal.aborted) tell({ path, data, problem: null });
  } catch (problem) {
    // what is known already stays on the page: it is old, and the banner says so
    if (!signal.aborted) tell((was) => ({ path, data: was.path === path ? was.data : null, problem }));
  }
}

/**
 * What somebody does, and the server may refuse.
 * @returns {{attempt: (run: () => Promise<any>) => Promise<void>, refused: any}} `refused` is the problem of the last attempt
 */
export function useAttempt() {
  const [refused, setRefused] = useState(null);
  const attempt = async (run) => {
    setRefused(null);
    await run().catch(setRefused);
  };
  return { attempt, refused };
}
