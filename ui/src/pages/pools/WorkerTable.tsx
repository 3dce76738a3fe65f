import { Link } from "@tanstack/react-router";
import type { Worker } from "@/api/types";
import { TABLE } from "@/design/table";
import { InUse } from "@/pages/pools/InUse";
import { Time } from "@/time/Time";

/** Workers: whether they are heard of, and how much they do. */
export function WorkerTable({ workers, withPool = false }: { workers: readonly Worker[]; withPool?: boolean }) {
  return (
    <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Table of workers">
      <table className={TABLE.table}>
        <thead><tr className={TABLE.head}><th scope="col" className="w-1/3 min-w-40">Worker</th>{withPool && <th scope="col">Pool</th>}<th scope="col">Heard of</th><th scope="col">{withPool ? "Queues, or what it serves" : "Queues"}</th><th scope="col" className="w-1/5">Running</th><th scope="col">Version</th><th scope="col" className="text-right">Started</th></tr></thead>
        <tbody>
          {workers.map((worker) => (
            <tr key={`${worker.work_pool}/${worker.name}`} className={TABLE.row}>
              <td className="max-w-0 leading-tight"><span className="block truncate font-medium">{worker.name}</span><span className="block truncate text-xs text-muted">process {worker.pid} on {worker.host}</span></td>
              {withPool && <td>{worker.work_pool ? <Link to="/work-pools/$name" params={{ name: worker.work_pool }} className="hover:text-accent-strong hover:underline">{worker.work_pool}</Link> : <span className="text-muted">serves its own</span>}</td>}
              <td>
                <span className="inline-flex items-center gap-2">
                  <span aria-hidden className={`size-2 rounded-full ${worker.online ? "bg-accent" : "border-2 border-line-strong"}`} />
                  <span className={worker.online ? "" : "text-muted"}>{worker.online ? "online" : worker.left_at ? "stopped" : "gone"}</span> <Time at={worker.seen_at} className="text-muted" />
                </span>
              </td>
              <td className="text-muted">{worker.queues.length === 0 ? "all" : worker.queues.join(", ")}</td>
              <td><InUse running={worker.running} limit={worker.limit} /></td>
              <td className="text-muted">{worker.version}</td>
              <td className="text-right text-muted"><Time at={worker.started_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
