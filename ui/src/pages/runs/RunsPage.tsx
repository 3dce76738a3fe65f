import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { scatterQuery } from "@/api/queries/charts";
import { runPagesQuery } from "@/api/queries/runs";
import { RunScatter } from "@/charts/RunScatter";
import { Card } from "@/design/Card";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, Skeleton, SkeletonRows } from "@/design/Placeholder";
import { BulkBar } from "@/pages/runs/BulkBar";
import { FilterBar } from "@/pages/runs/FilterBar";
import { filterOf, windowOf, type RunSearch } from "@/pages/runs/filter";
import { RunTable } from "@/pages/runs/RunTable";
import { MINUTE, nowMicros, plural } from "@/time/format";

const FIRST_RUN = `# hello.py
from penstock import flow

@flow
def hello():
    print("it runs")

hello()

$ python hello.py`;

/** Find any run. */
export function RunsPage() {
  const search: RunSearch = useSearch({ from: "/runs" });
  const navigate = useNavigate({ from: "/runs" });
  // By the minute: what is asked for stays the same while the page renders.
  const [minute] = useState(() => Math.ceil(nowMicros() / MINUTE) * MINUTE);
  const filter = useMemo(() => filterOf(search, minute), [search, minute]);
  const shown = useMemo(() => windowOf(search, minute), [search, minute]);
  const pages = useInfiniteQuery(runPagesQuery(filter));
  const scatter = useQuery(scatterQuery({ ...filter, since: shown.since, ...(search.until ? { until: shown.until } : {}) }));
  const runs = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data]);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const change = (next: RunSearch) => void navigate({ search: (old) => ({ ...old, ...next }), replace: true });
  const filtered = Object.keys(search).length > 0;
  const more = pages.hasNextPage ? "+" : "";
  return (
    <>
      <PageHead title="Runs" aside={<span className="text-muted">{pages.data && `${plural(runs.length, "run")}${more}`}</span>} />
      <FilterBar search={search} onChange={change} onClear={() => void navigate({ search: {} })} />
      <Card title="Duration" aside={<span className="text-xs text-faint">{scatter.data?.note ? `${scatter.data.note} · ` : ""}Drag to filter by time</span>} className="my-3" flush>
        <div className="px-3 pb-2">
          {scatter.data ? (
            <RunScatter
              points={scatter.data.points} since={shown.since} until={shown.until}
              onChoose={(since, until) => change({ since: String(since), until: String(until) })}
              onOpen={(id) => void navigate({ to: "/runs/$id", params: { id } })}
            />
          ) : scatter.isError ? <Fault error={scatter.error} /> : <Skeleton className="h-42" />}
        </div>
      </Card>
      <BulkBar runs={runs.filter((run) => selected.has(run.id))} onDone={() => setSelected(new Set())} />
      <Card flush>
        {pages.isError ? <Fault error={pages.error} retry={() => void pages.refetch()} />
          : pages.isPending ? <SkeletonRows rows={12} />
          : runs.length > 0 ? <RunTable runs={runs} selected={selected} onSelect={setSelected} hasMore={pages.hasNextPage} onMore={() => void pages.fetchNextPage()} oldestFirst={search.sort === "oldest"} onSort={() => change({ sort: search.sort === "oldest" ? "" : "oldest" })} />
          : filtered ? <Empty title="No run fits these filters">Widen the time, or take a filter away.</Empty>
          : <Empty title="No flow has run yet" code={FIRST_RUN}>Runs of any program that uses this database appear here by themselves.</Empty>}
      </Card>
    </>
  );
}
