import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useEffect, useRef } from "react";
import type { FlowRun } from "@/api/types";
import { useRowKeys } from "@/keys/useRowKeys";
import { RUN_COLUMNS, RunRow } from "@/pages/runs/RunRow";

const ROW_PIXELS = 44;
const OVERSCAN = 12;
const FETCH_BEFORE_ROWS = 20;

interface RunTableProps {
  runs: readonly FlowRun[];
  selected: ReadonlySet<string>;
  onSelect: (selected: ReadonlySet<string>) => void;
  hasMore: boolean;
  onMore: () => void;
  oldestFirst: boolean;
  onSort: () => void;
}

/** The runs, only those in sight drawn. j and k move, Enter opens, x selects. */
export function RunTable({ runs, selected, onSelect, hasMore, onMore, oldestFirst, onSort }: RunTableProps) {
  const body = useRef<HTMLDivElement>(null);
  const rows = useWindowVirtualizer({
    count: runs.length, estimateSize: () => ROW_PIXELS, overscan: OVERSCAN, scrollMargin: body.current?.offsetTop ?? 0,
  });
  const items = rows.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastShown >= runs.length - FETCH_BEFORE_ROWS) onMore();
    // `onMore` is new at every render; asking again is for new rows in sight only.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [lastShown, hasMore, runs.length]);
  const flip = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    onSelect(next);
  };
  useRowKeys(body, { onSelect: flip });
  const all = runs.length > 0 && runs.every((run) => selected.has(run.id));
  return (
    <div role="table" aria-label="Runs" aria-rowcount={hasMore ? -1 : runs.length + 1}>
      <div role="row" className={`${RUN_COLUMNS} h-9 border-b border-line text-xs font-medium text-muted`}>
        <span role="columnheader" className="flex items-center">
          <input
            type="checkbox" aria-label="Select all runs in the list" checked={all} className="size-3.5 accent-accent"
            onChange={() => onSelect(all ? new Set() : new Set(runs.map((run) => run.id)))}
          />
        </span>
        <span role="columnheader">Run</span>
        <span role="columnheader">State</span>
        <span role="columnheader" className="max-xl:hidden">Parameters</span>
        <span role="columnheader" className="max-lg:hidden">Tasks</span>
        <span role="columnheader" className="text-right max-sm:hidden">Duration</span>
        <span role="columnheader" aria-sort={oldestFirst ? "ascending" : "descending"} className="text-right max-sm:hidden">
          <button type="button" onClick={onSort} title={oldestFirst ? "Oldest first. Show the newest first" : "Newest first. Show the oldest first"} className="inline-flex items-center gap-1 hover:text-ink">
            Started {oldestFirst ? <ArrowUp size={12} aria-hidden /> : <ArrowDown size={12} aria-hidden />}
          </button>
        </span>
      </div>
      <div ref={body} role="rowgroup" className="relative" style={{ height: rows.getTotalSize() }}>
        {items.map(({ index, start }) => {
          const run = runs[index];
          return run && (
            <RunRow
              key={run.id} run={run} index={index} top={start - rows.options.scrollMargin} height={ROW_PIXELS}
              selected={selected.has(run.id)} onSelect={() => flip(run.id)}
            />
          );
        })}
      </div>
    </div>
  );
}
