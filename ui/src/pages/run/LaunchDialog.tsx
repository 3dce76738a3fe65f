import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ApiError } from "@/api/http";
import { useRerun, useResume } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { Button } from "@/design/Button";
import { Copy } from "@/design/Copy";
import { Dialog } from "@/design/Dialog";
import { toast } from "@/design/toast";
import { changesOf, pairsOf, textOf } from "@/pages/run/parameters";

interface LaunchDialogProps {
  run: FlowRun;
  action: "resume" | "rerun";
  /** What the resume button was called. */
  verb: string;
  onClose: () => void;
}

/** Has the server's host go on with a run, or run its flow again; where it cannot, says which command does. */
export function LaunchDialog({ run, action, verb, onClose }: LaunchDialogProps) {
  const navigate = useNavigate();
  const resume = useResume();
  const rerun = useRerun();
  const [typed, setTyped] = useState<Readonly<Record<string, string>>>({});
  const [allowCodeChange, setAllow] = useState(false);
  const [wrong, setWrong] = useState("");
  const error = resume.error ?? rerun.error;
  const command = `penstock flow-run ${action} ${run.id}`;
  const perform = async () => {
    const changed = changesOf(run.parameters, typed);
    setWrong(typeof changed === "string" ? changed : "");
    if (typeof changed === "string") return;
    const begun = await (action === "resume" ? resume.mutateAsync({ id: run.id, allowCodeChange }) : rerun.mutateAsync({ id: run.id, parameters: changed }))
      .catch(() => null);
    if (begun === null) return;
    onClose();
    toast(action === "resume" ? `${run.name} goes on in process ${begun.pid}.` : `A new run of ${run.flow_name} begins in process ${begun.pid}.`);
    if (action === "rerun") void navigate({ to: "/runs", search: { flow: run.flow_name } });
  };
  return (
    <Dialog
      open onClose={onClose} title={action === "resume" ? `${verb} ${run.name}?` : `Run ${run.flow_name} again?`}
      description={action === "resume"
        ? "A new process on the server's host goes on with it: what is recorded as complete is not done again."
        : "A new process on the server's host runs the flow as it is now, with these parameters."}
    >
      {action === "rerun" && <ParameterFields run={run} typed={typed} onType={(name, text) => setTyped({ ...typed, [name]: text })} />}
      {action === "resume" && (
        <label className="mb-3 flex items-center gap-2">
          <input type="checkbox" checked={allowCodeChange} onChange={(event) => setAllow(event.target.checked)} className="accent-(--accent)" />
          Go on although its code changed: changed tasks, and what depends on them, run again
        </label>
      )}
      {(wrong || error) && (
        <div role="alert" className="mb-3 rounded-md bg-danger-soft px-3 py-2 text-danger">
          <p className="break-words whitespace-pre-wrap">{wrong || (error instanceof Error ? error.message : "")}</p>
          {error instanceof ApiError && error.status === 409 && <p className="mt-1.5"><Copy text={command} className="text-ink">{command}</Copy></p>}
        </div>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Leave as it is</Button>
        <Button kind="primary" disabled={resume.isPending || rerun.isPending} onClick={() => void perform()}>{resume.isPending || rerun.isPending ? "Starting …" : action === "resume" ? `${verb} this run` : "Run again"}</Button>
      </div>
    </Dialog>
  );
}

function ParameterFields({ run, typed, onType }: { run: FlowRun; typed: Readonly<Record<string, string>>; onType: (name: string, text: string) => void }) {
  const pairs = pairsOf(run.parameters);
  if (pairs.length === 0) return <p className="mb-3 text-muted">The flow takes no parameters.</p>;
  return (
    <div className="mb-3 grid grid-cols-[minmax(5rem,auto)_minmax(0,1fr)] items-center gap-x-3 gap-y-2">
      {pairs.map(([name, value]) => (
        <label key={name} className="contents">
          <span className="font-mono text-xs">{name}</span>
          <input
            value={typed[name] ?? textOf(value)} onChange={(event) => onType(name, event.target.value)} spellCheck={false}
            className="h-8 w-full rounded-md border border-line-strong bg-surface px-2 font-mono text-xs"
          />
        </label>
      ))}
      <p className="col-span-2 text-xs text-muted">Values are JSON, such as 2021, [4, 5] or true; anything else is text. What you leave as it is stays as it was.</p>
    </div>
  );
}
