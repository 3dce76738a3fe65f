import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { runQuery } from "@/api/queries/runs";
import { gone } from "@/api/gone";
import { timelineQuery } from "@/api/queries/timeline";
import { Card } from "@/design/Card";
import { Empty, Fault, Skeleton, SkeletonRows } from "@/design/Placeholder";
import { isFinal } from "@/design/state";
import { RunFacts } from "@/pages/run/RunFacts";
import { RunHead } from "@/pages/run/RunHead";
import { RunTabs } from "@/pages/run/RunTabs";
import { TaskPanel } from "@/pages/run/TaskPanel";
import { WaitCard } from "@/pages/run/WaitCard";
import { WhyCard } from "@/pages/run/WhyCard";
import { plural } from "@/time/format";
import type { Bar } from "@/timeline/model";
import { Timeline } from "@/timeline/Timeline";

/** What happened in a run, and why. */
export function RunPage() {
  const { id } = useParams({ from: "/runs/$id" });
  const search = useSearch({ from: "/runs/$id" });
  const navigate = useNavigate({ from: "/runs/$id" });
  const run = useQuery(runQuery(id));
  const bars = useQuery({ ...timelineQuery(id), enabled: () => run.isSuccess && !gone.has(id) });
  const running = run.data !== undefined && !isFinal(run.data.state.type, run.data.state.name);
  const select = useCallback(
    (bar: Bar | null) => {
      if (bar?.kind === "flow") void navigate({ to: "/runs/$id", params: { id: bar.id }, search: {} });
      else void navigate({ search: (old) => ({ ...old, task: bar?.id ?? "" }), replace: true, resetScroll: false });
    },
    [navigate],
  );
  if (run.isError) return <Fault error={run.error} retry={() => void run.refetch()} />;
  if (!run.data) return <SkeletonRows rows={14} />;
  const origin = run.data.started_at ?? run.data.created_at;
  return (
    <>
      <RunHead run={run.data} />
      <WhyCard run={run.data} />
      <WaitCard run={run.data} />
      <RunFacts run={run.data} />
      <Card title="Timeline" flush className="mb-3" aside={<span className="mr-64 text-xs text-faint max-sm:hidden">{bars.data && plural(bars.data.bars.length, "bar")}</span>}>
        {bars.data && bars.data.bars.length > 0 ? <Timeline bars={bars.data.bars} origin={origin} running={running} selected={search.task || null} onSelect={select} />
          : bars.isError ? <Fault error={bars.error} retry={() => void bars.refetch()} />
          : bars.data ? <Empty title={running ? "No task has begun yet" : "This run called no tasks"} className="py-6">Functions decorated with @task appear here as bars.</Empty>
          : <div className="p-3.5"><Skeleton className="h-32" /></div>}
      </Card>
      <RunTabs run={run.data} running={running} tab={search.tab ?? "logs"} onTab={(tab) => void navigate({ search: (old) => ({ ...old, tab }), replace: true, resetScroll: false })} />
      <TaskPanel id={search.task || null} run={run.data} onClose={() => select(null)} />
    </>
  );
}
