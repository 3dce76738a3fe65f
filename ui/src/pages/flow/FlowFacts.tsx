import type { ReactNode } from "react";
import type { FlowSummary } from "@/api/types";
import { TaskCounts } from "@/design/TaskCounts";
import { count, duration, percent } from "@/time/format";
import { Time } from "@/time/Time";

/** A flow's figures, with its last runs as bars. */
export function FlowFacts({ summary, bars }: { summary: FlowSummary; bars: ReactNode }) {
  const { flow, counts, success_rate, duration_median } = summary;
  return (
    <dl className="mb-3 flex flex-wrap items-stretch gap-px overflow-hidden rounded-lg border border-line bg-line">
      <div className="flex flex-[2] flex-col justify-center bg-surface px-4 py-2.5"><dt className="sr-only">Last 30 runs</dt><dd>{bars}</dd></div>
      <Figure name="Success rate">{success_rate == null ? "–" : percent(success_rate)}</Figure>
      <Figure name="Usually takes">{duration_median == null ? "–" : duration(duration_median)}</Figure>
      <Figure name="Runs, ever">{count(flow.run_count)}</Figure>
      <Figure name="Last run"><Time at={flow.last_run_at} /></Figure>
      <div className="min-w-40 flex-1 bg-surface px-4 py-2.5"><dt className="text-xs text-muted">In this time</dt><dd className="pt-1.5"><TaskCounts counts={counts} what="runs" wide /></dd></div>
    </dl>
  );
}

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-28 flex-1 bg-surface px-4 py-2.5">
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="text-xl leading-8 font-semibold tracking-tight whitespace-nowrap">{children}</dd>
    </div>
  );
}
