import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { rollingMedian } from "@/charts/rolling";
import { timeLabel, timeTicks } from "@/charts/scale";
import type { Point } from "@/charts/scatter";
import { useSize } from "@/charts/useSize";
import { useIsDark } from "@/shell/theme";
import { duration } from "@/time/format";

const HEIGHT = 180;
const WINDOW = 7;
const AXIS_FONT = '11px "Inter Variable", system-ui, sans-serif';

/** How long a flow's completed runs took, with the median of the last few as a line. */
export function Trend({ points }: { points: readonly Point[] }) {
  const frame = useRef<HTMLDivElement>(null);
  const { width } = useSize(frame);
  const dark = useIsDark();
  useEffect(() => {
    const place = frame.current;
    if (!place || width === 0) return;
    const shown = points.filter(({ type }) => type === "COMPLETED").toSorted((a, b) => a.at - b.at);
    const spans = shown.map(({ span }) => span);
    const colour = (name: string) => {
      place.style.color = `var(--${name})`;
      const resolved = getComputedStyle(place).color;
      place.style.color = "";
      return resolved;
    };
    const [accent, faint, line] = [colour("accent"), colour("faint"), colour("line")];
    const axis = { stroke: faint, font: AXIS_FONT, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const plot = new uPlot(
      {
        width, height: HEIGHT, padding: [10, 8, 0, 0], legend: { show: false }, cursor: { y: false, points: { size: 8 } },
        scales: { x: { time: false }, y: { range: (_, __, top) => [0, Math.max(1, top * 1.1)] } },
        axes: [
          {
            ...axis, grid: { show: false }, splits: (_, __, from, to) => timeTicks(from, to, Math.max(2, width / 110)).map(({ at }) => at),
            values: (_, at) => at.map((value) => timeLabel(value, (at[1] ?? value) - (at[0] ?? value))),
          },
          { ...axis, size: 56, values: (_, values) => values.map((value) => (value === 0 ? "0" : duration(value))) },
        ],
        series: [
          {},
          { stroke: faint, width: 0, points: { show: true, size: 4, fill: faint, width: 0 }, paths: () => null },
          { stroke: accent, width: 2, points: { show: false } },
        ],
      },
      [shown.map(({ at }) => at), spans, rollingMedian(spans, WINDOW)],
      place,
    );
    return () => plot.destroy();
  }, [points, width, dark]);
  return <div ref={frame} role="img" aria-label="Durations of the completed runs, with their rolling median" style={{ minHeight: HEIGHT }} />;
}
