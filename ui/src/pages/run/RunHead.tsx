import { Link, useNavigate } from "@tanstack/react-router";
import { Ban, ChevronRight, GitCompareArrows, MoreHorizontal, Play, RotateCcw, Trash2 } from "lucide-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { keyOf } from "@/api/queries/deployments";
import { canCancel, canDelete, canResume, runQuery, useBulk } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { Button, IconButton } from "@/design/Button";
import { Confirm } from "@/design/Confirm";
import { Id } from "@/design/Copy";
import { Actions } from "@/design/Menu";
import { PageHead } from "@/design/PageHead";
import { StateBadge } from "@/design/StateMark";
import { toast } from "@/design/toast";
import { LaunchDialog } from "@/pages/run/LaunchDialog";
import { plural } from "@/time/format";

const RequeueDialog = lazy(async () => ({ default: (await import("@/pages/run/RequeueDialog")).RequeueDialog }));
const RunAgainDialog = lazy(async () => ({ default: (await import("@/pages/run/RequeueDialog")).RunAgainDialog }));

/** A run's name and state, and what can be done with it. */
export function RunHead({ run }: { run: FlowRun }) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"cancel" | "delete" | null>(null);
  const [launched, setLaunched] = useState<"resume" | "rerun" | null>(null);
  // What failed is tried again; what was interrupted goes on.
  const resume = run.state.type === "FAILED" ? "Retry" : "Resume";
  const cancel = useBulk("cancel");
  const remove = useBulk("delete");
  const perform = async () => {
    const outcome = await (asked === "delete" ? remove : cancel).mutateAsync([run]);
    const [refused] = outcome.refused;
    toast(refused ? refused.why : asked === "delete" ? `${run.name} is deleted.` : `${run.name} was asked to stop.`, refused !== undefined);
    setAsked(null);
    if (asked === "delete" && !refused) void navigate({ to: "/runs" });
  };
  return (
    <PageHead
      title={run.name}
      heading={
        <span className="flex min-w-0 flex-wrap items-center gap-1.5">
          <Link to="/flows/$name" params={{ name: run.flow_name }} className="truncate font-medium text-muted hover:text-ink hover:underline">{run.flow_name}</Link>
          <ChevronRight size={15} aria-hidden className="shrink-0 text-faint" />
          {run.parent_run_id && <ParentLink id={run.parent_run_id} />}
          <span className="truncate">{run.name}</span>
          <span className="ml-2 text-sm font-normal"><StateBadge state={run.state} /></span>
          <span className="ml-1 font-normal"><Id id={run.id} /></span>
        </span>
      }
      aside={
        <>
          {canCancel(run) && <Button icon={<Ban size={14} />} onClick={() => setAsked("cancel")}>Cancel</Button>}
          {canResume(run) && <Button kind="primary" icon={<Play size={14} />} onClick={() => setLaunched("resume")}>{resume}</Button>}
          <Button icon={<GitCompareArrows size={14} />} onClick={() => void navigate({ to: "/compare", search: { a: run.id } })}>Compare</Button>
          <Actions
            trigger={<IconButton label="More actions" className="border border-line-strong"><MoreHorizontal size={15} /></IconButton>}
            actions={[
              { label: "Run again …", icon: <RotateCcw size={14} />, act: () => setLaunched("rerun") },
              { label: "Delete run", icon: <Trash2 size={14} />, act: () => setAsked("delete"), danger: true, disabled: !canDelete(run) },
            ]}
          />
        </>
      }
    >
      <Confirm
        open={asked !== null} onClose={() => setAsked(null)} onConfirm={() => void perform()} busy={cancel.isPending || remove.isPending}
        title={asked === "delete" ? `Delete ${run.name}?` : `Cancel ${run.name}?`} verb={asked === "delete" ? "Delete this run" : "Cancel this run"}
      >
        {asked === "delete"
          ? `Its ${plural(tasksOf(run), "task run")}, logs, artifacts, state history and subflow runs go with it. Datasets that it wrote stay as they are. This cannot be undone.`
          : "Its process is asked to stop at the next step. What it has finished stays recorded, and it can be resumed later."}
      </Confirm>
      {launched && run.deployment == null && <LaunchDialog run={run} action={launched} verb={resume} onClose={() => setLaunched(null)} />}
      {launched && run.deployment != null && (
        <Suspense>
          {launched === "resume" ? <RequeueDialog run={run} verb={resume} onClose={() => setLaunched(null)} /> : <RunAgainDialog run={run} deployment={keyOf({ flow_name: run.flow_name, name: run.deployment })} onClose={() => setLaunched(null)} />}
        </Suspense>
      )}
    </PageHead>
  );
}

const tasksOf = (run: FlowRun): number => Object.values(run.task_counts).reduce((sum, value) => sum + value, 0);

function ParentLink({ id }: { id: string }) {
  const parent = useQuery(runQuery(id));
  return (
    <>
      <Link to="/runs/$id" params={{ id }} title="The run that called this one" className="truncate font-medium text-muted hover:text-ink hover:underline">{parent.data?.name ?? "…"}</Link>
      <ChevronRight size={15} aria-hidden className="shrink-0 text-faint" />
    </>
  );
}
