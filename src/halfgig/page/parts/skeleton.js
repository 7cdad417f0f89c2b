// The skeleton over a video, in step with its playback.
import { html, useEffect, useRef } from "../base.js";
import { BONES, JOINTS } from "../poses.js";

/** @param {{poses: import("../poses.js").Poses | null, video: () => HTMLVideoElement | null}} props */
export function Skeleton({ poses, video }) {
  const canvas = useRef(null);
  useEffect(() => (poses ? following(canvas.current, poses, video()) : undefined), [poses]);
  return html`<canvas class="skeleton" ref=${canvas} aria-hidden="true"></canvas>`;
}

/** Draw at every new picture of the video, and where it is sought or resized. Returns what ends that. */
function following(canvas, poses, video) {
  if (!video) return undefined;
  let ended = false;
  const draw = () => paint(canvas, poses, video);
  const follow = () => {
    if (ended) return;
    draw();
    next(video, follow);
  };
  const watcher = new ResizeObserver(draw);
  watcher.observe(video);
  video.addEventListener("seeked", draw);
  video.addEventListener("loadeddata", draw);
  follow();
  return () => {
    ended = true;
    watcher.disconnect();
    video.removeEventListener("seeked", draw);
    video.removeEventListener("loadeddata", draw);
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  };
}

function next(video, run) {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(run);
  else setTimeout(() => requestAnimationFrame(run), 40);
}

function paint(canvas, poses, video) {
  const n = poses.nearest(video.currentTime);
  const shown = n >= 0 && video.readyState >= 2 && !video.seeking; // else what is seen is of another moment
  drawPose(canvas, video, shown ? (landmark) => poses.point(n, landmark) : () => null);
}

/**
 * Draw one pose over what a video shows.
 * @param {(landmark: number) => number[] | null} pointOf where a landmark is, in fractions of the frame; null where it is hidden
 */
export function drawPose(canvas, video, pointOf) {
  const scale = devicePixelRatio || 1;
  const [width, height] = [video.clientWidth, video.clientHeight];
  if (canvas.width !== width * scale || canvas.height !== height * scale) Object.assign(canvas, { width: width * scale, height: height * scale });
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const place = placing(video, width, height);
  drawBones(pen, pointOf, place);
  drawJoints(pen, pointOf, place);
}

/** Where a fraction of the frame lies on the element, whose picture keeps its form within it. */
function placing(video, width, height) {
  const fit = Math.min(width / video.videoWidth, height / video.videoHeight);
  const [across, down] = [video.videoWidth * fit, video.videoHeight * fit];
  return ([x, y]) => [(width - across) / 2 + x * across, (height - down) / 2 + y * down];
}

function drawBones(pen, pointOf, place) {
  for (const [width, colour] of [[6, "rgb(0 0 0 / 55%)"], [3, "#5fe0bb"]]) {
    Object.assign(pen, { lineWidth: width, strokeStyle: colour, lineCap: "round" });
    pen.beginPath();
    for (const [a, b] of BONES) {
      const [from, to] = [pointOf(a), pointOf(b)];
      if (!from || !to) continue;
      pen.moveTo(...place(from));
      pen.lineTo(...place(to));
    }
    pen.stroke();
  }
}

function drawJoints(pen, pointOf, place) {
  pen.fillStyle = "#fff";
  for (const joint of JOINTS) {
    const point = pointOf(joint);
    if (!point) continue;
    const [x, y] = place(point);
    pen.beginPath();
    pen.arc(x, y, 3.5, 0, 2 * Math.PI);
    pen.fill();
  }
}
