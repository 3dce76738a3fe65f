import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { FlowGrid, FlowSummary, Overview, Page, RunActivity, RunComparison, RunFilter, RunPoints } from "@/api/types";
import type { Activity } from "@/charts/ActivityBars";
import type { Point } from "@/charts/scatter";
import type { StateType } from "@/generated/states";
import { count, type Micros } from "@/time/format";

const POINTS_MAX = 1_000;
const FLOWS_SHOWN = 50;

export interface Scatter {
  points: Point[];
  /** What is not drawn, in words; empty if all runs are. */
  note: string;
}

/** How long the runs of a filter took: the points of the scatter plot. */
export const scatterQuery = (filter: RunFilter) =>
  queryOptions({
    queryKey: [...keys.charts, "scatter", filter],
    queryFn: async ({ signal }): Promise<Scatter> => {
      const found = await ask<RunPoints>("POST", "/charts/run-points", { body: { filter, limit: POINTS_MAX }, signal });
      return { points: pointsOf(found), note: noteOf(found) };
    },
    placeholderData: keepPreviousData,
  });

/** What a sample leaves out. */
export const noteOf = ({ total, every, truncated }: Pick<RunPoints, "total" | "every" | "truncated">): string =>
  every <= 1 ? "" : `${count(total)} runs: about one in ${count(every)} is drawn, and ${truncated ? "the newest of those" : "all"} that failed or crashed`;

const pointsOf = (columns: RunPoints): Point[] =>
  columns.ids.flatMap((id, place) => {
    const span = columns.durations[place];
    return span == null ? [] : [{
      id, name: columns.names[place] ?? "", flow: columns.flow_names[columns.flows[place] ?? 0] ?? "",
      type: (columns.states[place] ?? "COMPLETED") as StateType, at: columns.starts[place] ?? 0, span,
    }];
  });

/** Runs by state over time. */
export const activityQuery = (since: Micros, until: Micros, buckets: number, where?: string) =>
  queryOptions({
    queryKey: [...keys.charts, "activity", since, until, buckets, where],
    queryFn: async ({ signal }): Promise<Activity> => {
      const found = await ask<RunActivity>("GET", "/charts/run-activity", { query: { since, until, buckets, where }, signal });
      return { since: found.since, until: found.until, width: found.bucket_us, counts: found.counts };
    },
    placeholderData: keepPreviousData,
  });

/** What runs, what fails, what is stuck. */
export const overviewQuery = (windowSeconds: number) =>
  queryOptions({
    queryKey: [...keys.charts, "overview", windowSeconds],
    queryFn: ({ signal }) => ask<Overview>("GET", "/overview", { query: { window_seconds: windowSeconds }, signal }),
    placeholderData: keepPreviousData,
  });

/** All flows by name with their last runs, page by page. */
export const flowSummaryPagesQuery = (nameContains: string, since: Micros) =>
  infiniteQueryOptions({
    queryKey: [...keys.flows, "summary-pages", nameContains, since],
    queryFn: ({ signal, pageParam }) =>
      ask<Page<FlowSummary>>("GET", "/flow-summaries", { query: { name_contains: nameContains || null, since, limit: FLOWS_SHOWN, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor ?? null,
    placeholderData: keepPreviousData,
  });

/** Flows by name with their last runs. */
export const flowSummariesQuery = (nameContains: string, since: Micros) =>
  queryOptions({
    queryKey: [...keys.flows, "summaries", nameContains, since],
    queryFn: ({ signal }) =>
      ask<Page<FlowSummary>>("GET", "/flow-summaries", { query: { name_contains: nameContains || null, since, limit: FLOWS_SHOWN }, signal }),
    placeholderData: keepPreviousData,
  });

export const flowSummaryQuery = (name: string, since: Micros) =>
  queryOptions({
    queryKey: [...keys.flows, "summary", name, since],
    queryFn: ({ signal }) => ask<FlowSummary>("GET", `/flow-summaries/${encodeURIComponent(name)}`, { query: { since }, signal }),
    placeholderData: keepPreviousData,
  });

/** A flow's tasks through its last runs. */
export const flowGridQuery = (name: string) =>
  queryOptions({
    queryKey: [...keys.flows, "grid", name],
    queryFn: ({ signal }) => ask<FlowGrid>("GET", `/flow-grids/${encodeURIComponent(name)}`, { signal }),
  });

/** Two runs side by side. */
export const comparisonQuery = (left: string, right: string) =>
  queryOptions({
    queryKey: ["comparison", left, right],
    queryFn: ({ signal }) => ask<RunComparison>("GET", `/flow-runs/${left}/compare/${right}`, { signal }),
    enabled: left !== "" && right !== "",
  });
