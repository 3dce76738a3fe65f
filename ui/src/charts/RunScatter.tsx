import { useEffect, useMemo, useRef, useState, type PointerEvent } from "react";
import { drawScatter, findNear, FRAME, type Point } from "@/charts/scatter";
import { durationTicks, linear, logarithmic, timeLabel, timeTicks } from "@/charts/scale";
import { useBrush } from "@/charts/useBrush";
import { useSize } from "@/charts/useSize";
import { StateMark } from "@/design/StateMark";
import { useIsDark } from "@/shell/theme";
import { dayTime, duration, plural, type Micros } from "@/time/format";

interface RunScatterProps {
  points: readonly Point[];
  since: Micros;
  until: Micros;
  height?: number;
  onChoose: (since: Micros, until: Micros) => void;
  onOpen: (id: string) => void;
}

/** How long runs took, over time; dragging filters, a click opens. The same runs are in the table below it. */
export function RunScatter({ points, since, until, height = 168, onChoose, onOpen }: RunScatterProps) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width } = useSize(frame);
  const dark = useIsDark();
  const [pointed, setPointed] = useState<Point | null>(null);
  const [low, high] = useMemo(() => {
    const spans = points.map((point) => Math.max(1, point.span));
    return spans.length > 0 ? [spans.reduce((a, b) => Math.min(a, b)) * 0.6, spans.reduce((a, b) => Math.max(a, b)) * 1.7] : [100_000, 100_000_000];
  }, [points]);
  const x = linear(since, until, FRAME.left, Math.max(FRAME.left + 1, width - FRAME.right));
  const y = logarithmic(low, high, height - FRAME.bottom, FRAME.top);
  const at = linear(FRAME.left, Math.max(FRAME.left + 1, width - FRAME.right), since, until);
  const { brush, handlers } = useBrush(({ from, to }) => onChoose(Math.round(at(Math.max(from, FRAME.left))), Math.round(at(to))));

  useEffect(() => {
    if (canvas.current && width > 0) drawScatter(canvas.current, { points, x, y, width, height, dark });
  });

  const near = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return findNear(points, x, y, event.clientX - box.left, event.clientY - box.top);
  };
  return (
    <div ref={frame} className="relative" style={{ height }}>
      <canvas ref={canvas} aria-hidden className="absolute inset-0" />
      <svg
        width={width} height={height} role="img" aria-label={`Durations of ${plural(points.length, "run")}, ${dayTime(since)} to ${dayTime(until)}. Drag to filter by time.`}
        className={`relative block touch-none select-none ${pointed ? "cursor-pointer" : "cursor-crosshair"}`} data-testid="scatter" {...handlers}
        onPointerMove={(event) => { handlers.onPointerMove(event); setPointed(near(event)); }}
        onPointerLeave={() => setPointed(null)}
        onClick={(event) => { if (pointed && !brush && event.detail === 1) onOpen(pointed.id); }}
      >
        {durationTicks(low, high).map((tick) => (
          <g key={tick}>
            <line x1={FRAME.left} x2={width} y1={y(tick)} y2={y(tick)} stroke="var(--line)" strokeDasharray="2 4" />
            <text x={FRAME.left - 7} y={y(tick) + 4} textAnchor="end" className="fill-faint text-[11px]">{duration(tick).replace(/ 00[sm]$/, "").replace(/m$/, " m").replace(/h$/, " h")}</text>
          </g>
        ))}
        {timeTicks(since, until, Math.max(2, width / 100)).map(({ at: tick, step }) => (
          <text key={tick} x={Math.min(x(tick), width - 20)} y={height - 4} textAnchor="middle" className="fill-faint text-[11px]">{timeLabel(tick, step)}</text>
        ))}
        {brush && <rect x={Math.min(brush.from, brush.to)} y={0} width={Math.abs(brush.to - brush.from)} height={height - FRAME.bottom} fill="var(--accent)" opacity={0.18} stroke="var(--accent)" />}
      </svg>
      {pointed && !brush && <PointTip point={pointed} left={x(pointed.at)} top={y(pointed.span)} room={width} />}
    </div>
  );
}

function PointTip({ point, left, top, room }: { point: Point; left: number; top: number; room: number }) {
  return (
    <div
      className="pointer-events-none absolute z-10 max-w-72 rounded-md border border-line-strong bg-raised px-2.5 py-2 text-xs"
      style={{ left, top: Math.max(0, top - 24), transform: left > room / 2 ? "translateX(calc(-100% - 12px))" : "translateX(12px)", boxShadow: "0 4px 14px var(--shadow)" }}
    >
      <p className="flex items-center gap-1.5 font-medium"><StateMark type={point.type} size={12} titled /><span className="truncate">{point.name}</span></p>
      <p className="truncate text-muted">{point.flow}</p>
      <p className="text-muted">{dayTime(point.at)} · {duration(point.span)}</p>
    </div>
  );
}
