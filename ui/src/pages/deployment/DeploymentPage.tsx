import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { deploymentQuery, keyOf, useDeleteDeployment } from "@/api/queries/deployments";
import { runListQuery } from "@/api/queries/runs";
import type { FlowRun, RunBar } from "@/api/types";
import { RunBars } from "@/charts/RunBars";
import { Card } from "@/design/Card";
import { Fault, Skeleton, SkeletonRows } from "@/design/Placeholder";
import { Backfills } from "@/pages/deployment/Backfills";
import { DeploymentFacts } from "@/pages/deployment/DeploymentFacts";
import { DeploymentHead } from "@/pages/deployment/DeploymentHead";
import { Setup } from "@/pages/deployment/Setup";
import { Schedules } from "@/pages/deployment/Schedules";
import { Versions } from "@/pages/deployment/Versions";
import { RunList } from "@/pages/home/RunList";

const BARS = 40;
const SHOWN = 10;

const barOf = (run: FlowRun): RunBar => ({
  id: run.id, name: run.name, state_type: run.state.type, state_name: run.state.name, started_at: run.started_at ?? run.created_at,
  duration: run.started_at == null || run.ended_at == null ? null : run.ended_at - run.started_at,
});

/** One deployment: when it runs, how its runs went, and what it runs. */
export function DeploymentPage() {
  const { flow, name } = useParams({ from: "/deployments/$flow/$name" });
  const key = keyOf({ flow_name: flow, name });
  const remove = useDeleteDeployment();
  // What is being deleted is not asked for any more.
  const leaving = remove.isPending || remove.isSuccess;
  const deployment = useQuery({ ...deploymentQuery(key), enabled: !leaving });
  const runs = useQuery(runListQuery(useMemo(() => ({ flow_names: [flow], deployments: [name] }), [flow, name]), BARS));
  if (deployment.isError) return <Fault error={deployment.error} retry={() => void deployment.refetch()} />;
  if (!deployment.data || leaving) return <SkeletonRows rows={14} />;
  const begun = (runs.data ?? []).filter((run) => run.started_at != null);
  return (
    <>
      <DeploymentHead key={`head ${key}`} deployment={deployment.data} remove={remove} />
      <DeploymentFacts deployment={deployment.data} bars={runs.data ? <RunBars runs={begun.map(barOf)} height={40} /> : <Skeleton className="h-10" />} />
      <div className="grid grid-cols-[minmax(0,2fr)_minmax(20rem,1fr)] gap-3 max-xl:grid-cols-[minmax(0,1fr)]">
        <div className="flex min-w-0 flex-col gap-3">
          <Schedules deployment={deployment.data} />
          <Card title="Last runs" flush aside={<Link to="/runs" search={{ deployment: key, all: "1" }} className="text-accent-strong hover:underline">All of them</Link>}>
            {runs.data ? <RunList runs={runs.data.slice(0, SHOWN)} empty="It has not run yet" ofOneFlow /> : runs.isError ? <Fault error={runs.error} /> : <SkeletonRows rows={5} />}
          </Card>
          <Backfills deployment={deployment.data} />
        </div>
        <div className="flex min-w-0 flex-col gap-3">
          <Setup spec={deployment.data.spec} />
          <Versions deployment={deployment.data} />
        </div>
      </div>
    </>
  );
}
