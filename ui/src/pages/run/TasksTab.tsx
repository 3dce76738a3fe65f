import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import { taskPagesQuery } from "@/api/queries/runs";
import type { FlowRun, TaskRun } from "@/api/types";
import { Choose } from "@/design/Menu";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { STACK_ORDER, wordOf } from "@/design/state";
import { StateBadge, StateMark } from "@/design/StateMark";
import { listOf } from "@/keys/search";
import { useRowKeys } from "@/keys/useRowKeys";
import { count, duration } from "@/time/format";
import { Span } from "@/time/Time";

const ROW_PIXELS = 34;
const COLUMNS = "grid grid-cols-[minmax(10rem,2fr)_9rem_minmax(0,3fr)_4rem_6rem_6.5rem] items-center gap-3 px-3.5 max-lg:grid-cols-[minmax(8rem,2fr)_9rem_4rem_6rem]";

/** A run's task runs, in the order in which they began. */
export function TasksTab({ run }: { run: FlowRun }) {
  const search = useSearch({ from: "/runs/$id" });
  const navigate = useNavigate({ from: "/runs/$id" });
  const states = listOf(search.state);
  const pages = useInfiniteQuery(taskPagesQuery(run.id, states.length > 0 ? { state_types: states } : {}));
  const tasks = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data]);
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: tasks.length, getScrollElement: () => box.current, estimateSize: () => ROW_PIXELS, overscan: 12 });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= tasks.length - 20) void fetchNextPage();
  }, [last, tasks.length, hasNextPage, isFetchingNextPage, fetchNextPage]);
  useRowKeys(box);
  const origin = run.started_at ?? run.created_at;
  const open = (task: TaskRun) => void navigate({ search: (old) => ({ ...old, task: task.id }), replace: true, resetScroll: false });
  return (
    <>
      <div className="flex items-center gap-2 border-b border-line px-3 py-2">
        <Choose
          label="State" chosen={states} shown={states.length > 0 ? states.map((state) => wordOf(state as "FAILED")).join(", ") : "All states"}
          choices={STACK_ORDER.toReversed().filter((type) => run.task_counts[type]).map((type) => ({ value: type, label: <><StateMark type={type} />{wordOf(type)}<span className="ml-auto pl-4 text-faint">{count(run.task_counts[type] ?? 0)}</span></> }))}
          onChange={(next) => void navigate({ search: (old) => ({ ...old, state: next.join(",") }), replace: true, resetScroll: false })}
        />
      </div>
      {pages.isError ? <Fault error={pages.error} retry={() => void pages.refetch()} />
        : pages.isPending ? <SkeletonRows rows={8} />
        : tasks.length === 0 ? <Empty title="No task run fits">{states.length > 0 ? "Choose other states." : "This run called no tasks."}</Empty>
        : (
          <div ref={box} tabIndex={0} role="table" aria-label="Task runs" className="max-h-[30rem] overflow-auto focus-visible:outline-offset-[-3px]">
            <div role="row" className={`${COLUMNS} sticky top-0 z-1 h-8 border-b border-line bg-surface text-xs font-medium text-muted`}>
              <span role="columnheader">Task run</span><span role="columnheader">State</span>
              <span role="columnheader" className="max-lg:hidden">Message</span><span role="columnheader" className="text-right">Tries</span>
              <span role="columnheader" className="text-right">Duration</span><span role="columnheader" className="text-right max-lg:hidden">Begun after</span>
            </div>
            <div role="rowgroup" className="relative" style={{ height: rows.getTotalSize() }}>
              {items.map(({ index, start }) => {
                const task = tasks[index];
                return task && (
                  <div key={task.id} role="row" data-row={task.id} className={`${COLUMNS} absolute inset-x-0 border-b border-line hover:bg-hover`} style={{ height: ROW_PIXELS, transform: `translateY(${start}px)` }}>
                    <span role="cell" className="truncate"><button type="button" onClick={() => open(task)} className="max-w-full truncate font-medium hover:text-accent-strong hover:underline">{task.name}</button></span>
                    <span role="cell"><StateBadge state={task.state} plain /></span>
                    <span role="cell" className="truncate text-muted max-lg:hidden" title={task.state.message ?? undefined}>{task.state.message}</span>
                    <span role="cell" className={`text-right ${task.attempt > 1 ? "font-medium text-warn" : "text-muted"}`}>{task.attempt || "–"}</span>
                    <span role="cell" className="text-right"><Span from={task.started_at} to={task.ended_at} /></span>
                    <span role="cell" className="text-right text-muted max-lg:hidden">{task.started_at == null ? "–" : `+${duration(task.started_at - origin)}`}</span>
                  </div>
                );
              })}
            </div>
          </div>
        )}
    </>
  );
}
