import { Ban, Trash2 } from "lucide-react";
import { useState } from "react";
import { canCancel, canDelete, useBulk } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { Button } from "@/design/Button";
import { Confirm } from "@/design/Confirm";
import { toast } from "@/design/toast";
import { plural } from "@/time/format";

interface BulkBarProps {
  runs: readonly FlowRun[];
  onDone: () => void;
}

/** What can be done with the selected runs. */
export function BulkBar({ runs, onDone }: BulkBarProps) {
  const [asked, setAsked] = useState<"cancel" | "delete" | null>(null);
  const cancel = useBulk("cancel");
  const remove = useBulk("delete");
  if (runs.length === 0) return null;
  const fit = { cancel: runs.filter(canCancel), delete: runs.filter(canDelete) };
  const perform = async () => {
    if (!asked) return;
    const outcome = await (asked === "cancel" ? cancel : remove).mutateAsync(fit[asked]);
    toast(`${plural(outcome.done, "run")} ${asked === "cancel" ? "asked to stop" : "deleted"}.`);
    outcome.refused.slice(0, 3).forEach(({ run, why }) => toast(`${run.name}: ${why}`, true));
    setAsked(null);
    onDone();
  };
  const chosen = asked ? fit[asked] : [];
  return (
    <div role="toolbar" aria-label="Selected runs" className="appearing mb-3 flex items-center gap-2 rounded-lg border border-accent bg-accent-soft px-3 py-2">
      <span className="mr-auto font-medium text-accent-strong">{plural(runs.length, "run")} selected</span>
      <Button icon={<Ban size={14} />} disabled={fit.cancel.length === 0} onClick={() => setAsked("cancel")}>Cancel {fit.cancel.length || ""}</Button>
      <Button kind="danger" icon={<Trash2 size={14} />} disabled={fit.delete.length === 0} onClick={() => setAsked("delete")}>Delete {fit.delete.length || ""}</Button>
      <Button kind="quiet" onClick={onDone}>Unselect</Button>
      <Confirm
        open={asked !== null} onClose={() => setAsked(null)} onConfirm={() => void perform()} busy={cancel.isPending || remove.isPending}
        title={asked === "delete" ? `Delete ${plural(chosen.length, "run")}?` : `Cancel ${plural(chosen.length, "run")}?`}
        verb={asked === "delete" ? `Delete ${plural(chosen.length, "run")}` : `Cancel ${plural(chosen.length, "run")}`}
        items={chosen.map((run) => `${run.name} (${run.flow_name})`)}
      >
        {asked === "delete"
          ? "Their task runs, logs, artifacts, state history and subflow runs go with them. Datasets that they wrote stay as they are. This cannot be undone."
          : "Their processes are asked to stop at the next step. What they have finished stays recorded; they can be resumed later."}
      </Confirm>
    </div>
  );
}
