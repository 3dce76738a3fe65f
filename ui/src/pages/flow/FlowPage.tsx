import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { activityQuery, flowSummaryQuery, scatterQuery } from "@/api/queries/charts";
import { runListQuery } from "@/api/queries/runs";
import { ActivityBars } from "@/charts/ActivityBars";
import { RunBars } from "@/charts/RunBars";
import { Card } from "@/design/Card";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, Skeleton, SkeletonRows } from "@/design/Placeholder";
import { Segments } from "@/design/Segments";
import { FlowDeployments } from "@/pages/flow/FlowDeployments";
import { FlowFacts } from "@/pages/flow/FlowFacts";
import { TaskGrid } from "@/pages/flow/TaskGrid";
import { RunList } from "@/pages/home/RunList";
import { RANGES } from "@/pages/runs/filter";
import { DAY } from "@/time/format";
import { useMinute } from "@/time/useMinute";

const Trend = lazy(async () => ({ default: (await import("@/charts/Trend")).Trend }));
const BARS = 40;
const RUNS_SHOWN = 12;

/** How a flow is doing lately. */
export function FlowPage() {
  const { name } = useParams({ from: "/flows/$name" });
  const { range = "7d" } = useSearch({ from: "/flows/$name" });
  const navigate = useNavigate({ from: "/flows/$name" });
  const until = useMinute();
  const since = until - (RANGES[range]?.span ?? 7 * DAY);
  const summary = useQuery(flowSummaryQuery(name, since));
  const activity = useQuery(activityQuery(since, until, BARS, `flow:${JSON.stringify(name)}`));
  const points = useQuery(scatterQuery({ flow_names: [name], since }));
  const runs = useQuery(runListQuery({ flow_names: [name] }, RUNS_SHOWN));
  if (summary.isError) return <Fault error={summary.error} retry={() => void summary.refetch()} />;
  const completed = points.data?.points.some(({ type }) => type === "COMPLETED");
  return (
    <>
      <PageHead
        title={name} heading={<><Link to="/flows" className="font-medium text-muted hover:text-ink hover:underline">Flows</Link> <span className="text-faint">/</span> {name}</>}
        aside={<Segments label="Time" choices={Object.keys(RANGES).map((value) => [value, RANGES[value]?.word ?? value] as const)} chosen={range} onChange={(value) => void navigate({ search: { range: value } })} />}
      />
      {summary.data ? <FlowFacts summary={summary.data} bars={<RunBars runs={summary.data.recent} height={40} />} /> : <Skeleton className="mb-3 h-21" />}
      <div className="mb-3 grid grid-cols-2 gap-3 max-lg:grid-cols-1">
        <Card title="Run activity" flush>
          <div className="px-3 pb-2">
            {activity.data ? <ActivityBars activity={activity.data} onChoose={(from, to) => void navigate({ to: "/runs", search: { flow: name, since: String(from), until: String(to), all: "1" } })} /> : <Skeleton className="h-44" />}
          </div>
        </Card>
        <Card title="How long it takes" aside={<span className="text-xs text-faint">completed runs, line: median of the last 7</span>} flush>
          <div className="px-2 pb-1">
            {completed && points.data ? <Suspense fallback={<Skeleton className="h-44" />}><Trend points={points.data.points} /></Suspense> : points.data ? <Empty title="No run completed in this time" /> : <Skeleton className="h-44" />}
          </div>
        </Card>
      </div>
      <FlowDeployments name={name} />
      <Card title="Tasks through the last runs" flush className="mb-3"><TaskGrid name={name} /></Card>
      <Card title="Last runs" flush aside={<Link to="/runs" search={{ flow: name, all: "1" }} className="text-accent-strong hover:underline">All of them</Link>}>
        {runs.data ? <RunList runs={runs.data} empty="It has not run yet" ofOneFlow /> : <SkeletonRows rows={5} />}
      </Card>
    </>
  );
}
