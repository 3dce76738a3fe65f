import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { usesQuery } from "@/api/queries/catalogue";
import { Card } from "@/design/Card";
import { Empty, Skeleton } from "@/design/Placeholder";
import { datasetsOf } from "@/pages/datasets/summary";
import { count } from "@/time/format";
import { Time } from "@/time/Time";

const SHOWN = 8;

/** When each dataset was written last. */
export function Freshness() {
  const uses = useQuery(usesQuery({}, 1_000));
  const datasets = datasetsOf(uses.data ?? []).slice(0, SHOWN);
  return (
    <Card title="Datasets" flush>
      {!uses.data ? <div className="p-3.5"><Skeleton className="h-16" /></div>
        : datasets.length === 0 ? <Empty title="No dataset was written yet" className="py-7" />
        : (
          <ul>
            {datasets.map((dataset) => (
              <li key={dataset.name} className="border-t border-line">
                <Link to="/datasets" search={{ name: dataset.name }} className="flex items-baseline gap-3 px-3.5 py-1.5 hover:bg-hover focus-visible:outline-offset-[-3px]">
                  <span className="min-w-0 truncate font-medium">{dataset.name}</span>
                  {dataset.version !== null && <span className="text-xs whitespace-nowrap text-muted">v{dataset.version}{dataset.rows !== null && `, ${count(dataset.rows)} rows`}</span>}
                  <Time at={dataset.writtenAt} className="ml-auto text-xs text-muted" />
                </Link>
              </li>
            ))}
          </ul>
        )}
    </Card>
  );
}
