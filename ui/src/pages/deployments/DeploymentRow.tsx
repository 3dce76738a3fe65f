import { Link } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { keyOf, usePauseDeployment } from "@/api/queries/deployments";
import type { Deployment } from "@/api/types";
import { IconButton } from "@/design/Button";
import { Tag } from "@/design/Facts";
import { StateBadge } from "@/design/StateMark";
import { Switch } from "@/design/Switch";
import { TABLE } from "@/design/table";
import { toast } from "@/design/toast";
import { wordsOf } from "@/schedules/words";
import { Time } from "@/time/Time";

/** When the next of a deployment's schedules fires. */
export const nextOf = ({ schedules, paused }: Deployment): number | null => {
  const times = schedules.flatMap(({ active, next_at }) => (active && next_at != null ? [next_at] : []));
  return paused || times.length === 0 ? null : Math.min(...times);
};

/** One deployment of the list. */
export function DeploymentRow({ deployment, onRun }: { deployment: Deployment; onRun: () => void }) {
  const { flow_name, name, paused, schedules, last_run, spec } = deployment;
  const pause = usePauseDeployment();
  const key = keyOf(deployment);
  const flip = (on: boolean) => pause.mutate({ key, paused: !on }, {
    onSuccess: () => toast(on ? `${key} goes on; what it missed is skipped.` : `${key} rests: no schedule of it fires.`),
    onError: (error) => toast(error.message, true),
  });
  const active = schedules.filter((schedule) => schedule.active);
  const [first] = active;
  return (
    <tr data-row={deployment.id} className={TABLE.row}>
      <td><Switch label={`${key} is ${paused ? "paused" : "on"}`} on={!paused} disabled={pause.isPending} onChange={flip} /></td>
      <td className="max-w-0 leading-tight">
        <span className="flex min-w-0 items-baseline gap-2">
          <Link to="/deployments/$flow/$name" params={{ flow: flow_name, name }} className="truncate font-medium hover:text-accent-strong hover:underline">{name}</Link>
          {paused && <Tag warn>paused</Tag>}{spec.tags.slice(0, 2).map((tag) => <Tag key={tag}>{tag}</Tag>)}
        </span>
        <span className="block truncate text-xs text-muted">{flow_name}</span>
      </td>
      <td className={`max-w-64 truncate ${paused ? "text-faint" : ""}`} title={active.map(({ definition }) => wordsOf(definition)).join("\n")}>
        {first ? wordsOf(first.definition) : <span className="text-faint">{schedules.length > 0 ? "switched off" : "on demand"}</span>}
        {active.length > 1 && <span className="text-muted"> and {active.length - 1} more</span>}
      </td>
      <td><Time at={nextOf(deployment)} /></td>
      <td>
        {last_run ? <Link to="/runs/$id" params={{ id: last_run.id }} className="inline-flex items-center gap-2 hover:underline"><StateBadge state={last_run.state} plain /><Time at={last_run.started_at ?? last_run.created_at} className="text-muted" /></Link> : <span className="text-faint">never</span>}
      </td>
      <td>{spec.work_pool ? <Link to="/work-pools/$name" params={{ name: spec.work_pool }} className="hover:text-accent-strong hover:underline">{spec.work_pool}</Link> : <span className="text-muted">served by itself</span>}</td>
      <td className="text-right text-muted">{spec.version_name ?? deployment.version}</td>
      <td className="text-right"><IconButton label={`Run ${key}`} onClick={onRun}><Play size={14} /></IconButton></td>
    </tr>
  );
}
