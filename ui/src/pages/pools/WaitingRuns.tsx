import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { runListQuery } from "@/api/queries/runs";
import { whyQuery } from "@/api/queries/waiting";
import type { Deployment, FlowRun } from "@/api/types";
import { Card } from "@/design/Card";
import { StateMark } from "@/design/StateMark";
import { Said } from "@/pages/run/Said";
import { Time } from "@/time/Time";

const READ = 20;
// Each is asked about by itself.
const SHOWN = 5;

/** The runs that wait for a pool's workers, and why the first of them do. */
export function WaitingRuns({ deployments }: { deployments: readonly Deployment[] }) {
  const filter = useMemo(() => ({
    state_types: ["SCHEDULED" as const, "PENDING" as const], flow_names: [...new Set(deployments.map(({ flow_name }) => flow_name))], deployments: [...new Set(deployments.map(({ name }) => name))],
  }), [deployments]);
  const runs = useQuery({ ...runListQuery(filter, READ), enabled: deployments.length > 0 });
  const mine = new Set(deployments.map(({ flow_name, name }) => `${flow_name}/${name}`));
  const waiting = (runs.data ?? []).filter((run) => mine.has(`${run.flow_name}/${run.deployment ?? ""}`)).toSorted((a, b) => (a.expected_start_at ?? 0) - (b.expected_start_at ?? 0));
  if (waiting.length === 0) return null;
  return <Card title="What waits" flush><ul>{waiting.slice(0, SHOWN).map((run) => <Waiting key={run.id} run={run} />)}</ul></Card>;
}

function Waiting({ run }: { run: FlowRun }) {
  const why = useQuery(whyQuery(run.id));
  const [first] = why.data ?? [];
  return (
    <li className="border-t border-line px-3.5 py-2">
      <span className="flex items-center gap-2">
        <StateMark type={run.state.type} name={run.state.name} titled />
        <Link to="/runs/$id" params={{ id: run.id }} className="truncate font-medium hover:text-accent-strong hover:underline">{run.name}</Link>
        <span className="truncate text-xs text-muted">{run.flow_name} · {run.deployment}</span>
        <Time at={run.expected_start_at ?? run.created_at} className="ml-auto text-xs text-muted" />
      </span>
      {first && <p className="pl-5.5 text-muted"><Said text={first.message} /></p>}
    </li>
  );
}
