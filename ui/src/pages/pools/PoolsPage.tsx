import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useRef, useState } from "react";
import { poolsQuery, workersQuery } from "@/api/queries/work";
import type { WorkPool } from "@/api/types";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { Tag } from "@/design/Facts";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { TABLE } from "@/design/table";
import { useRowKeys } from "@/keys/useRowKeys";
import { InUse } from "@/pages/pools/InUse";
import { PoolDialog } from "@/pages/pools/PoolDialog";
import { PoolPause } from "@/pages/pools/PoolPause";
import { WorkerTable } from "@/pages/pools/WorkerTable";
import { count } from "@/time/format";

const HOW = `penstock work-pool create local
penstock worker start --pool local`;

/** Who does the work: pools and their workers. */
export function PoolsPage() {
  const pools = useQuery(poolsQuery);
  const workers = useQuery(workersQuery());
  const [open, setOpen] = useState(false);
  const body = useRef<HTMLTableSectionElement>(null);
  useRowKeys(body);
  return (
    <>
      <PageHead title="Work pools" aside={<Button icon={<Plus size={14} />} onClick={() => setOpen(true)}>New pool</Button>} />
      <Card flush className="mb-3">
        {pools.isError ? <Fault error={pools.error} retry={() => void pools.refetch()} />
          : pools.isPending ? <SkeletonRows />
          : pools.data.length === 0 ? <Empty title="There is no work pool yet" code={HOW}>Runs of deployments wait in a pool until one of its workers takes them: as processes, containers, or jobs of a cluster.</Empty>
          : (
            <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Work pools">
              <table className={TABLE.table}>
                <thead><tr className={TABLE.head}><th scope="col"><span className="sr-only">On</span></th><th scope="col" className="w-1/3 min-w-48">Pool</th><th scope="col">Type</th><th scope="col">Workers</th><th scope="col" className="text-right">Waiting</th><th scope="col" className="w-1/4">Running</th><th scope="col" className="text-right">Queues</th></tr></thead>
                <tbody ref={body}>{pools.data.map((pool) => <PoolRow key={pool.name} pool={pool} />)}</tbody>
              </table>
            </div>
          )}
      </Card>
      {pools.data && (pools.data.length > 0 || (workers.data?.length ?? 0) > 0) && (
        <Card title="Workers" flush>
          {workers.isError ? <Fault error={workers.error} /> : workers.isPending ? <SkeletonRows rows={3} />
            : workers.data.length === 0 ? <Empty title="No worker was heard of in the last day" className="py-7" code={`penstock worker start --pool ${pools.data[0]?.name ?? ""}`} />
            : <WorkerTable workers={workers.data} withPool />}
        </Card>
      )}
      {open && <PoolDialog known={null} onClose={() => setOpen(false)} />}
    </>
  );
}

function PoolRow({ pool }: { pool: WorkPool }) {
  const { name, type, paused, description, workers_online, waiting, running, concurrency_limit, queues } = pool;
  return (
    <tr data-row={name} className={TABLE.row}>
      <td><PoolPause pool={pool} /></td>
      <td className="max-w-0 leading-tight">
        <span className="flex min-w-0 items-baseline gap-2"><Link to="/work-pools/$name" params={{ name }} className="truncate font-medium hover:text-accent-strong hover:underline">{name}</Link>{paused && <Tag warn>paused</Tag>}</span>
        {description && <span className="block truncate text-xs text-muted">{description}</span>}
      </td>
      <td className="text-muted">{type}</td>
      <td>{workers_online > 0 ? `${count(workers_online)} online` : <span className={waiting > 0 ? "font-medium text-warn" : "text-muted"}>{waiting > 0 ? "none, and runs wait" : "none online"}</span>}</td>
      <td className="text-right">{count(waiting)}</td>
      <td><InUse running={running} limit={concurrency_limit} /></td>
      <td className="text-right text-muted">{queues.length}</td>
    </tr>
  );
}
