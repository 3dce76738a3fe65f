import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { upkeepQuery, versionQuery } from "@/api/queries/server";
import { poolsQuery } from "@/api/queries/work";
import type { Upkeep, WorkPool } from "@/api/types";
import { Card } from "@/design/Card";
import { Fault, Skeleton } from "@/design/Placeholder";
import { count, plural } from "@/time/format";
import { Span } from "@/time/Time";

const POOLS_SHOWN = 6;

/** Whether those are well who do the work: the server, its services, and the workers of each pool. */
export function Health() {
  const version = useQuery(versionQuery);
  const upkeep = useQuery(upkeepQuery);
  const pools = useQuery(poolsQuery);
  // What is not well comes first.
  const shown = (pools.data ?? []).toSorted((a, b) => Number(wrongWith(b) !== "") - Number(wrongWith(a) !== "")).slice(0, POOLS_SHOWN);
  return (
    <Card title="Services and workers" flush>
      {upkeep.isError ? <Fault error={upkeep.error} retry={() => void upkeep.refetch()} />
        : !upkeep.data ? <div className="p-3.5"><Skeleton className="h-12" /></div>
        : (
          <ul>
            {version.data && <Line good name={<Link to="/settings" className="font-medium hover:text-accent-strong hover:underline">Server</Link>} said={<>{version.data.penstock}, up for <Span from={version.data.started_at} to={null} /></>} />}
            <Services upkeep={upkeep.data} />
            {shown.map((pool) => <Line key={pool.name} good={wrongWith(pool) === ""} name={<Link to="/work-pools/$name" params={{ name: pool.name }} className="font-medium hover:text-accent-strong hover:underline">{pool.name}</Link>} said={wrongWith(pool) || wordsOf(pool)} />)}
            {(pools.data?.length ?? 0) > POOLS_SHOWN && <li className="border-t border-line"><Link to="/work-pools" className="block px-3.5 py-1.5 text-accent-strong hover:bg-hover">All work pools</Link></li>}
          </ul>
        )}
    </Card>
  );
}

function Services({ upkeep: { services } }: { upkeep: Upkeep }) {
  const failing = services.filter(({ error }) => error !== null);
  const name = <Link to="/settings" className="font-medium hover:text-accent-strong hover:underline">Services</Link>;
  if (services.length === 0) return <Line good name={name} said="run elsewhere, not in this server" />;
  if (failing.length === 0) return <Line good name={name} said={`all ${services.length} in order`} />;
  return failing.map((service) => <Line key={service.name} good={false} name={service.name} said={service.error ?? ""} />);
}

const wrongWith = ({ waiting, workers_online, paused }: WorkPool): string =>
  waiting === 0 || (!paused && workers_online > 0) ? "" : `${paused ? "paused" : "no worker"}, and ${waiting === 1 ? "1 run waits" : `${count(waiting)} runs wait`}`;

const wordsOf = ({ waiting, running, workers_online, paused }: WorkPool): string =>
  [paused ? "paused" : workers_online > 0 ? plural(workers_online, "worker") : "no worker, nothing waits", ...(running > 0 ? [`${count(running)} running`] : []), ...(waiting > 0 ? [`${count(waiting)} waiting`] : [])].join(", ");

function Line({ good, name, said }: { good: boolean; name: ReactNode; said: ReactNode }) {
  return (
    <li className="flex items-baseline gap-2.5 border-t border-line px-3.5 py-1.5">
      <span className={`self-center ${good ? "text-accent" : "text-warn"}`}>{good ? <CircleCheck size={14} aria-label="well" /> : <TriangleAlert size={14} aria-label="not well" />}</span>
      <span className="truncate">{name}</span>
      <span className={`ml-auto min-w-0 truncate text-right text-xs ${good ? "text-muted" : "font-medium text-warn"}`} title={typeof said === "string" ? said : undefined}>{said}</span>
    </li>
  );
}
