import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { taskFailuresQuery } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { Empty } from "@/design/Placeholder";
import { StateMark } from "@/design/StateMark";
import { reasonOf } from "@/design/reason";
import { Span, Time } from "@/time/Time";

/** Runs with the reason of their state: what broke, and why. */
export function RunList({ runs, empty, ofOneFlow = false }: { runs: readonly FlowRun[]; empty: string; ofOneFlow?: boolean }) {
  if (runs.length === 0) return <Empty title={empty} className="py-7" />;
  return (
    <ul>
      {runs.map((run) => (
        <li key={run.id} className="border-t border-line">
          <Link to="/runs/$id" params={{ id: run.id }} className="grid grid-cols-[1rem_minmax(0,1fr)_auto_4.5rem] items-center gap-x-3 px-3.5 py-2 hover:bg-hover focus-visible:outline-offset-[-3px]">
            <StateMark type={run.state.type} name={run.state.name} titled />
            <span className="min-w-0 leading-tight">
              <span className="flex min-w-0 items-baseline gap-2"><span className="truncate font-medium">{run.name}</span>{!ofOneFlow && <span className="truncate text-xs text-muted">{run.flow_name}</span>}</span>
              {run.state.type !== "COMPLETED" && <Reason run={run} />}
            </span>
            <Span from={run.started_at} to={run.ended_at} className="text-right text-xs max-sm:hidden" />
            <Time at={run.ended_at ?? run.started_at ?? run.expected_start_at ?? run.created_at} className="text-right text-xs text-muted" />
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** Why a run is not well: what failed first, where the run itself only says that something did. */
function Reason({ run }: { run: FlowRun }) {
  const asked = run.state.type === "FAILED" && (run.state.reason === "tasks_failed" || (run.state.message ?? "").includes("UpstreamFailed"));
  const failures = useQuery({ ...taskFailuresQuery(run.id), enabled: asked });
  const [first] = failures.data ?? [];
  const said = first?.state.message ? `${first.name}: ${first.state.message}` : reasonOf(run);
  return <span className="block truncate text-muted" title={said}>{said}</span>;
}
