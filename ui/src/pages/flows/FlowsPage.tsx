import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { flowSummaryPagesQuery } from "@/api/queries/charts";
import { RunBars } from "@/charts/RunBars";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { SearchBox } from "@/design/SearchBox";
import { TABLE } from "@/design/table";
import { TaskCounts } from "@/design/TaskCounts";
import { useRowKeys } from "@/keys/useRowKeys";
import { count, DAY, duration, nowMicros, percent, plural } from "@/time/format";
import { Time } from "@/time/Time";

const DAYS = 30;

/** All flows, how they have been doing. */
export function FlowsPage() {
  const { q = "" } = useSearch({ from: "/flows" });
  const navigate = useNavigate({ from: "/flows" });
  const [since] = useState(() => Math.floor(nowMicros() / DAY - DAYS) * DAY);
  const flows = useInfiniteQuery(flowSummaryPagesQuery(q, since));
  const found = flows.data?.pages.flatMap((page) => page.items) ?? [];
  const body = useRef<HTMLTableSectionElement>(null);
  useRowKeys(body);
  return (
    <>
      <PageHead title="Flows" aside={<><span className="text-muted">{flows.data && `${plural(found.length, "flow")}${flows.hasNextPage ? " and more" : ""}`}</span><SearchBox label="Search flows" value={q} onChange={(text) => void navigate({ search: { q: text }, replace: true })} /></>} />
      <Card flush>
        {flows.isError ? <Fault error={flows.error} retry={() => void flows.refetch()} />
          : flows.isPending ? <SkeletonRows rows={10} />
          : found.length === 0 ? <Empty title={q ? `No flow is named like “${q}”` : "No flow has run yet"} code={q ? "" : "penstock demo"} />
          : (
            <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Flows">
              <table className={TABLE.table}>
                <thead>
                  <tr className={TABLE.head}>
                    <th scope="col" className="w-2/5">Flow</th><th scope="col">Last 30 runs</th><th scope="col">Runs in {DAYS} days</th><th scope="col" className="text-right">Success</th>
                    <th scope="col" className="text-right">Usually takes</th><th scope="col" className="text-right">Runs</th><th scope="col" className="text-right">Last run</th>
                  </tr>
                </thead>
                <tbody ref={body}>
                  {found.map(({ flow, recent, counts, success_rate, duration_median }) => (
                    <tr key={flow.id} data-row={flow.id} className={TABLE.row}>
                      <td className="max-w-0 truncate"><Link to="/flows/$name" params={{ name: flow.name }} className="font-medium hover:text-accent-strong hover:underline">{flow.name}</Link></td>
                      <td><RunBars runs={recent} /></td>
                      <td><TaskCounts counts={counts} what="runs" /></td>
                      <td className="text-right">{success_rate == null ? "–" : percent(success_rate)}</td>
                      <td className="text-right">{duration_median == null ? "–" : duration(duration_median)}</td>
                      <td className="text-right">{count(flow.run_count)}</td>
                      <td className="text-right text-muted"><Time at={flow.last_run_at} /></td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {flows.hasNextPage && <p className="border-t border-line px-3.5 py-2"><Button disabled={flows.isFetchingNextPage} onClick={() => void flows.fetchNextPage()}>Show more</Button></p>}
            </div>
          )}
      </Card>
    </>
  );
}
