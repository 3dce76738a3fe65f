import { Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useDeleteQueue, useSaveQueue } from "@/api/queries/work";
import type { WorkPool, WorkQueue } from "@/api/types";
import { Button, IconButton } from "@/design/Button";
import { Card } from "@/design/Card";
import { Confirm } from "@/design/Confirm";
import { Tag } from "@/design/Facts";
import { Switch } from "@/design/Switch";
import { TABLE } from "@/design/table";
import { toast } from "@/design/toast";
import { InUse } from "@/pages/pools/InUse";
import { QueueDialog } from "@/pages/pools/QueueDialog";
import { count, plural } from "@/time/format";

const DEFAULT = "default";

/** A pool's queues: who is served first, how many at once, what waits. */
export function Queues({ pool }: { pool: WorkPool }) {
  const [asked, setAsked] = useState<{ what: "edit" | "remove"; queue: WorkQueue } | "new" | null>(null);
  const save = useSaveQueue();
  const remove = useDeleteQueue();
  const flip = (queue: WorkQueue, on: boolean) => save.mutate({ pool: pool.name, name: queue.name, paused: !on }, { onError: (error) => toast(error.message, true) });
  const removed = asked !== "new" && asked?.what === "remove" ? asked.queue : null;
  const perform = () => removed && remove.mutate({ pool: pool.name, name: removed.name }, { onSuccess: () => toast(`The queue ${removed.name} is gone.`), onError: (error) => toast(error.message, true), onSettled: () => setAsked(null) });
  const queues = pool.queues.toSorted((a, b) => a.priority - b.priority || a.name.localeCompare(b.name));
  return (
    <Card title="Queues" flush aside={<Button icon={<Plus size={14} />} onClick={() => setAsked("new")}>New queue</Button>}>
      <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Table of queues">
        <table className={TABLE.table}>
          <thead><tr className={TABLE.head}><th scope="col"><span className="sr-only">On</span></th><th scope="col" className="w-1/3">Queue</th><th scope="col" className="text-right">Priority</th><th scope="col" className="text-right">Waiting</th><th scope="col" className="text-right">Late</th><th scope="col" className="w-1/4">Running</th><th scope="col"><span className="sr-only">Actions</span></th></tr></thead>
          <tbody>
            {queues.map((queue) => (
              <tr key={queue.name} className={TABLE.row}>
                <td><Switch label={`${queue.name} is ${queue.paused ? "paused" : "on"}`} on={!queue.paused} disabled={save.isPending} onChange={(on) => flip(queue, on)} /></td>
                <td className="font-medium">{queue.name} {queue.paused && <Tag warn>paused</Tag>}</td>
                <td className="text-right">{queue.priority}</td><td className="text-right">{count(queue.waiting)}</td>
                <td className={`text-right ${queue.late > 0 ? "font-medium text-warn" : "text-muted"}`}>{count(queue.late)}</td>
                <td><InUse running={queue.running} limit={queue.concurrency_limit} /></td>
                <td className="text-right"><IconButton label={`Change the queue ${queue.name}`} onClick={() => setAsked({ what: "edit", queue })}><Pencil size={14} /></IconButton><IconButton label={`Remove the queue ${queue.name}`} disabled={queue.name === DEFAULT} onClick={() => setAsked({ what: "remove", queue })}><Trash2 size={14} /></IconButton></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {(asked === "new" || asked?.what === "edit") && <QueueDialog pool={pool.name} known={asked === "new" ? null : asked.queue} onClose={() => setAsked(null)} />}
      <Confirm open={removed !== null} onClose={() => setAsked(null)} onConfirm={perform} busy={remove.isPending} title={`Remove the queue ${removed?.name ?? ""}?`} verb="Remove this queue">
        {removed && removed.waiting > 0 ? `${plural(removed.waiting, "run")} that wait in it go to the queue default.` : "Nothing waits in it."} Deployments that name it make it again at their next deploy.
      </Confirm>
    </Card>
  );
}
