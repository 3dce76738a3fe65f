import { useQuery } from "@tanstack/react-query";
import { deploymentQuery } from "@/api/queries/deployments";
import { useRequeue } from "@/api/queries/waiting";
import type { FlowRun } from "@/api/types";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { Fault, SkeletonRows } from "@/design/Placeholder";
import { toast } from "@/design/toast";
import { RunDialog } from "@/pages/deployment/RunDialog";
import { pairsOf } from "@/pages/run/parameters";

interface RequeueProps {
  run: FlowRun;
  onClose: () => void;
}

/** Has a worker go on with a run of a deployment: what is complete stays, or all is done anew. */
export function RequeueDialog({ run, verb, onClose }: RequeueProps & { verb: string }) {
  const requeue = useRequeue();
  const perform = (resume: boolean) => requeue.mutate({ id: run.id, resume }, { onSuccess: () => { toast(`${run.name} waits for a worker.`); onClose(); } });
  return (
    <Dialog open onClose={onClose} title={`${verb} ${run.name}?`} description="A worker of its pool takes it up again, with the version that it was asked with. What is recorded as complete is not done again, unless you want all of it anew.">
      <p role="alert" className="mb-3 break-words text-danger empty:hidden">{requeue.error?.message}</p>
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Leave it as it is</Button>
        <Button disabled={requeue.isPending} onClick={() => perform(false)}>All of it anew</Button>
        <Button kind="primary" disabled={requeue.isPending} onClick={() => perform(true)}>{verb} this run</Button>
      </div>
    </Dialog>
  );
}

/** A new run of a run's deployment, that run's parameters to begin with. */
export function RunAgainDialog({ run, deployment, onClose }: RequeueProps & { deployment: string }) {
  const found = useQuery(deploymentQuery(deployment));
  if (found.data) return <RunDialog deployment={found.data} onClose={onClose} parameters={Object.fromEntries(pairsOf(run.parameters))} />;
  return <Dialog open onClose={onClose} title={`Run ${deployment} again`}>{found.isError ? <Fault error={found.error} /> : <SkeletonRows rows={4} />}</Dialog>;
}
