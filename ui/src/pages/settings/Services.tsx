import { useQuery } from "@tanstack/react-query";
import { upkeepQuery } from "@/api/queries/server";
import { Card } from "@/design/Card";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { TABLE } from "@/design/table";
import { count, duration } from "@/time/format";
import { Time } from "@/time/Time";

const MEANINGS: Readonly<Record<string, string>> = {
  backfills: "asks for the next runs of backfills",
  "dead writers": "takes in what processes of this host left that died, and marks their runs",
  deadlines: "tells of runs that have not ended by their deadline",
  "lost claims": "lets runs wait again whose worker was lost",
  notifications: "tells whoever wants to know of runs",
  retention: "removes what ended long ago",
  scheduler: "asks for the runs of schedules",
  "silent writers": "marks runs whose process records through this server and fell silent",
};

/** What the server does by itself, and how that goes. */
export function Services() {
  const upkeep = useQuery(upkeepQuery);
  return (
    <Card title="Services" flush className="col-span-full">
      {upkeep.isError ? <Fault error={upkeep.error} retry={() => void upkeep.refetch()} />
        : !upkeep.data ? <SkeletonRows rows={4} />
        : upkeep.data.services.length === 0 ? <Empty title="This server runs no services" className="py-7" code="penstock server services start">It was started with --no-services: they run in another server, or alone.</Empty>
        : (
          <div className={TABLE.frame} tabIndex={0} role="region" aria-label="List of services">
            <table className={TABLE.table}>
              <thead><tr className={TABLE.head}><th scope="col">Service</th><th scope="col" className="w-1/2">What it does</th><th scope="col">Last time</th><th scope="col" className="text-right">Took</th><th scope="col" className="text-right">Done</th></tr></thead>
              <tbody>
                {upkeep.data.services.map(({ name, last_at, last_seconds, last_done, error }) => (
                  <tr key={name} className={TABLE.row}>
                    <td className="font-medium">{name}</td>
                    <td className={`max-w-0 truncate ${error ? "font-medium text-warn" : "text-muted"}`} title={error ?? undefined}>{error ? `failed: ${error}` : (MEANINGS[name] ?? "")}</td>
                    <td>{last_at == null ? <span className="text-faint">not yet</span> : <Time at={last_at} />}</td>
                    <td className="text-right text-muted">{last_seconds == null ? "–" : duration(last_seconds * 1e6)}</td>
                    <td className="text-right text-muted">{last_done == null ? "–" : count(last_done)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
    </Card>
  );
}
