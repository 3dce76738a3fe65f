import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { backfillsQuery, useMoveBackfill } from "@/api/queries/backfills";
import { keyOf } from "@/api/queries/deployments";
import type { Backfill, Deployment } from "@/api/types";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { Dialog } from "@/design/Dialog";
import { Tag } from "@/design/Facts";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { colourOf, isFinal, lookOf, STACK_ORDER, wordOf } from "@/design/state";
import { toast } from "@/design/toast";
import { BackfillDialog } from "@/pages/deployment/BackfillDialog";
import { dayTime, plural } from "@/time/format";

/** Runs for periods of the past. */
export function Backfills({ deployment }: { deployment: Deployment }) {
  const key = keyOf(deployment);
  const backfills = useQuery(backfillsQuery(key));
  const [open, setOpen] = useState(false);
  const scheduled = deployment.schedules.length > 0;
  return (
    <Card title="Backfills" flush aside={<Button icon={<Plus size={14} />} disabled={!scheduled} title={scheduled ? undefined : "It needs a schedule: its periods are what is run for"} onClick={() => setOpen(true)}>New backfill</Button>}>
      {backfills.isError ? <Fault error={backfills.error} /> : backfills.isPending ? <SkeletonRows rows={2} />
        : backfills.data.length === 0 ? <Empty title="No past period was run again" className="py-7" code={scheduled ? `penstock backfill create ${key} --from 2026-01-01 --to 2026-04-01 --dry-run` : ""}>{scheduled ? "A backfill runs it for each period of its schedule between two times." : "A backfill needs a schedule: it runs for each of its periods."}</Empty>
        : <ul aria-label="Backfills">{backfills.data.map((backfill) => <BackfillItem key={backfill.id} backfill={backfill} />)}</ul>}
      {open && <BackfillDialog deployment={deployment} onClose={() => setOpen(false)} />}
    </Card>
  );
}

function BackfillItem({ backfill }: { backfill: Backfill }) {
  const { id, since, until, status, total, counts } = backfill;
  const move = useMoveBackfill();
  const [asked, setAsked] = useState(false);
  const waiting = counts["waiting"] ?? 0;
  const going = status === "running" || status === "paused";
  const begun = STACK_ORDER.flatMap((type) => (counts[type] ? [[type, counts[type]] as const] : []));
  const ended = begun.reduce((sum, [type, value]) => sum + (isFinal(type) ? value : 0), 0);
  const said = [...begun.map(([type, value]) => `${value} ${wordOf(type)}`), ...(waiting > 0 ? [`${waiting} to come`] : [])].join(", ");
  const act = (action: "pause" | "resume" | "cancel", cancelRuns = false) => move.mutate(
    { id, action, ...(action === "cancel" ? { cancel_runs: cancelRuns } : {}) },
    { onError: (error) => toast(error.message, true), onSettled: () => setAsked(false) },
  );
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line px-3.5 py-2">
      <span className="min-w-0 leading-tight">
        <span className="block font-medium">{dayTime(since)} – {dayTime(until)}</span>
        <span className="block text-xs text-muted">{backfill.slug}, {backfill.concurrency} at once{backfill.newest_first ? ", newest first" : ""}</span>
      </span>
      <Tag warn={status === "paused"}>{status}</Tag>
      <span className="ml-auto flex items-center gap-3">
        <span role="progressbar" aria-label="Progress of the backfill" aria-valuemin={0} aria-valuemax={total} aria-valuenow={ended} title={said} className="flex h-1.5 w-40 overflow-hidden rounded-full bg-sunken max-sm:hidden">
          {begun.map(([type, value]) => <span key={type} style={{ width: `${(value / Math.max(1, total)) * 100}%`, backgroundColor: colourOf(lookOf(type)) }} />)}
        </span>
        <span className="whitespace-nowrap">{ended} of {plural(total, "run")}</span>
        {going && <><Button disabled={move.isPending} onClick={() => act(status === "paused" ? "resume" : "pause")}>{status === "paused" ? "Go on" : "Pause"}</Button><Button kind="danger" disabled={move.isPending} onClick={() => setAsked(true)}>Cancel …</Button></>}
      </span>
      <Dialog open={asked} onClose={() => setAsked(false)} title="Cancel this backfill?" description={`${plural(waiting, "run")} that it has not asked for yet will not come. What is to happen to those that are under way?`}>
        <div className="flex flex-wrap justify-end gap-2"><Button onClick={() => setAsked(false)}>Leave it as it is</Button><Button kind="danger" onClick={() => act("cancel")}>Let them end</Button><Button kind="danger" onClick={() => act("cancel", true)}>Cancel them, too</Button></div>
      </Dialog>
    </li>
  );
}
