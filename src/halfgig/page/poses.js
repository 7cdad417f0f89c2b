// Poses as the server keeps them: a compact table of landmarks, read without copying. Pure.

const MAGIC = 0x31504748; // "HGP1", little-endian
const HEADER = 16; // bytes
const UNIT = 8192; // of the frame's width or height
const SEEN = 128; // of 255: a landmark that is hidden more than shown is not drawn
const NEAR = 0.3; // seconds: without a pose so near, nobody is drawn

/** Bones between landmarks, as BlazePose numbers them. */
export const BONES = [
  [11, 12], [11, 23], [12, 24], [23, 24], [11, 13], [13, 15], [12, 14], [14, 16], [23, 25], [25, 27], [24, 26], [26, 28],
  [27, 31], [28, 32], [27, 29], [28, 30], [29, 31], [30, 32], [15, 19], [16, 20],
];
export const JOINTS = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28];
/** Three landmarks that make an angle, on the left and on the right. */
export const ANGLES = {
  knee: [[23, 25, 27], [24, 26, 28]],
  elbow: [[11, 13, 15], [12, 14, 16]],
  hip: [[11, 23, 25], [12, 24, 26]],
  shoulder: [[13, 11, 23], [14, 12, 24]],
};

/** The poses of one source. */
export class Poses {
  /** @param {ArrayBuffer} buffer throws RangeError where it is no table of poses */
  constructor(buffer) {
    this.view = new DataView(buffer);
    if (this.view.getUint32(0, true) !== MAGIC) throw new RangeError("no poses");
    this.step = this.view.getUint16(4, true);
    this.landmarks = this.view.getUint16(6, true);
    this.width = this.view.getUint16(8, true);
    this.height = this.view.getUint16(10, true);
    this.length = Math.floor((buffer.byteLength - HEADER) / this.step);
  }

  /** Seconds of the pose with this number. */
  time(n) {
    return this.view.getUint32(HEADER + n * this.step, true) / 1000;
  }

  /** A landmark of a pose as fractions of the frame; null where it is hidden. @returns {[number, number] | null} */
  point(n, landmark) {
    const at = HEADER + n * this.step;
    if (this.view.getUint8(at + 4 + 4 * this.landmarks + landmark) < SEEN) return null;
    const place = at + 4 + 4 * landmark;
    return [this.view.getInt16(place, true) / UNIT, this.view.getInt16(place + 2, true) / UNIT];
  }

  /** The number of the pose nearest to a second; -1 where none is near. */
  nearest(seconds) {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time(middle) < seconds) low = middle + 1;
      else high = middle;
    }
    const found = [low - 1, low].filter((n) => n >= 0 && n < this.length);
    const best = found.sort((a, b) => Math.abs(this.time(a) - seconds) - Math.abs(this.time(b) - seconds))[0];
    return best !== undefined && Math.abs(this.time(best) - seconds) <= NEAR ? best : -1;
  }

  /** The angle of a joint as it is seen in the picture, in degrees, both sides together; NaN where it is hidden. */
  angle(n, joint) {
    const seen = ANGLES[joint].map((side) => this.corner(n, side)).filter(Number.isFinite);
    return seen.length ? seen.reduce((sum, one) => sum + one, 0) / seen.length : Number.NaN;
  }

  corner(n, [a, b, c]) {
    const points = [a, b, c].map((landmark) => this.point(n, landmark));
    if (points.includes(null)) return Number.NaN;
    const [first, middle, last] = points.map(([x, y]) => [x * this.width, y * this.height]);
    const turn = Math.atan2(first[1] - middle[1], first[0] - middle[0]) - Math.atan2(last[1] - middle[1], last[0] - middle[0]);
    const degrees = Math.abs((turn * 180) / Math.PI);
    return degrees > 180 ? 360 - degrees : degrees;
  }
}
