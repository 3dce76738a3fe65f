import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { flowGridQuery } from "@/api/queries/charts";
import type { RunBar } from "@/api/types";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { STACK_ORDER, wordOf } from "@/design/state";
import { StateMark } from "@/design/StateMark";
import { count, dayTime } from "@/time/format";

type Cell = Readonly<Record<string, number>> | null | undefined;

/** Tasks down, runs across, oldest first: where it began to break. */
export function TaskGrid({ name }: { name: string }) {
  const grid = useQuery(flowGridQuery(name));
  if (grid.isError) return <Fault error={grid.error} retry={() => void grid.refetch()} />;
  if (!grid.data) return <SkeletonRows rows={4} />;
  const runs = grid.data.runs.toReversed();
  if (grid.data.tasks.length === 0) return <Empty title="Its runs called no tasks" className="py-6" />;
  return (
    <div className="relative overflow-x-auto px-3.5 pb-3 focus-visible:outline-offset-[-3px]" tabIndex={0} role="region" aria-label="Grid of tasks and runs">
      <table className="border-separate border-spacing-[3px]">
        <thead>
          <tr>
            <th scope="col" className="min-w-44 text-left text-xs font-medium text-muted">Run</th>
            {runs.map((run) => <th key={run.id} scope="col" className="font-normal"><RunCell run={run} /></th>)}
          </tr>
        </thead>
        <tbody>
          {grid.data.tasks.map((task, row) => (
            <tr key={task}>
              <th scope="row" className="max-w-64 truncate pr-3 text-left font-medium">{task}</th>
              {runs.map((run, column) => <td key={run.id}><TaskCell task={task} run={run} cell={grid.data.cells[row]?.[runs.length - 1 - column]} /></td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RunCell({ run }: { run: RunBar }) {
  const label = `${run.name}: ${run.state_name}, ${dayTime(run.started_at)}`;
  return <Link to="/runs/$id" params={{ id: run.id }} aria-label={label} title={label} className="flex size-5.5 items-center justify-center rounded hover:bg-hover"><StateMark type={run.state_type} name={run.state_name} /></Link>;
}

function TaskCell({ task, run, cell }: { task: string; run: RunBar; cell: Cell }) {
  if (!cell) return <span className="flex size-5.5 items-center justify-center text-line-strong" title={`${run.name} did not call ${task}`}><span className="sr-only">not called</span><span aria-hidden>·</span></span>;
  const worst = STACK_ORDER.findLast((type) => (cell[type] ?? 0) > 0) ?? "PENDING";
  const said = STACK_ORDER.filter((type) => cell[type]).map((type) => `${count(cell[type] ?? 0)} ${wordOf(type)}`).join(", ");
  const label = `${task} in ${run.name}: ${said}`;
  return (
    <Link to="/runs/$id" params={{ id: run.id }} search={{ tab: "tasks", state: worst }} aria-label={label} title={label} className="flex size-5.5 items-center justify-center rounded bg-sunken hover:bg-hover">
      <StateMark type={worst} size={12} />
    </Link>
  );
}
