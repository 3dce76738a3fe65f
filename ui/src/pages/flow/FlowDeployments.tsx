import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { deploymentsQuery } from "@/api/queries/deployments";
import type { Deployment } from "@/api/types";
import { Card } from "@/design/Card";
import { Copy } from "@/design/Copy";
import { Tag } from "@/design/Facts";
import { Fault, SkeletonRows } from "@/design/Placeholder";
import { StateBadge } from "@/design/StateMark";
import { TABLE } from "@/design/table";
import { nextOf } from "@/pages/deployments/DeploymentRow";
import { wordsOf } from "@/schedules/words";
import { Time } from "@/time/Time";

const commandOf = (flow: string): string => `penstock deploy file.py:${flow.replaceAll("-", "_")} --name nightly --cron "0 5 * * *"`;

/** What runs the flow by itself or on demand. */
export function FlowDeployments({ name }: { name: string }) {
  const found = useQuery(deploymentsQuery({ flow_name: name }));
  const deployments = found.data?.items ?? [];
  return (
    <Card title="Deployments" flush className="mb-3">
      {found.isError ? <Fault error={found.error} retry={() => void found.refetch()} />
        : found.isPending ? <SkeletonRows rows={2} />
        : deployments.length === 0 ? <p className="px-3.5 pt-0.5 pb-3.5 text-muted">It runs when somebody runs it. To have it run by itself: <Copy text={commandOf(name)}>{commandOf(name)}</Copy></p>
        : (
          <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Deployments of the flow">
            <table className={TABLE.table}>
              <thead><tr className={TABLE.head}><th scope="col" className="w-1/4">Deployment</th><th scope="col" className="w-1/4">Runs</th><th scope="col">Next</th><th scope="col">Last run</th><th scope="col" className="text-right">Work pool</th></tr></thead>
              <tbody>{deployments.map((deployment) => <Row key={deployment.id} deployment={deployment} />)}</tbody>
            </table>
          </div>
        )}
    </Card>
  );
}

function Row({ deployment }: { deployment: Deployment }) {
  const { flow_name, name, paused, schedules, last_run, spec } = deployment;
  const active = schedules.filter((schedule) => schedule.active);
  return (
    <tr className={TABLE.row}>
      <td className="max-w-0 truncate">
        <Link to="/deployments/$flow/$name" params={{ flow: flow_name, name }} className="font-medium hover:text-accent-strong hover:underline">{name}</Link>
        {paused && <> <Tag warn>paused</Tag></>}
      </td>
      <td className={`max-w-0 truncate ${paused ? "text-faint" : ""}`}>{active.length > 0 ? active.map(({ definition }) => wordsOf(definition)).join("; ") : <span className="text-faint">{schedules.length > 0 ? "switched off" : "on demand"}</span>}</td>
      <td><Time at={nextOf(deployment)} /></td>
      <td>{last_run ? <Link to="/runs/$id" params={{ id: last_run.id }} className="inline-flex items-center gap-2 hover:underline"><StateBadge state={last_run.state} plain /><Time at={last_run.started_at ?? last_run.created_at} className="text-muted" /></Link> : <span className="text-faint">never</span>}</td>
      <td className="text-right">{spec.work_pool ? <Link to="/work-pools/$name" params={{ name: spec.work_pool }} className="hover:text-accent-strong hover:underline">{spec.work_pool}</Link> : <span className="text-muted">served by itself</span>}</td>
    </tr>
  );
}
