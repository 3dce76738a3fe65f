import { useState, type SubmitEvent } from "react";
import { useSaveQueue } from "@/api/queries/work";
import type { WorkQueue } from "@/api/types";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { FormField } from "@/design/FormField";

/** Makes or changes a queue of a pool. */
export function QueueDialog({ pool, known, onClose }: { pool: string; known: WorkQueue | null; onClose: () => void }) {
  const [name, setName] = useState(known?.name ?? "");
  const [priority, setPriority] = useState(String(known?.priority ?? 1));
  const [limit, setLimit] = useState(known?.concurrency_limit == null ? "" : String(known.concurrency_limit));
  const save = useSaveQueue();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    save.mutate({ pool, name: name.trim(), priority: Number(priority), concurrency_limit: Number(limit) || 0 }, { onSuccess: onClose });
  };
  return (
    <Dialog open onClose={onClose} title={known ? `Change the queue ${known.name}` : `New queue of ${pool}`}>
      <form onSubmit={submit} className="flex flex-col gap-3.5">
        {!known && <FormField name="Name" input={(field) => <input {...field} required autoFocus value={name} onChange={(event) => setName(event.target.value)} />} />}
        <FormField name="Priority" hint="1 is served first." input={(field) => <input {...field} type="number" required min={1} value={priority} onChange={(event) => setPriority(event.target.value)} />} />
        <FormField name="Runs at once" hint="Empty for as many as the pool allows." input={(field) => <input {...field} type="number" min={1} value={limit} onChange={(event) => setLimit(event.target.value)} />} />
        <p role="alert" className="break-words text-danger empty:hidden">{save.error?.message}</p>
        <div className="flex justify-end gap-2"><Button onClick={onClose}>Leave it</Button><Button type="submit" kind="primary" disabled={save.isPending}>{known ? "Change it" : "Make it"}</Button></div>
      </form>
    </Dialog>
  );
}
