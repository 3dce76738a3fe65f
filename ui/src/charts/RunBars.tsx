import { useNavigate } from "@tanstack/react-router";
import type { RunBar } from "@/api/types";
import { colourOf, lookOf } from "@/design/state";
import { dayTime, duration } from "@/time/format";

interface RunBarsProps {
  /** Newest first, as lists come. */
  runs: readonly RunBar[];
  slots?: number;
  height?: number;
}

const isBad = (run: RunBar): boolean => run.state_type === "FAILED" || run.state_type === "CRASHED";

/** A flow's last runs as bars, oldest first: as high as long, failed ones notched at the foot. A click opens one;
 * by keyboard the same runs are in the flow's list. */
export function RunBars({ runs, slots = 30, height = 28 }: RunBarsProps) {
  const navigate = useNavigate();
  const shown = runs.slice(0, slots).toReversed();
  const top = Math.max(1, ...shown.map((run) => run.duration ?? 0));
  return (
    <div role="img" aria-label={`Last ${shown.length} runs, ${shown.filter(isBad).length} of them failed`} className="flex items-end gap-[2px]" style={{ height }}>
      {Array.from({ length: Math.max(0, slots - shown.length) }, (_, slot) => (
        <span key={slot} className="w-1.5 rounded-[2px] bg-line" style={{ height: 4 }} />
      ))}
      {shown.map((run) => (
        <span
          key={run.id} onClick={() => void navigate({ to: "/runs/$id", params: { id: run.id } })}
          title={`${run.name}: ${run.state_name}, ${duration(run.duration ?? 0)}, ${dayTime(run.started_at)}`}
          className={`w-1.5 cursor-pointer rounded-[2px] hover:opacity-70 ${isBad(run) ? "border-b-[3px] border-b-ink/60" : ""}`}
          style={{ height: Math.max(6, (0.25 + 0.75 * Math.sqrt((run.duration ?? 0) / top)) * height), backgroundColor: colourOf(lookOf(run.state_type, run.state_name)) }}
        />
      ))}
    </div>
  );
}
