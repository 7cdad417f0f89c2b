// A plot by uPlot for as long as it is on the page, and the colours and axes that all plots share.
import { classic } from "../base.js";

const DARK = matchMedia("(prefers-color-scheme: dark)");

/**
 * Draw in `box`, and again where the width or the colours change; `plot.current` is what is drawn. Returns what ends that.
 * @param {() => object} options what uPlot is to draw, but for the width
 * @param {() => number[][]} columns the times and their values
 */
export function keepDrawn(box, plot, options, columns) {
  let ended = false;
  const draw = async () => {
    const UPlot = await classic("uplot.js", "uPlot").catch(() => null);
    if (ended || !UPlot || !box.clientWidth) return;
    plot.current?.destroy();
    plot.current = new UPlot({ width: box.clientWidth, ...options() }, columns(), box);
  };
  const fit = () => plot.current?.setSize({ width: box.clientWidth, height: plot.current.height });
  const watcher = new ResizeObserver(fit);
  watcher.observe(box);
  DARK.addEventListener("change", draw);
  draw();
  return () => {
    ended = true;
    watcher.disconnect();
    DARK.removeEventListener("change", draw);
    plot.current?.destroy();
    plot.current = null;
  };
}

/** The colours of the page's style, as they are now. */
export function colours(element) {
  const style = getComputedStyle(element);
  return (name) => style.getPropertyValue(name).trim();
}

/** What the axes of all plots look like. */
export function axisIn(colour) {
  return { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
}
