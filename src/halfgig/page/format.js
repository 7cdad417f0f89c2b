// Numbers for people: sizes, times, speeds, dates. Pure.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes as "12.3 MB"; a MB is 1,048,576 bytes, as in every figure of halfgig. */
export function size(bytes) {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return "";
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 1 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** Seconds as a clock shows them: 1:05, 1:02:05. */
export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(s).padStart(2, "0")}`;
  return h ? `${h}:${String(m).padStart(2, "0")}:${tail}` : `${m}:${tail}`;
}

/** Seconds in words: "40 s", "3 min", "2 h 10 min". */
export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 1) return "1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const [h, m] = [Math.floor(minutes / 60), minutes % 60];
  if (h >= 48) return `${Math.round(h / 24)} days`;
  return m ? `${h} h ${m} min` : `${h} h`;
}

/** A time as ISO 8601 shown in the reader's own zone and form. */
export function moment(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
}

/** The day of the same. */
export function day(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleDateString("en", { dateStyle: "medium" });
}

/** What a signal measures, as a report tells it: "95°", "40 % of the trunk"; without a unit, the number. */
export function measured(value, unit) {
  const whole = `${Math.round(value)}`;
  if (!unit) return whole;
  return unit === "degrees" ? `${whole}°` : `${whole} ${unit}`;
}

/** A fraction as whole percent. */
export function percent(fraction) {
  return `${Math.floor(100 * Math.min(1, Math.max(0, fraction ?? 0)))} %`;
}

/** "1 rep", "8 reps". */
export function several(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** A language's code as its English name. */
export function language(code) {
  if (!code) return "";
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** A number with one digit behind the point; a dash where there is none. */
export function figure(value, unit = "") {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return `${value.toFixed(1)}${unit}`;
}
