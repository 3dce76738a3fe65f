import { Link, useNavigate } from "@tanstack/react-router";
import { CalendarDays, ChevronRight, MoreHorizontal, Pause, Play, Trash2 } from "lucide-react";
import { useState } from "react";
import { keyOf, usePauseDeployment, type useDeleteDeployment } from "@/api/queries/deployments";
import type { Deployment } from "@/api/types";
import { Button, IconButton } from "@/design/Button";
import { Confirm } from "@/design/Confirm";
import { Tag } from "@/design/Facts";
import { Actions } from "@/design/Menu";
import { PageHead } from "@/design/PageHead";
import { toast } from "@/design/toast";
import { RunDialog } from "@/pages/deployment/RunDialog";
import { plural } from "@/time/format";

/** A deployment's name, and what can be done with it. */
export function DeploymentHead({ deployment, remove }: { deployment: Deployment; remove: ReturnType<typeof useDeleteDeployment> }) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"run" | "delete" | null>(null);
  const pause = usePauseDeployment();
  const { flow_name, name, paused } = deployment;
  const key = keyOf(deployment);
  const flip = () => pause.mutate({ key, paused: !paused }, {
    onSuccess: () => toast(paused ? `${key} goes on; what it missed is skipped.` : `${key} rests: no schedule of it fires.`),
    onError: (error) => toast(error.message, true),
  });
  const perform = () => remove.mutate(key, {
    onSuccess: () => {
      toast(`${key} is deleted.`);
      void navigate({ to: "/deployments" });
    },
    onError: (error) => toast(error.message, true),
  });
  return (
    <PageHead
      title={key}
      heading={
        <span className="flex min-w-0 flex-wrap items-center gap-1.5">
          <Link to="/deployments" className="font-medium text-muted hover:text-ink hover:underline">Deployments</Link>
          <ChevronRight size={15} aria-hidden className="shrink-0 text-faint" />
          <Link to="/flows/$name" params={{ name: flow_name }} className="truncate font-medium text-muted hover:text-ink hover:underline">{flow_name}</Link>
          <ChevronRight size={15} aria-hidden className="shrink-0 text-faint" />
          <span className="truncate">{name}</span>
          {paused && <span className="ml-1.5"><Tag warn>paused</Tag></span>}
        </span>
      }
      aside={
        <>
          <Button kind="primary" icon={<Play size={14} />} onClick={() => setAsked("run")}>Run …</Button>
          <Button icon={paused ? <Play size={14} /> : <Pause size={14} />} disabled={pause.isPending} onClick={flip}>{paused ? "Let it go on" : "Pause"}</Button>
          <Link to="/calendar" search={{ deployment: key }} className="inline-flex"><IconButton label="Show it in the calendar" tabIndex={-1} className="border border-line-strong"><CalendarDays size={15} /></IconButton></Link>
          <Actions
            trigger={<IconButton label="More actions" className="border border-line-strong"><MoreHorizontal size={15} /></IconButton>}
            actions={[{ label: "Delete deployment", icon: <Trash2 size={14} />, act: () => setAsked("delete"), danger: true }]}
          />
        </>
      }
    >
      {deployment.spec.description && <p className="max-w-prose text-muted">{deployment.spec.description}</p>}
      {asked === "run" && <RunDialog deployment={deployment} onClose={() => setAsked(null)} />}
      <Confirm open={asked === "delete"} onClose={() => setAsked(null)} onConfirm={perform} busy={remove.isPending} title={`Delete ${key}?`} verb="Delete this deployment">
        {plural(deployment.schedules.length, "schedule")} and all versions go with it, and its runs that wait are cancelled. Runs that have begun stay as they are. This cannot be undone; deploying again makes a new one.
      </Confirm>
    </PageHead>
  );
}
