import { useVirtualizer } from "@tanstack/react-virtual";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import type { LogLine } from "@/api/types";
import { levelOf } from "@/pages/run/levels";
import { clockTime, exactInstant } from "@/time/format";

const LINE_PIXELS = 21;
const END_PIXELS = 60;

interface LogLinesProps {
  lines: readonly LogLine[];
  /** Of task runs, by their ids. */
  names: ReadonlyMap<string, string>;
  follow: boolean;
  jumpTo: number;
  onEnd: () => void;
  onLeave: () => void;
}

/** Log lines, only those in sight drawn; text as it is, nothing in it is HTML. */
export function LogLines({ lines, names, follow, jumpTo, onEnd, onLeave }: LogLinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE_PIXELS, overscan: 20 });
  useEffect(() => {
    if (follow && lines.length > 0) rows.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, rows]);
  useEffect(() => {
    if (jumpTo >= 0) rows.scrollToIndex(jumpTo, { align: "center" });
  }, [jumpTo, rows]);
  const scrolled = () => {
    const element = box.current;
    if (element && element.scrollHeight - element.scrollTop - element.clientHeight < END_PIXELS) onEnd();
  };
  return (
    <div
      ref={box} onScroll={scrolled} onWheel={(event) => { if (event.deltaY < 0) onLeave(); }} tabIndex={0} role="log" aria-label="Log" aria-live="off"
      className="h-[26rem] overflow-auto py-1 font-mono text-xs leading-[21px] focus-visible:outline-offset-[-3px]"
    >
      <div className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, start: top, key }) => {
          const line = lines[index];
          return line && (
            <div key={key} ref={rows.measureElement} data-index={index} className="absolute inset-x-0" style={{ transform: `translateY(${top}px)` }}>
              <Line line={line} name={line.task_run_id ? names.get(line.task_run_id) : undefined} marked={index === jumpTo} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Line({ line, name, marked }: { line: LogLine; name: string | undefined; marked: boolean }) {
  const navigate = useNavigate({ from: "/runs/$id" });
  const level = levelOf(line.level);
  const task = line.task_run_id;
  return (
    <div className={`flex gap-3 px-3.5 hover:bg-hover ${marked ? "bg-warn-soft" : line.level >= 40 ? "bg-danger-soft" : ""}`}>
      <time title={exactInstant(line.at)} className="shrink-0 text-faint">{clockTime(line.at, true)}</time>
      <span className={`w-16 shrink-0 ${level.className}`}>{level.word}</span>
      <span className="min-w-0 flex-1 break-words whitespace-pre-wrap">{line.message}</span>
      {task && (
        // For the pointer alone: by keyboard the same is reached through the task runs, without a stop at every line.
        <span onClick={() => void navigate({ search: (old) => ({ ...old, task }), replace: true, resetScroll: false })} title="Show this task run" className="shrink-0 cursor-pointer text-faint hover:text-accent-strong hover:underline">
          {name ?? "task run"}
        </span>
      )}
    </div>
  );
}
