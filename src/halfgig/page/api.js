// The server, asked: JSON in, JSON or a Problem out. Knows whether the server can be reached, and whether we are signed in.
import { computed, signal } from "./base.js";
import { text } from "./strings.js";

/** False while the server cannot be reached. */
export const online = signal(true);
/** Counts how often the server came back, so that views ask anew. */
export const returns = signal(0);
/** null until it is known; then {required, signed_in, may_change}. */
export const session = signal(null);
/** False for whoever came with a key that may only look. */
export const mayChange = computed(() => session.value?.may_change !== false);

const PROBE = 2000; // milliseconds between two looks for a server that is gone

/** What the server answers where it refuses: `detail` says why, `remedy` what to do. */
export class Problem extends Error {
  /** @param {{status?: number, title?: string, detail?: string, remedy?: string}} told */
  constructor(told) {
    super(told.detail ?? told.title ?? "");
    this.status = told.status ?? 0;
    this.detail = told.detail ?? told.title ?? text.unknownProblem;
    this.remedy = told.remedy ?? "";
    this.told = told;
  }
}

/** Will what was refused with this status do later: no answer, too busy, somebody still writes? */
export function isPassing(status) {
  return status === 0 || (status >= 500 && status !== 507) || [408, 423, 429].includes(status);
}

/**
 * Ask for an address. `body` is sent as JSON.
 * @param {string} path
 * @param {{method?: string, body?: any, headers?: Record<string, string>, signal?: AbortSignal}} options
 * @returns {Promise<any>} what the server answered, null where that is nothing; throws Problem
 */
export async function ask(path, { method = "GET", body, headers = {}, signal: stop } = {}) {
  const response = await reached(path, {
    method,
    headers: { Accept: "application/json", "Halfgig-Page": "1", ...typed(body), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: stop,
  });
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

function typed(body) {
  return body === undefined ? {} : { "Content-Type": "application/json" };
}

async function reached(path, options) {
  try {
    const response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
    if (!online.value) restored();
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    lost();
    throw new Problem({ status: 0, detail: text.unreachable, remedy: text.unreachableRemedy });
  }
}

async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  if (response.status === 401 && session.value?.signed_in !== false) await askSession();
  return new Problem({ status: response.status, title: response.statusText, ...told });
}

function lost() {
  if (!online.value) return;
  online.value = false;
  probe();
}

function probe() {
  setTimeout(async () => {
    const response = await fetch("/healthz", { cache: "no-store" }).catch(() => null);
    if (response?.ok) restored();
    else if (!online.value) probe();
  }, PROBE);
}

function restored() {
  if (online.value) return;
  online.value = true;
  returns.value += 1;
}

/** Find out whether a key is wanted and was given. */
export async function askSession() {
  const response = await fetch("/session", { cache: "no-store", headers: { "Halfgig-Page": "1" } }).catch(() => null);
  if (!response) {
    lost();
    session.value ??= { required: false, signed_in: true };
    return;
  }
  session.value = response.ok ? await response.json() : { required: false, signed_in: true };
}

/** Sign in with a key. Throws Problem for a wrong one. */
export async function signIn(key) {
  await ask("/session", { method: "POST", body: { key } });
  await askSession();
}

/** Forget that we are signed in. */
export async function signOut() {
  await ask("/session", { method: "DELETE" });
  await askSession();
}
