// The camera, and the line over which its pictures go to the server: one at a time, the next when one is answered.
import { Problem } from "./api.js";
import { text } from "./strings.js";

const LONGEST = 480; // pixels of a picture's longer side: more tells the server nothing
const QUALITY = 0.7;
const EVERY = 100; // milliseconds between two pictures
const HEAD = 8; // bytes before a picture, that hold its seconds

/** What the camera sees. @param {"user" | "environment"} facing @returns {Promise<MediaStream>} throws Problem */
export async function openCamera(facing) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Problem(text.live.insecure);
  const video = { facingMode: facing, width: { ideal: 640 }, frameRate: { ideal: 30 } };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    throw new Problem(text.live.noCamera[error.name] ?? text.live.noCamera.other);
  }
}

/** Whether there is more than one camera to choose from; told once one was allowed. */
export async function hasSeveralCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput").length > 1;
}

/**
 * Send what a video shows, and hear what is said of it.
 * @param {string} exercise "" is recognised
 * @param {HTMLVideoElement} video
 * @param {{ready: () => void, told: (standing: any) => void, ended: (problem: any) => void}} hears `ended` gets null
 *   where the line was lost
 * @returns {() => void} what closes the line, after which nothing is heard
 */
export function openLine(exercise, video, hears) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const line = new WebSocket(`${scheme}://${location.host}/reps/live?exercise=${encodeURIComponent(exercise || "auto")}`);
  const canvas = document.createElement("canvas");
  const began = performance.now();
  let [timer, sent, problem] = [0, 0, null];
  const send = () => {
    sent = performance.now();
    pictureOf(video, canvas, (jpeg) => {
      if (line.readyState !== WebSocket.OPEN) return;
      if (jpeg) line.send(new Blob([head((sent - began) / 1000), jpeg]));
      else timer = setTimeout(send, EVERY); // the camera has no picture yet
    });
  };
  line.onmessage = ({ data }) => {
    const told = JSON.parse(data);
    if (told.problem) {
      problem = told.problem;
      line.close();
      return;
    }
    if (told.ready) hears.ready();
    else hears.told(told);
    timer = setTimeout(send, Math.max(0, sent + EVERY - performance.now()));
  };
  line.onclose = () => {
    clearTimeout(timer);
    hears.ended(problem && new Problem(problem));
  };
  return () => {
    clearTimeout(timer);
    line.onmessage = line.onclose = null;
    line.close();
  };
}

function pictureOf(video, canvas, take) {
  const scale = LONGEST / Math.max(video.videoWidth, video.videoHeight, LONGEST);
  const [width, height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
  if (!width || !height) {
    take(null);
    return;
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").drawImage(video, 0, 0, width, height);
  canvas.toBlob(take, "image/jpeg", QUALITY);
}

function head(seconds) {
  const view = new DataView(new ArrayBuffer(HEAD));
  view.setFloat64(0, seconds, true);
  return view;
}
