import { useRef, useState } from "react";
import { countTicks, linear, timeLabel, timeTicks } from "@/charts/scale";
import { useBrush } from "@/charts/useBrush";
import { useSize } from "@/charts/useSize";
import { colourOf, lookOf, STACK_ORDER, wordOf } from "@/design/state";
import { StateMark } from "@/design/StateMark";
import { count, dayTime, type Micros } from "@/time/format";
import type { StateType } from "@/generated/states";

export interface Activity {
  since: Micros;
  until: Micros;
  width: Micros;
  /** Runs by state type, one number a bar. */
  counts: Partial<Record<StateType, readonly number[]>>;
}

interface ActivityBarsProps {
  activity: Activity;
  height?: number;
  onChoose: (since: Micros, until: Micros) => void;
}

const BOTTOM = 20;
const LEFT = 34;
const TOP = 6;

/** Runs over time, stacked by state; dragging chooses a stretch. */
export function ActivityBars({ activity, height = 176, onChoose }: ActivityBarsProps) {
  const frame = useRef<HTMLDivElement>(null);
  const { width } = useSize(frame);
  const [pointed, setPointed] = useState<number | null>(null);
  const { since, until } = activity;
  const bars = Math.max(1, Math.round((until - since) / activity.width));
  const totals = Array.from({ length: bars }, (_, bar) => STACK_ORDER.reduce((sum, type) => sum + (activity.counts[type]?.[bar] ?? 0), 0));
  const ticks = countTicks(Math.max(...totals));
  const x = linear(since, until, LEFT, Math.max(LEFT + 1, width));
  const y = linear(0, ticks.at(-1) ?? 1, height - BOTTOM, TOP);
  const at = linear(LEFT, Math.max(LEFT + 1, width), since, until);
  const { brush, handlers } = useBrush(({ from, to }) => onChoose(Math.round(at(Math.max(from, LEFT))), Math.round(at(to))));
  const point = (clientX: number, left: number) => {
    const bar = Math.floor((at(clientX - left) - since) / activity.width);
    setPointed(bar >= 0 && bar < bars ? bar : null);
  };
  const barWidth = Math.max(0, width - LEFT) / bars;
  return (
    <div ref={frame} className="relative" style={{ height }}>
      <svg
        width={width} height={height} role="img" className="block touch-none select-none cursor-crosshair" aria-label={describe(activity)}
        {...handlers}
        onPointerMove={(event) => { handlers.onPointerMove(event); point(event.clientX, event.currentTarget.getBoundingClientRect().left); }}
        onPointerLeave={() => setPointed(null)}
      >
        {ticks.map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} stroke="var(--line)" />
            <text x={LEFT - 7} y={y(tick) + 4} textAnchor="end" className="fill-faint text-[11px]">{count(tick)}</text>
          </g>
        ))}
        {timeTicks(since, until, Math.max(2, width / 96)).map(({ at: tick, step }) => (
          <text key={tick} x={Math.min(x(tick), width - 20)} y={height - 5} textAnchor="middle" className="fill-faint text-[11px]">{timeLabel(tick, step)}</text>
        ))}
        {pointed !== null && <rect x={LEFT + pointed * barWidth} y={TOP} width={barWidth} height={height - BOTTOM - TOP} fill="var(--hover)" />}
        {totals.map((total, bar) => total > 0 && <Bar key={bar} bar={bar} counts={activity.counts} left={LEFT + bar * barWidth} width={barWidth} y={y} />)}
        {brush && <rect x={Math.min(brush.from, brush.to)} y={TOP} width={Math.abs(brush.to - brush.from)} height={height - BOTTOM - TOP} fill="var(--accent)" opacity={0.18} stroke="var(--accent)" />}
      </svg>
      {pointed !== null && (totals[pointed] ?? 0) > 0 && <Tip activity={activity} bar={pointed} left={LEFT + (pointed + 0.5) * barWidth} room={width} />}
    </div>
  );
}

interface BarProps {
  bar: number;
  counts: Activity["counts"];
  left: number;
  width: number;
  y: (value: number) => number;
}

function Bar({ bar, counts, left, width, y }: BarProps) {
  const gap = Math.min(2, width * 0.2);
  const parts: { type: StateType; from: number; to: number }[] = [];
  for (const type of STACK_ORDER) {
    const from = parts.at(-1)?.to ?? 0;
    const value = counts[type]?.[bar] ?? 0;
    if (value > 0) parts.push({ type, from, to: from + value });
  }
  return parts.map(({ type, from, to }) => (
    <rect
      key={type} x={left + gap / 2} y={y(to)} width={Math.max(1, width - gap)} height={Math.max(1, y(from) - y(to) - (from > 0 ? 1 : 0))}
      rx={Math.min(2, width / 4)} style={{ fill: colourOf(lookOf(type)) }}
    />
  ));
}

function Tip({ activity, bar, left, room }: { activity: Activity; bar: number; left: number; room: number }) {
  const from = activity.since + bar * activity.width;
  const rows = STACK_ORDER.toReversed().filter((type) => (activity.counts[type]?.[bar] ?? 0) > 0);
  return (
    <div
      className="pointer-events-none absolute top-1 z-10 min-w-36 rounded-md border border-line-strong bg-raised px-2.5 py-2 text-xs"
      style={{ left, transform: left > room / 2 ? "translateX(calc(-100% - 10px))" : "translateX(10px)", boxShadow: "0 4px 14px var(--shadow)" }}
    >
      <p className="mb-1 text-muted">{dayTime(from)} – {dayTime(from + activity.width)}</p>
      {rows.map((type) => (
        <p key={type} className="flex items-center gap-1.5"><StateMark type={type} size={12} />{wordOf(type)}<b className="ml-auto pl-4 font-semibold">{count(activity.counts[type]?.[bar] ?? 0)}</b></p>
      ))}
    </div>
  );
}

function describe(activity: Activity): string {
  const sums = STACK_ORDER.map((type) => [wordOf(type), (activity.counts[type] ?? []).reduce((sum, value) => sum + value, 0)] as const);
  const said = sums.filter(([, sum]) => sum > 0).map(([word, sum]) => `${word} ${sum}`);
  return `Runs from ${dayTime(activity.since)} to ${dayTime(activity.until)}: ${said.join(", ") || "none"}. Drag to choose a stretch.`;
}
