import { Pencil, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useRemoveLimit, useResetLimit } from "@/api/queries/limits";
import type { ConcurrencyLimit } from "@/api/types";
import { IconButton } from "@/design/Button";
import { Confirm } from "@/design/Confirm";
import { TABLE } from "@/design/table";
import { toast } from "@/design/toast";
import { Holders } from "@/pages/concurrency/Holders";
import { LimitDialog } from "@/pages/concurrency/LimitDialog";
import { count, plural } from "@/time/format";
import { Time } from "@/time/Time";

type Asked = "edit" | "reset" | "remove" | null;

/** One limit: its use, who holds it, what can be done with it. */
export function LimitRow({ limit }: { limit: ConcurrencyLimit }) {
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState<Asked>(null);
  const reset = useResetLimit();
  const remove = useRemoveLimit();
  const full = limit.occupied >= limit.slots;
  const perform = async () => {
    await (asked === "remove" ? remove : reset).mutateAsync(limit.name);
    toast(asked === "remove" ? `${limit.name} is no longer limited.` : `All slots of ${limit.name} are free.`);
    setAsked(null);
  };
  return (
    <>
      <tr className={TABLE.row}>
        <td><button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="font-medium hover:text-accent-strong hover:underline">{limit.name}</button></td>
        <td>
          <span className="flex items-center gap-3">
            <span aria-hidden className="h-2 flex-1 overflow-hidden rounded-full bg-sunken"><span className={`block h-full rounded-full ${full ? "bg-warn" : "bg-accent"}`} style={{ width: `${Math.min(100, (limit.occupied / Math.max(1, limit.slots)) * 100)}%` }} /></span>
            <span className={`w-28 ${full ? "font-medium text-warn" : ""}`}>{count(limit.occupied)} of {count(limit.slots)}{full && ", full"}</span>
          </span>
        </td>
        <td className={`text-right ${limit.waiting > 0 ? "font-medium text-warn" : "text-muted"}`}>{count(limit.waiting)}</td>
        <td className="text-muted">{limit.decay_per_second == null ? "at once" : `${limit.decay_per_second} a second`}</td>
        <td className="text-right text-muted"><Time at={limit.updated_at} /></td>
        <td className="text-right">
          <IconButton label={`Change ${limit.name}`} onClick={() => setAsked("edit")}><Pencil size={14} /></IconButton>
          <IconButton label={`Free all slots of ${limit.name}`} disabled={limit.occupied === 0} onClick={() => setAsked("reset")}><RotateCcw size={14} /></IconButton>
          <IconButton label={`Remove ${limit.name}`} onClick={() => setAsked("remove")}><Trash2 size={14} /></IconButton>
          <LimitDialog key={String(asked === "edit")} open={asked === "edit"} limit={limit} onClose={() => setAsked(null)} />
          <Confirm
            open={asked === "reset" || asked === "remove"} onClose={() => setAsked(null)} onConfirm={() => void perform()} busy={reset.isPending || remove.isPending}
            title={asked === "remove" ? `Remove the limit ${limit.name}?` : `Free all slots of ${limit.name}?`} verb={asked === "remove" ? "Remove this limit" : `Free ${plural(limit.occupied, "slot")}`}
          >
            {asked === "remove" ? "Nothing is held back by it any more; who holds its slots goes on." : `${plural(limit.occupied, "slot")} become free though their holders go on: more may run at once than the limit says until they end.`}
          </Confirm>
        </td>
      </tr>
      {open && <tr><td colSpan={6} className="border-b border-line bg-sunken px-3.5 py-2"><Holders name={limit.name} rate={limit.decay_per_second != null} /></td></tr>}
    </>
  );
}
