import { Maximize2, Minus, Plus, Route } from "lucide-react";
import { IconButton } from "@/design/Button";
import { StateMark } from "@/design/StateMark";
import { count } from "@/time/format";
import type { useTimeline } from "@/timeline/useTimeline";

const STEP = 1.6;

interface TimelineToolsProps {
  timeline: ReturnType<typeof useTimeline>;
  failed: number;
  onNextFailed: () => void;
  withPath: boolean;
  onPath: () => void;
}

/** The timeline's buttons, for those who do not know its keys. */
export function TimelineTools({ timeline, failed, onNextFailed, withPath, onPath }: TimelineToolsProps) {
  return (
    <div className="absolute -top-9 right-2 flex items-center gap-0.5">
      {failed > 0 && (
        <button type="button" onClick={onNextFailed} title="Next failed task run (n)" className="mr-1 inline-flex h-7 items-center gap-1.5 rounded-md px-2 text-muted hover:bg-hover hover:text-ink">
          <StateMark type="FAILED" /> {count(failed)} failed
        </button>
      )}
      <IconButton label="Critical path: what decided how long it took" aria-pressed={withPath} onClick={onPath} className={withPath ? "bg-accent-soft text-accent-strong" : ""}><Route size={15} /></IconButton>
      <IconButton label="Zoom out (-)" onClick={() => timeline.zoomAt(STEP)}><Minus size={15} /></IconButton>
      <IconButton label="Zoom in (+)" onClick={() => timeline.zoomAt(1 / STEP)}><Plus size={15} /></IconButton>
      <IconButton label="All of it (0)" onClick={() => timeline.fitAll()}><Maximize2 size={14} /></IconButton>
    </div>
  );
}
