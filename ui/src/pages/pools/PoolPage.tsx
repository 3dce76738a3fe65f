import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { ChevronRight, MoreHorizontal, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { deploymentsQuery } from "@/api/queries/deployments";
import { poolQuery, useDeletePool, workersQuery } from "@/api/queries/work";
import type { WorkPool } from "@/api/types";
import { Button, IconButton } from "@/design/Button";
import { Card } from "@/design/Card";
import { Confirm } from "@/design/Confirm";
import { Fact, Facts, Tag } from "@/design/Facts";
import { Actions } from "@/design/Menu";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { toast } from "@/design/toast";
import { InUse } from "@/pages/pools/InUse";
import { PoolDialog } from "@/pages/pools/PoolDialog";
import { PoolPause } from "@/pages/pools/PoolPause";
import { Queues } from "@/pages/pools/Queues";
import { Template } from "@/pages/pools/Template";
import { WaitingRuns } from "@/pages/pools/WaitingRuns";
import { WorkerTable } from "@/pages/pools/WorkerTable";
import { count, plural } from "@/time/format";
import { Time } from "@/time/Time";

/** One pool: its queues, its workers, what is deployed to it. */
export function PoolPage() {
  const { name } = useParams({ from: "/work-pools/$name" });
  const remove = useDeletePool();
  // What is being deleted is not asked for any more.
  const leaving = remove.isPending || remove.isSuccess;
  const pool = useQuery({ ...poolQuery(name), enabled: !leaving });
  const workers = useQuery({ ...workersQuery(name), enabled: !leaving });
  const deployments = useQuery({ ...deploymentsQuery({ work_pool: name }), enabled: !leaving });
  if (pool.isError) return <Fault error={pool.error} retry={() => void pool.refetch()} />;
  if (!pool.data || leaving) return <SkeletonRows rows={12} />;
  const { type, waiting, running, workers_online, concurrency_limit, created_at } = pool.data;
  const used = deployments.data?.items ?? [];
  return (
    <>
      <PoolHead key={name} pool={pool.data} used={used.length} remove={remove} />
      <Facts>
        <Fact name="Type">{type}</Fact>
        <Fact name="Workers">{workers_online > 0 ? `${count(workers_online)} online` : <span className={waiting > 0 ? "font-medium text-warn" : "text-muted"}>none online</span>}</Fact>
        <Fact name="Waiting">{plural(waiting, "run")}</Fact>
        <Fact name="Running" wide><InUse running={running} limit={concurrency_limit} /></Fact>
        <Fact name="Made"><Time at={created_at} /></Fact>
      </Facts>
      <div className="grid grid-cols-[minmax(0,2fr)_minmax(20rem,1fr)] gap-3 max-xl:grid-cols-[minmax(0,1fr)]">
        <div className="flex min-w-0 flex-col gap-3">
          <Queues pool={pool.data} />
          {waiting > 0 && <WaitingRuns deployments={used} />}
          <Card title="Workers" flush>
            {workers.isError ? <Fault error={workers.error} /> : workers.isPending ? <SkeletonRows rows={3} />
              : workers.data.length === 0 ? <Empty title="No worker was heard of in the last day" className="py-7" code={`penstock worker start --pool ${name}`}>Start one on a machine that is to do the work.</Empty>
              : <WorkerTable workers={workers.data} />}
          </Card>
        </div>
        <div className="flex min-w-0 flex-col gap-3">
          <Card title="Deployments" flush aside={<span className="text-xs text-faint">{used.length > 0 && plural(used.length, "deployment")}</span>}>
            {!deployments.data ? <SkeletonRows rows={3} /> : used.length === 0 ? <Empty title="Nothing is deployed to it" className="py-7" code={`penstock deploy hello.py:hello -n daily --pool ${name}`} /> : (
              <ul>{used.map((each) => <li key={each.id} className="border-t border-line"><Link to="/deployments/$flow/$name" params={{ flow: each.flow_name, name: each.name }} className="flex items-baseline gap-2 px-3.5 py-1.5 hover:bg-hover focus-visible:outline-offset-[-3px]"><span className="truncate font-medium">{each.name}</span><span className="truncate text-xs text-muted">{each.flow_name}</span>{each.spec.work_queue && <span className="ml-auto"><Tag>{each.spec.work_queue}</Tag></span>}</Link></li>)}</ul>
            )}
          </Card>
          <Template pool={pool.data} />
        </div>
      </div>
    </>
  );
}

function PoolHead({ pool, used, remove }: { pool: WorkPool; used: number; remove: ReturnType<typeof useDeletePool> }) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"edit" | "delete" | null>(null);
  const { name, paused, description } = pool;
  const perform = () => remove.mutate({ name, force: used > 0 }, { onSuccess: () => { toast(`${name} is deleted.`); void navigate({ to: "/work-pools" }); }, onError: (error) => toast(error.message, true) });
  return (
    <PageHead
      title={name}
      heading={<span className="flex items-center gap-1.5"><Link to="/work-pools" className="font-medium text-muted hover:text-ink hover:underline">Work pools</Link><ChevronRight size={15} aria-hidden className="text-faint" />{name}<span className="ml-2 inline-flex items-center gap-2"><PoolPause pool={pool} />{paused && <Tag warn>paused</Tag>}</span></span>}
      aside={
        <>
          <Button icon={<Pencil size={14} />} onClick={() => setAsked("edit")}>Change …</Button>
          <Actions trigger={<IconButton label="More actions" className="border border-line-strong"><MoreHorizontal size={15} /></IconButton>} actions={[{ label: "Delete pool", icon: <Trash2 size={14} />, act: () => setAsked("delete"), danger: true }]} />
        </>
      }
    >
      {description && <p className="text-muted">{description}</p>}
      {asked === "edit" && <PoolDialog known={pool} onClose={() => setAsked(null)} />}
      <Confirm open={asked === "delete"} onClose={() => setAsked(null)} onConfirm={perform} busy={remove.isPending} title={`Delete the pool ${name}?`} verb="Delete this pool">
        {used > 0 ? `${plural(used, "deployment")} of it stay, and their runs wait for ever until they are deployed to another pool. ` : ""}Its queues and its job template go; runs that have begun go on.
      </Confirm>
    </PageHead>
  );
}
