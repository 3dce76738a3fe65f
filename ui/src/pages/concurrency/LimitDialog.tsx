import { useId, useState, type ReactNode, type SubmitEvent } from "react";
import { useSetLimit } from "@/api/queries/limits";
import type { ConcurrencyLimit } from "@/api/types";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";

interface LimitDialogProps {
  open: boolean;
  onClose: () => void;
  limit?: ConcurrencyLimit;
}

const FIELD = "h-9 rounded-md border border-line-strong bg-canvas px-3";

/** Makes or changes a limit. */
export function LimitDialog({ open, onClose, limit }: LimitDialogProps) {
  const [name, setName] = useState(limit?.name ?? "");
  const [slots, setSlots] = useState(limit?.slots ?? 1);
  const [decay, setDecay] = useState(limit?.decay_per_second == null ? "" : String(limit.decay_per_second));
  const set = useSetLimit();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    set.mutate({ name, slots, decay_per_second: decay === "" ? null : Number(decay) }, { onSuccess: onClose });
  };
  return (
    <Dialog open={open} onClose={onClose} title={limit ? `Change ${limit.name}` : "New limit"}>
      <form onSubmit={submit} className="flex flex-col gap-3.5">
        {!limit && <Field name="Name" hint="Any name for code that asks; tag:x, task:x or flow:x holds for all that has it." input={(field) => <input {...field} required autoFocus value={name} onChange={(event) => setName(event.target.value)} />} />}
        <Field name="Slots" hint="So many at once; 0 lets nobody pass." input={(field) => <input {...field} type="number" required min={0} max={1_000_000} value={slots} onChange={(event) => setSlots(Number(event.target.value))} />} />
        <Field name="Free again each second" hint="Only for rates: leave it empty where slots are given back." input={(field) => <input {...field} type="number" min={0} step="any" value={decay} onChange={(event) => setDecay(event.target.value)} />} />
        <p role="alert" className="text-danger empty:hidden">{set.error?.message}</p>
        <div className="flex justify-end gap-2"><Button onClick={onClose}>Leave as it is</Button><Button type="submit" kind="primary" disabled={set.isPending}>{limit ? "Change it" : "Make it"}</Button></div>
      </form>
    </Dialog>
  );
}

interface FieldProps {
  name: string;
  hint: string;
  input: (props: { id: string; "aria-describedby": string; className: string }) => ReactNode;
}

function Field({ name, hint, input }: FieldProps) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">{name}</label>
      {input({ id, "aria-describedby": `${id}-hint`, className: FIELD })}
      <span id={`${id}-hint`} className="text-xs text-muted">{hint}</span>
    </div>
  );
}
