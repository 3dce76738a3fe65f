import { Link } from "@tanstack/react-router";
import { memo } from "react";
import type { FlowRun } from "@/api/types";
import { StateBadge } from "@/design/StateMark";
import { TaskCounts } from "@/design/TaskCounts";
import { summaryOf } from "@/pages/run/parameters";
import { Span, Time } from "@/time/Time";

export const RUN_COLUMNS =
  "grid items-center gap-3 px-3.5 grid-cols-[1.25rem_minmax(12rem,2.2fr)_8.5rem_minmax(0,2fr)_8rem_5.5rem_5.5rem] max-xl:grid-cols-[1.25rem_minmax(10rem,2.2fr)_8.5rem_8rem_5.5rem_5.5rem] max-lg:grid-cols-[1.25rem_minmax(8rem,1fr)_8.5rem_5.5rem_5.5rem] max-sm:grid-cols-[1.25rem_minmax(0,1fr)_7.5rem] max-sm:gap-2";

interface RunRowProps {
  run: FlowRun;
  index: number;
  top: number;
  height: number;
  selected: boolean;
  onSelect: () => void;
}

/** One run of the table. */
export const RunRow = memo(function RunRow({ run, index, top, height, selected, onSelect }: RunRowProps) {
  const parameters = summaryOf(run.parameters);
  return (
    <div
      role="row" data-row={run.id} aria-rowindex={index + 2} style={{ height, transform: `translateY(${top}px)` }}
      className={`${RUN_COLUMNS} absolute inset-x-0 border-b border-line hover:bg-hover ${selected ? "bg-accent-soft" : ""}`}
    >
      <span role="cell" className="flex items-center">
        <input type="checkbox" aria-label={`Select ${run.name}`} checked={selected} onChange={onSelect} className="size-3.5 accent-accent" />
      </span>
      <span role="cell" className="min-w-0 leading-tight">
        <span className="flex min-w-0 items-baseline gap-2">
          <Link to="/runs/$id" params={{ id: run.id }} className="truncate font-medium hover:text-accent-strong hover:underline">{run.name}</Link>
          {run.tags.slice(0, 2).map((tag) => <span key={tag} className="max-w-24 truncate rounded bg-sunken px-1.5 text-xs text-muted">{tag}</span>)}
        </span>
        <span className="block truncate text-xs text-muted">{run.flow_name}{run.deployment && <span className="text-faint"> · {run.deployment}</span>}</span>
      </span>
      <span role="cell" className="truncate"><StateBadge state={run.state} /></span>
      <span role="cell" className="truncate font-mono text-xs text-muted max-xl:hidden" title={parameters}>{parameters}</span>
      <span role="cell" className="max-lg:hidden"><TaskCounts counts={run.task_counts} /></span>
      <Span from={run.started_at} to={run.ended_at} className="text-right max-sm:hidden" />
      <Time at={run.started_at ?? run.expected_start_at ?? run.created_at} className="text-right text-muted max-sm:hidden" />
    </div>
  );
});
