import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { address, ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { LogLine, Page } from "@/api/types";

const PAGE_SIZE = 500;

export interface LogFilter {
  level_min?: number;
  task_run_id?: string;
  text?: string;
}

/** A run's log, its subflows' lines too, in the order in which they were recorded. */
export const logPagesQuery = (runId: string, filter: LogFilter) =>
  infiniteQueryOptions({
    queryKey: keys.runPart(runId, "logs", filter),
    queryFn: ({ signal, pageParam }) =>
      ask<Page<LogLine>>("POST", "/logs/filter", {
        body: { flow_run_id: runId, with_subflows: true, ...filter, limit: PAGE_SIZE, cursor: pageParam }, signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor ?? null,
    placeholderData: keepPreviousData,
  });

/** Where the whole log can be downloaded, as far as the filter goes. */
export const logAddress = (runId: string, filter: LogFilter, format: "text" | "jsonl"): string =>
  address(`/flow-runs/${runId}/logs/download`, { ...filter, format });

/** Whether a line that has just come belongs to a filtered list. */
export const fitsFilter = (line: LogLine, { level_min = 0, text = "", task_run_id }: LogFilter): boolean =>
  line.level >= level_min && line.message.toLowerCase().includes(text.toLowerCase()) && (task_run_id === undefined || line.task_run_id === task_run_id);

const TASK_LINES_MAX = 200;

/** What one task run said. */
export const taskLogQuery = (runId: string, taskRunId: string) =>
  queryOptions({
    queryKey: keys.runPart(runId, "task-log", taskRunId),
    queryFn: async ({ signal }) =>
      (await ask<Page<LogLine>>("POST", "/logs/filter", { body: { task_run_id: taskRunId, limit: TASK_LINES_MAX }, signal })).items,
  });
