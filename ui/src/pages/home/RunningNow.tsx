import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { runListQuery } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { Card } from "@/design/Card";
import { Empty, Skeleton } from "@/design/Placeholder";
import { StateMark } from "@/design/StateMark";
import { count, duration, type Micros } from "@/time/format";
import { useNow } from "@/time/useNow";

const SHOWN = 10;
const FILTER = { state_types: ["RUNNING" as const, "PENDING" as const, "PAUSED" as const, "CANCELLING" as const], top_level: true };

/** What runs now, how far it is, and what takes longer than usual. */
export function RunningNow() {
  const runs = useQuery(runListQuery(FILTER, SHOWN));
  const now = useNow();
  return (
    <Card title="Running now" flush>
      {!runs.data ? <div className="p-3.5"><Skeleton className="h-16" /></div>
        : runs.data.length === 0 ? <Empty title="Nothing runs at the moment" className="py-7" />
        : <ul>{runs.data.map((run) => <li key={run.id} className="border-t border-line"><Running run={run} now={now} /></li>)}</ul>}
    </Card>
  );
}

function Running({ run, now }: { run: FlowRun; now: Micros }) {
  const started = run.started_at ?? run.created_at;
  const expected = run.expected_end_at;
  const share = expected == null ? null : Math.min(1, (now - started) / Math.max(1, expected - started));
  const late = expected != null && now > expected;
  const done = run.task_counts["COMPLETED"] ?? 0;
  const tasks = Object.values(run.task_counts).reduce((sum, value) => sum + value, 0);
  return (
    <Link to="/runs/$id" params={{ id: run.id }} className="block px-3.5 py-2 hover:bg-hover focus-visible:outline-offset-[-3px]">
      <span className="flex items-center gap-2">
        <StateMark type={run.state.type} name={run.state.name} titled />
        <span className="min-w-0 truncate font-medium">{run.name}</span><span className="truncate text-xs text-muted">{run.flow_name}</span>
        <span className="ml-auto whitespace-nowrap">{duration(now - started)}</span>
      </span>
      <span className="mt-1 flex items-center gap-2 pl-5.5 text-xs text-muted">
        {share !== null && <span aria-hidden className="h-1 flex-1 overflow-hidden rounded-full bg-sunken"><span className={`block h-full rounded-full ${late ? "bg-warn" : "bg-accent"}`} style={{ width: `${share * 100}%` }} /></span>}
        {tasks > 0 && <span>{count(done)} of {count(tasks)} task runs</span>}
        {expected != null && <span className={late ? "text-warn" : ""}>{late ? `${duration(now - expected)} over the usual` : `about ${duration(expected - now)} left`}</span>}
      </span>
    </Link>
  );
}
