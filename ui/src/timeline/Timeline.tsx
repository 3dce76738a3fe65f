import { useMemo, useRef, useState } from "react";
import { useSize } from "@/charts/useSize";
import { StateMark } from "@/design/StateMark";
import { duration, nowMicros, plural, type Micros } from "@/time/format";
import { criticalPath, layOut, type Bar } from "@/timeline/model";
import { TimelineTools } from "@/timeline/TimelineTools";
import { useTimeline } from "@/timeline/useTimeline";
import { useTimelineInput } from "@/timeline/useTimelineInput";
import { laneHeight, laneTops, RULER } from "@/timeline/view";

const HEIGHT_MIN = 96;
const HEIGHT_MAX = 420;

interface TimelineProps {
  bars: readonly Bar[];
  origin: Micros;
  running: boolean;
  selected: string | null;
  onSelect: (bar: Bar | null) => void;
}

/** What a run did when: every task run and subflow a bar. The task table says the same in words. */
export function Timeline({ bars, origin, running, selected, onSelect }: TimelineProps) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width } = useSize(frame);
  const [pointed, setPointed] = useState<{ bar: Bar; x: number; y: number } | null>(null);
  const [withPath, setWithPath] = useState(false);
  const layout = useMemo(() => layOut(bars, nowMicros()), [bars]);
  const path = useMemo(() => new Set(withPath ? criticalPath(layout.bars, nowMicros()) : []), [layout, withPath]);
  const lane = laneHeight(layout.lanes.length);
  const height = Math.min(HEIGHT_MAX, Math.max(HEIGHT_MIN, RULER + laneTops(layout, lane).content + 4));
  const timeline = useTimeline(canvas, { layout, origin, running, width, height, selected, path });
  const failed = layout.bad;
  const nextFailed = () => {
    const at = failed.findIndex((bar) => bar.id === selected);
    const bar = failed[(at + 1) % Math.max(1, failed.length)];
    if (!bar) return;
    timeline.reveal(bar);
    onSelect(bar);
  };
  const input = useTimelineInput(canvas, { timeline, onPoint: setPointed, onSelect, onNextFailed: nextFailed });
  return (
    <div ref={frame} className="relative">
      <span data-palette hidden />
      <TimelineTools timeline={timeline} failed={failed.length} onNextFailed={nextFailed} withPath={withPath} onPath={() => setWithPath(!withPath)} />
      <canvas
        ref={canvas} tabIndex={0} role="application" aria-roledescription="timeline" data-testid="timeline" data-total={bars.length}
        aria-label={`Timeline of ${plural(bars.length, "task run")} and subflows, ${failed.length} failed. Plus and minus zoom, arrows move, n goes to the next failed one.`}
        style={{ width, height }} className={`block touch-none rounded-b-lg focus-visible:outline-offset-[-2px] ${pointed ? "cursor-pointer" : "cursor-grab active:cursor-grabbing"}`}
        {...input}
      />
      {pointed && <BarTip bar={pointed.bar} x={pointed.x} y={pointed.y} origin={origin} room={width} />}
    </div>
  );
}

function BarTip({ bar, x, y, origin, room }: { bar: Bar; x: number; y: number; origin: Micros; room: number }) {
  return (
    <div
      className="pointer-events-none absolute z-10 max-w-80 rounded-md border border-line-strong bg-raised px-2.5 py-2 text-xs"
      style={{ left: x, top: y + 14, transform: x > room / 2 ? "translateX(calc(-100% - 8px))" : "translateX(12px)", boxShadow: "0 4px 14px var(--shadow)" }}
    >
      <p className="flex items-center gap-1.5 font-medium"><StateMark type={bar.type} name={bar.state} size={12} /><span className="truncate">{bar.name}</span></p>
      <p className="text-muted">
        {bar.state} · {duration((bar.end ?? nowMicros()) - bar.start)} · begun +{duration(bar.start - origin)}
        {bar.attempt > 1 && ` · try ${bar.attempt}`}{bar.tries.length > 1 && `, the others took ${bar.tries.slice(0, -1).map((one) => duration(one.end - one.start)).join(", ")}`}
      </p>
    </div>
  );
}
