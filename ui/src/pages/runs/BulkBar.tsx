import { Ban, Play, Trash2 } from "lucide-react";
import { useState } from "react";
import { type BulkAction, canCancel, canDelete, canResume, useBulk } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { Button } from "@/design/Button";
import { Confirm } from "@/design/Confirm";
import { toast } from "@/design/toast";
import { plural } from "@/time/format";

/** So many processes are started on the server's host at a time, at most. */
const LAUNCHES_MAX = 20;

const SAID: Readonly<Record<BulkAction, string>> = { cancel: "asked to stop", delete: "deleted", resume: "going on" };

interface BulkBarProps {
  runs: readonly FlowRun[];
  onDone: () => void;
}

/** What can be done with the selected runs. */
export function BulkBar({ runs, onDone }: BulkBarProps) {
  const [asked, setAsked] = useState<BulkAction | null>(null);
  const bulk = { cancel: useBulk("cancel"), delete: useBulk("delete"), resume: useBulk("resume") };
  if (runs.length === 0) return null;
  const stopped = runs.filter(canResume);
  const here = new Set(stopped.filter((run) => run.deployment == null).slice(0, LAUNCHES_MAX));
  const fit = { cancel: runs.filter(canCancel), delete: runs.filter(canDelete), resume: stopped.filter((run) => run.deployment != null || here.has(run)) };
  // What failed is tried again; what was interrupted goes on.
  const failed = fit.resume.filter((run) => run.state.type === "FAILED").length;
  const verbs: Readonly<Record<BulkAction, string>> = { cancel: "Cancel", delete: "Delete", resume: failed === fit.resume.length ? "Retry" : failed === 0 ? "Resume" : "Retry or resume" };
  const why: Readonly<Record<BulkAction, string>> = {
    cancel: "Their processes are asked to stop at the next step. What they have finished stays recorded; they can be resumed later.",
    delete: "Their task runs, logs, artifacts, state history and subflow runs go with them. Datasets that they wrote stay as they are. This cannot be undone.",
    resume: `They go on where they stopped: what is recorded as complete is not done again. Those of deployments wait for a worker; each of the others starts a process on the server's host${stopped.length > fit.resume.length ? `, at most ${LAUNCHES_MAX} at a time: ${stopped.length - fit.resume.length} are left for the next turn` : ""}.`,
  };
  const perform = async () => {
    if (!asked) return;
    const outcome = await bulk[asked].mutateAsync(fit[asked]);
    if (outcome.done > 0) toast(`${plural(outcome.done, "run")} ${SAID[asked]}.`);
    outcome.refused.slice(0, 3).forEach(({ run, why }) => toast(`${run.name}: ${why}`, true));
    setAsked(null);
    onDone();
  };
  const chosen = asked ? fit[asked] : [];
  return (
    <div role="toolbar" aria-label="Selected runs" className="appearing mb-3 flex items-center gap-2 rounded-lg border border-accent bg-accent-soft px-3 py-2">
      <span className="mr-auto font-medium text-accent-strong">{plural(runs.length, "run")} selected</span>
      <Button icon={<Play size={14} />} disabled={fit.resume.length === 0} onClick={() => setAsked("resume")}>{fit.resume.length === 0 ? "Retry" : `${verbs.resume} ${fit.resume.length}`}</Button>
      <Button icon={<Ban size={14} />} disabled={fit.cancel.length === 0} onClick={() => setAsked("cancel")}>Cancel {fit.cancel.length || ""}</Button>
      <Button kind="danger" icon={<Trash2 size={14} />} disabled={fit.delete.length === 0} onClick={() => setAsked("delete")}>Delete {fit.delete.length || ""}</Button>
      <Button kind="quiet" onClick={onDone}>Unselect</Button>
      <Confirm
        open={asked !== null} onClose={() => setAsked(null)} onConfirm={() => void perform()} busy={Object.values(bulk).some(({ isPending }) => isPending)} kind={asked === "resume" ? "primary" : "danger"}
        title={asked ? `${verbs[asked]} ${plural(chosen.length, "run")}?` : ""} verb={asked ? `${verbs[asked]} ${plural(chosen.length, "run")}` : ""}
        items={chosen.map((run) => `${run.name} (${run.flow_name})`)}
      >
        {asked && why[asked]}
      </Confirm>
    </div>
  );
}
