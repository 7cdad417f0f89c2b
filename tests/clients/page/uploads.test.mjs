// What becomes of files and addresses that were added: node --test, beside a copy of the page. The server, the browser's
// clock, its reading of a video and tus are played here; test_page.py has the real ones.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { returns } from "./copy/api.js";
import { addAddress, addFiles, chooseForAll, items, startAll, watchUploads } from "./copy/uploads.js";

const REST = 15_000; // milliseconds
const film = () => new File(["moving"], "film.mp4");
const refusal = (status) => Response.json({ status, detail: `refused with ${status}` }, { status });
const jobs = () => asked.filter((one) => one.path === "/jobs");
const plans = () => asked.filter((one) => one.path === "/plan");

let asked = [];
let answer = null; // (path, body) -> what the server answers, or nothing to agree
let scripts = true; // can tus be fetched?
let probes = 0; // how often a video's length was looked for
let uploads = []; // what tus was told to send

globalThis.fetch = async (path, { body, headers = {} } = {}) => {
  const told = body && JSON.parse(body);
  asked.push({ path, body: told, key: headers["Idempotency-Key"] });
  return (await answer?.(path, told)) || Response.json({ fits: true });
};

class Upload {
  constructor(file, options) {
    Object.assign(this, options);
    uploads.push(this);
  }

  start() {}

  abort() {}

  refuse(status) {
    const body = JSON.stringify({ status, detail: `refused with ${status}` });
    this.onError(Object.assign(new Error("refused"), { originalResponse: { getStatus: () => status, getBody: () => body } }));
  }
}

class Video {
  removeAttribute() {}

  set src(_) {
    probes += 1;
    this.duration = 42;
    queueMicrotask(() => this.onloadedmetadata());
  }
}

globalThis.tus = { Upload };
globalThis.document = {
  createElement: (tag) => (tag === "video" ? new Video() : {}),
  head: { append: (script) => queueMicrotask(() => (scripts ? script.onload() : script.onerror())) },
};
globalThis.addEventListener = () => null;
mock.timers.enable({ apis: ["setTimeout"] });
watchUploads();

/** Let all run that is not a matter of the clock, until it is so. */
async function until(so) {
  for (let turns = 0; turns < 1000 && !so(); turns += 1) await new Promise(setImmediate);
  assert.ok(so(), `${so}: ${JSON.stringify(items.value)}`);
}

const states = () => items.value.map((item) => item.state).join(" ");
const planned = () => items.value.every((item) => item.plan);

beforeEach(() => {
  items.value = [];
  [asked, uploads, answer, scripts, probes] = [[], [], null, true, 0];
});

test("what a proxy refuses holds no place, and is tried again under its key until it is done", async () => {
  for (const name of ["one", "two", "three"]) addAddress(`https://example.org/${name}`, "index", {});
  await until(planned);
  answer = (path, body) => path === "/jobs" && !body.source.url.endsWith("three") && refusal(502);
  startAll();
  await until(() => states() === "lost lost"); // the third had its turn
  mock.timers.tick(REST);
  await until(() => jobs().length === 5 && states() === "lost lost");
  answer = null;
  mock.timers.tick(REST);
  await until(() => items.value.length === 0);
  const told = new Set(jobs().map((one) => `${one.body.source.url} ${one.key}`));
  assert.deepEqual([jobs().length, told.size, new Set(jobs().map((one) => one.key)).size], [7, 3, 3]);
  assert.match(jobs()[0].key, /^page-[0-9a-f]{32}-index$/);
});

test("what will never do is not tried again", async () => {
  addAddress("https://example.org/", "index", {});
  await until(planned);
  answer = () => refusal(409);
  startAll();
  await until(() => states() === "failed");
  mock.timers.tick(REST);
  assert.deepEqual([states(), jobs().length], ["failed", 1]);
});

test("a file rests when tus cannot be fetched or gives up, and is sent again", async () => {
  addFiles([film()], "index", {});
  await until(planned);
  scripts = false;
  startAll();
  await until(() => states() === "lost");
  scripts = true;
  mock.timers.tick(REST);
  await until(() => uploads.length === 1);
  uploads[0].refuse(503);
  assert.deepEqual([states(), items.value[0].problem.detail], ["lost", "refused with 503"]);
  mock.timers.tick(REST);
  await until(() => uploads.length === 2);
  uploads[1].refuse(413);
  mock.timers.tick(REST);
  assert.deepEqual([states(), uploads.length], ["failed", 2]);
});

test("what is lost is sent again at once when the server is back", async () => {
  addFiles([film()], "index", {});
  await until(planned);
  startAll();
  await until(() => uploads.length === 1);
  const away = Object.assign(new Error("away"), { originalResponse: null });
  assert.ok(uploads[0].onShouldRetry(away));
  returns.value += 1;
  await until(() => uploads.length === 2);
  assert.deepEqual([states(), uploads.length], ["sending", 2]);
});

test("the plan is that of the last choice, and is asked for once where only words change", async () => {
  const answers = {};
  answer = (path, { kind }) => new Promise((resolve) => {
    answers[kind] = (told) => resolve(Response.json(told));
  });
  addFiles([film()], "index", {});
  await until(() => answers.index);
  chooseForAll("reps", {});
  await until(() => answers.reps);
  answers.reps({ fits: true, needs: 2 });
  await until(planned);
  answers.index({ fits: false });
  await new Promise(setImmediate);
  chooseForAll("reps", { tags: ["gym"] });
  await new Promise(setImmediate);
  const [item] = items.value;
  assert.deepEqual([item.state, item.plan.needs, item.duration, item.options], ["ready", 2, 42, { tags: ["gym"] }]);
  assert.deepEqual([plans().map((one) => one.body.kind), probes], [["index", "reps"], 1]);
});
