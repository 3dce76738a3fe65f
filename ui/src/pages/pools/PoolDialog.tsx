import { useNavigate } from "@tanstack/react-router";
import { useState, type SubmitEvent } from "react";
import { useSavePool } from "@/api/queries/work";
import type { WorkPool } from "@/api/types";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { FormField } from "@/design/FormField";
import { toast } from "@/design/toast";

const TYPES = [["process", "Processes on the worker's machine"], ["docker", "Docker containers"], ["kubernetes", "Kubernetes jobs"]] as const;

/** Makes or changes a pool. */
export function PoolDialog({ known, onClose }: { known: WorkPool | null; onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState(known?.name ?? "");
  const [type, setType] = useState(known?.type ?? "process");
  const [description, setDescription] = useState(known?.description ?? "");
  const [limit, setLimit] = useState(known?.concurrency_limit == null ? "" : String(known.concurrency_limit));
  const save = useSavePool();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    save.mutate(
      { name: name.trim(), description, concurrency_limit: Number(limit) || 0, overwrite: known !== null, ...(known ? {} : { type }) },
      { onSuccess: (pool) => { toast(`${pool.name} is ${known ? "changed" : "made"}.`); onClose(); if (!known) void navigate({ to: "/work-pools/$name", params: { name: pool.name } }); } },
    );
  };
  return (
    <Dialog open onClose={onClose} title={known ? `Change ${known.name}` : "New work pool"}>
      <form onSubmit={submit} className="flex flex-col gap-3.5">
        {!known && <FormField name="Name" input={(field) => <input {...field} required autoFocus value={name} onChange={(event) => setName(event.target.value)} />} />}
        {!known && <FormField name="Type" hint="What its runs become. It cannot be changed later." input={(field) => <select {...field} value={type} onChange={(event) => setType(event.target.value)}>{TYPES.map(([value, word]) => <option key={value} value={value}>{word}</option>)}</select>} />}
        <FormField name="Description" input={(field) => <input {...field} value={description} onChange={(event) => setDescription(event.target.value)} />} />
        <FormField name="Runs at once" hint="Over all its queues and workers; empty for as many as workers take." input={(field) => <input {...field} type="number" min={1} value={limit} onChange={(event) => setLimit(event.target.value)} />} />
        <p role="alert" className="break-words text-danger empty:hidden">{save.error?.message}</p>
        <div className="flex justify-end gap-2"><Button onClick={onClose}>Leave it</Button><Button type="submit" kind="primary" disabled={save.isPending}>{known ? "Change it" : "Make it"}</Button></div>
      </form>
    </Dialog>
  );
}
