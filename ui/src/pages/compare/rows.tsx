import type { RunComparison, TaskMeasure } from "@/api/types";
import { Empty } from "@/design/Placeholder";
import { TaskCounts } from "@/design/TaskCounts";
import { Change } from "@/pages/compare/Change";
import { SideTable } from "@/pages/compare/SideTable";
import { textOf } from "@/pages/run/parameters";
import { count, duration } from "@/time/format";

interface Props {
  comparison: RunComparison;
}

/** The parameters of both. */
export function ParameterRows({ comparison: { parameters } }: Props) {
  if (parameters.length === 0) return <Empty title="Neither run took parameters" className="py-6" />;
  const show = (value: unknown) => <code className="font-mono text-xs break-all">{value === undefined || value === null ? "–" : textOf(value)}</code>;
  return <SideTable label="Parameter" rows={parameters.map(({ name, left, right, same }) => ({ name, left: show(left), right: show(right), same }))} />;
}

/** How long each task took in both, and how it ended. */
export function TaskRows({ comparison: { tasks } }: Props) {
  if (tasks.length === 0) return <Empty title="Neither run called tasks" className="py-6" />;
  const top = Math.max(1, ...tasks.flatMap(({ left, right }) => [left?.duration ?? 0, right?.duration ?? 0]));
  const rows = tasks.map(({ name, left, right }) => ({
    name, left: <Measure measure={left} top={top} />, right: <Measure measure={right} top={top} />,
    same: JSON.stringify(left?.states) === JSON.stringify(right?.states), change: <Change from={left?.duration} to={right?.duration} />,
  }));
  return <SideTable label="Task" rows={rows} />;
}

function Measure({ measure, top }: { measure: TaskMeasure | null | undefined; top: number }) {
  if (!measure) return <span className="text-faint">not called</span>;
  return (
    <span className="flex items-center gap-3">
      <span className="w-16 text-right">{duration(measure.duration)}</span>
      <span aria-hidden className="h-1.5 flex-1 rounded-full bg-sunken"><span className="block h-full rounded-full bg-accent" style={{ width: `${(measure.duration / top) * 100}%` }} /></span>
      <TaskCounts counts={measure.states} />
    </span>
  );
}

/** Which versions of which datasets both read and wrote. */
export function DatasetRows({ comparison: { datasets } }: Props) {
  if (datasets.length === 0) return <Empty title="Neither run read or wrote a dataset" className="py-6" />;
  type Use = (typeof datasets)[number]["left"];
  const show = (use: Use) => (use ? `version ${use.version}${use.rows == null ? "" : `, ${count(use.rows)} rows`}` : <span className="text-faint">not used</span>);
  return (
    <SideTable
      label="Dataset"
      rows={datasets.map(({ dataset, action, left, right }) => ({
        name: `${dataset} (${action})`, left: show(left), right: show(right), same: left?.rows === right?.rows && left?.schema_digest === right?.schema_digest, change: <Change from={left?.rows} to={right?.rows} />,
      }))}
    />
  );
}
