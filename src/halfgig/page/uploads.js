// Uploads: files that wait to be sent, are sent by tus, and become jobs. What a reload interrupts can be gone on with.
import { classic, computed, effect, signal } from "./base.js";
import { ask, isPassing, Problem, returns } from "./api.js";
import { durationOf, planned } from "./plans.js";

const AT_ONCE = 2; // uploads that are sent side by side
const RETRY_DELAYS = [300, 1000, 2000, 4000, 8000, 15000, 15000, 15000, 15000]; // milliseconds
const SMOOTHING = 0.3; // of the newest measurement in the speed
const LEAST_STEP = 250; // milliseconds between two measurements
const REST = 15_000; // milliseconds after which what is lost is tried again

/**
 * One file, or one address, that becomes a job.
 * state: ready, waiting, sending, lost, paused, handing, failed, refused.
 * @typedef {{key: number, file: File | null, url: string, name: string, size: number, duration: number | null,
 *   length: Promise<number | null> | undefined, kind: string, options: object, state: string, rests: boolean, sent: number,
 *   speed: number, plan: any, problem: any, from: any, token: string}} Item
 */

/** Everything that is not yet a job, oldest first. @type {{value: Item[], peek: () => Item[]}} */
export const items = signal([]);
/** Uploads of earlier visits that were not finished, as tus remembers them. */
export const interrupted = signal([]);
/** Jobs that were just made, so that the library shows them before it asks. */
export const madeJobs = signal(0);
/** Is anything under way that leaving the page would interrupt? */
export const busy = computed(() => items.value.some((item) => ["sending", "waiting", "lost"].includes(item.state)));

const running = new Map(); // key: the tus upload
let keys = 0;

/** Put files into the tray, or go on with those that an earlier visit has begun. */
export async function addFiles(files, kind, options) {
  for (const file of files) {
    const before = interrupted.value.find((entry) => isSame(entry, file));
    if (before) goOn(before, file);
    else plan(add({ file, length: durationOf(file), name: file.name, size: file.size, kind, options }));
  }
}

/** Put an address into the tray. */
export function addAddress(url, kind, options) {
  plan(add({ url, name: url, kind, options }));
}

function add(told) {
  keys += 1;
  const fresh = { file: null, url: "", size: 0, duration: null, state: "ready", rests: false, sent: 0, speed: 0 };
  const item = { ...fresh, plan: null, problem: null, from: null, key: keys, token: token(), ...told };
  items.value = [...items.value, item];
  return item;
}

/** What nobody else has; crypto.randomUUID is not there over plain http. */
function token() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function change(key, told) {
  items.value = items.value.map((item) => (item.key === key ? { ...item, ...told } : item));
}

function find(key) {
  return items.value.find((item) => item.key === key);
}

/** Ask whether it will fit, before anything is sent. An answer to what is no longer asked is dropped. */
async function plan(item) {
  const duration = (await item.length) ?? null;
  const told = await planned(item.kind, item.size, duration);
  const now = find(item.key);
  if (now?.state !== "ready" || now.kind !== item.kind) return;
  change(item.key, { duration, plan: told, state: told.fits === false ? "refused" : "ready" });
}

/** Change what shall be done with all that is still in the tray. */
export function chooseForAll(kind, options) {
  for (const item of items.value.filter((one) => ["ready", "refused"].includes(one.state))) {
    change(item.key, { options });
    if (item.kind === kind) continue; // what it needs is as it was
    change(item.key, { kind, plan: null, state: "ready" });
    plan(find(item.key));
  }
}

/** Send everything that is ready. */
export function startAll() {
  for (const item of items.value.filter((one) => one.state === "ready")) change(item.key, { state: "waiting" });
  sendNext();
}

/** Send what waits, as far as there is a place. */
function sendNext() {
  const waiting = items.value.filter((item) => item.state === "waiting");
  const free = AT_ONCE - items.value.filter(hasPlace).length;
  for (const item of waiting.slice(0, Math.max(0, free))) {
    if (item.url || item.from?.complete) hand(item.key);
    else send(item.key);
  }
}

/** Does it hold one of the places? What is lost does while tus tries again, and not while it rests. */
function hasPlace({ state, rests }) {
  return ["sending", "handing"].includes(state) || (state === "lost" && !rests);
}

async function send(key) {
  change(key, { state: "sending", problem: null });
  const tus = await classic("tus.js", "tus").catch(() => null);
  const item = find(key);
  if (!item || item.state !== "sending") return;
  if (!tus) {
    later(key);
    return;
  }
  const upload = new tus.Upload(item.file, tusOptions(item));
  running.set(key, upload);
  if (item.from) upload.resumeFromPreviousUpload(item.from);
  upload.start();
}

function tusOptions(item) {
  let [at, bytes] = [performance.now(), null];
  return {
    endpoint: "/uploads",
    retryDelays: RETRY_DELAYS,
    headers: { "Halfgig-Page": "1" },
    metadata: metadataOf(item),
    removeFingerprintOnSuccess: false, // only when its job is made
    onProgress: (sent) => {
      const now = performance.now();
      if (bytes !== null && now - at < LEAST_STEP && sent < item.size) return;
      const speed = bytes === null || now === at ? 0 : Math.max(0, (1000 * (sent - bytes)) / (now - at));
      const was = find(item.key)?.speed ?? 0;
      change(item.key, { sent, state: "sending", speed: was ? was + SMOOTHING * (speed - was) : speed });
      [at, bytes] = [now, sent];
    },
    onShouldRetry: (error) => {
      const again = passes(error);
      if (again) change(item.key, { state: "lost", speed: 0 });
      bytes = null;
      return again;
    },
    onSuccess: () => hand(item.key),
    onError: (error) => failed(item.key, error),
  };
}

function metadataOf(item) {
  const told = { filename: item.name, kind: item.kind, options: JSON.stringify(item.options) };
  return item.file.type ? { ...told, filetype: item.file.type } : told;
}

/** Will tus get on later? After a conflict too: it asks anew how far it is. */
function passes(error) {
  const status = error.originalResponse?.getStatus() ?? 0;
  return status === 409 || isPassing(status);
}

function failed(key, error) {
  running.get(key)?.abort();
  (passes(error) ? later : fail)(key, problemIn(error));
  ask("/healthz").catch(() => null); // where the server is gone, we hear when it is back
}

function fail(key, problem) {
  change(key, { state: "failed", speed: 0, problem });
  sendNext();
}

/** Leave its place to others, and try again after a rest: a proxy answers while the server behind it is gone. */
function later(key, problem = null) {
  change(key, { state: "lost", rests: true, speed: 0, problem });
  setTimeout(() => find(key)?.state === "lost" && find(key).rests && resume(key), REST);
  sendNext();
}

function problemIn(error) {
  try {
    return new Problem(JSON.parse(error.originalResponse.getBody()));
  } catch {
    return new Problem({ detail: String(error.message).split(",", 1)[0] });
  }
}

/** Make the job of what has been sent, or of an address. The same request makes it once, however often it is sent. */
async function hand(key) {
  const item = find(key);
  if (!item || item.state === "handing") return;
  change(key, { state: "handing", speed: 0, problem: null });
  const upload = uploadId(item);
  try {
    await ask("/jobs", { method: "POST", body: wish(item, upload), headers: idempotent(item, upload) });
  } catch (problem) {
    (isPassing(problem.status) ? later : fail)(key, problem);
    return;
  }
  await forgetFingerprint(item);
  drop(key);
  madeJobs.value += 1;
  sendNext();
}

function uploadId(item) {
  const address = running.get(item.key)?.url ?? item.from?.uploadUrl ?? "";
  return address.split("/").pop();
}

function wish(item, upload) {
  const source = item.url ? { url: item.url } : { upload };
  return { kind: item.kind, source, options: item.options, keep_source: true };
}

function idempotent(item, upload) {
  return { "Idempotency-Key": `page-${upload || item.token}-${item.kind}` };
}

async function forgetFingerprint(item) {
  const key = running.get(item.key)?._urlStorageKey ?? item.from?.urlStorageKey;
  if (!key) return; // an address: tus need not even be there
  const tus = await classic("tus.js", "tus");
  await tus.defaultOptions.urlStorage.removeUpload(key);
}

/** Stop sending for now. */
export function pause(key) {
  running.get(key)?.abort();
  change(key, { state: "paused", speed: 0 });
  sendNext();
}

/** Go on with what was paused, lost, or refused for a reason that may be gone. */
export function resume(key) {
  change(key, { state: "waiting", rests: false, problem: null });
  const upload = running.get(key);
  upload?.abort(); // it may be about to try again by itself, and two would send the same
  if (upload?.url) change(key, { from: { ...find(key).from, uploadUrl: upload.url, urlStorageKey: upload._urlStorageKey } });
  sendNext();
}

/** Take it out; what was sent of it is deleted on the server. */
export async function cancel(key) {
  const item = find(key);
  const upload = running.get(key);
  drop(key);
  if (upload) await upload.abort(true).catch(() => null);
  if (item) await forgetFingerprint(item).catch(() => null);
  sendNext();
}

function drop(key) {
  items.value = items.value.filter((item) => item.key !== key);
  running.delete(key);
}

// --- uploads of earlier visits ---------------------------------------------------------------------------

/** Find uploads that an earlier visit has begun, and what of them is safe on the server. */
export async function findInterrupted() {
  const kept = Object.keys(localStorage).some((key) => key.startsWith("tus::"));
  if (!kept) return;
  const tus = await classic("tus.js", "tus");
  const known = await tus.defaultOptions.urlStorage.findAllUploads();
  const mine = new Set([...running.values()].map((upload) => upload.url));
  const found = await Promise.all(known.filter((entry) => !mine.has(entry.uploadUrl)).map((entry) => looked(tus, entry)));
  interrupted.value = found.filter(Boolean);
}

async function looked(tus, entry) {
  try {
    const facts = await ask(new URL(entry.uploadUrl, location.href).pathname);
    return { ...entry, sent: facts.offset ?? 0, complete: facts.complete === true, name: entry.metadata?.filename ?? "" };
  } catch (problem) {
    if (problem.status === 404) await tus.defaultOptions.urlStorage.removeUpload(entry.urlStorageKey);
    return null;
  }
}

/** Is it the file that was being sent? Its time of change is in the name under which tus remembers it. */
function isSame(entry, file) {
  return entry.name === file.name && entry.size === file.size && entry.urlStorageKey.includes(`-${file.lastModified}-`);
}

function goOn(entry, file) {
  interrupted.value = interrupted.value.filter((one) => one !== entry);
  const { kind = "index", options = "{}" } = entry.metadata ?? {};
  const told = { file, name: entry.name, size: entry.size, kind, options: JSON.parse(options) };
  add({ ...told, state: "waiting", sent: entry.sent, from: entry });
  sendNext();
}

/** Make the job of an upload that had come to its end before the page was left. */
export function finish(entry) {
  goOn(entry, null);
}

/** Forget an interrupted upload, here and on the server. */
export async function discard(entry) {
  interrupted.value = interrupted.value.filter((one) => one !== entry);
  const tus = await classic("tus.js", "tus");
  await ask(new URL(entry.uploadUrl, location.href).pathname, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" } })
    .catch(() => null);
  await tus.defaultOptions.urlStorage.removeUpload(entry.urlStorageKey);
}

/** Go on with what was lost when the server is back, and warn who leaves while something is sent. */
export function watchUploads() {
  effect(() => {
    if (returns.value === 0) return;
    for (const item of items.peek().filter((one) => one.state === "lost")) resume(item.key);
  });
  addEventListener("beforeunload", (event) => {
    if (busy.value) event.preventDefault();
  });
}
