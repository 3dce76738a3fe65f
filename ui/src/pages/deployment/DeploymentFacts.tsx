import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Deployment } from "@/api/types";
import { Fact, Facts } from "@/design/Facts";
import { StateBadge } from "@/design/StateMark";
import { nextOf } from "@/pages/deployments/DeploymentRow";
import { Time } from "@/time/Time";

/** A deployment's figures, with its last runs as bars. */
export function DeploymentFacts({ deployment, bars }: { deployment: Deployment; bars: ReactNode }) {
  const { spec, last_run, schedules, paused } = deployment;
  const next = nextOf(deployment);
  return (
    <Facts>
      <div className="flex flex-[2] flex-col justify-center bg-surface px-4 py-2.5"><dt className="sr-only">Last runs</dt><dd>{bars}</dd></div>
      <Fact name="Next run">{next !== null ? <><Time at={next} className="font-medium" /> <Time at={next} as="day" className="text-muted" /></> : <span className="text-muted">{paused ? "none, it is paused" : schedules.length > 0 ? "none any more" : "on demand"}</span>}</Fact>
      <Fact name="Last run">{last_run ? <Link to="/runs/$id" params={{ id: last_run.id }} className="inline-flex items-center gap-2 hover:underline"><StateBadge state={last_run.state} plain /><Time at={last_run.started_at ?? last_run.created_at} className="text-muted" /></Link> : <span className="text-muted">never</span>}</Fact>
      <Fact name="Work pool">{spec.work_pool ? <><Link to="/work-pools/$name" params={{ name: spec.work_pool }} className="font-medium hover:text-accent-strong hover:underline">{spec.work_pool}</Link>{spec.work_queue && <span className="text-muted">, queue {spec.work_queue}</span>}</> : <span className="text-muted">served by its own process</span>}</Fact>
      <Fact name="Version">{deployment.version}{spec.version_name && <span className="text-muted">, {spec.version_name}</span>} <Time at={deployment.updated_at} className="text-muted" /></Fact>
    </Facts>
  );
}
