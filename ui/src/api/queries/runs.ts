import { infiniteQueryOptions, keepPreviousData, type QueryClient, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { gone } from "@/api/gone";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import { newerPages, newerRun, newerRuns } from "@/api/newer";
import type { FlowRun, Launched, MoveOutcome, Page, RunFilter, StateEntry, TaskRun } from "@/api/types";
import { isFinal } from "@/design/state";

const PAGE_SIZE = 100;

const listRuns = (filter: RunFilter, limit: number, cursor: string | null, signal: AbortSignal) =>
  ask<Page<FlowRun>>("POST", "/flow-runs/filter", { body: { filter, limit, cursor }, signal });

/** The newest runs that fit, one page of them. */
export const runListQuery = (filter: RunFilter, limit: number) =>
  queryOptions({
    queryKey: keys.runList(filter, limit),
    queryFn: async ({ signal }) => (await listRuns(filter, limit, null, signal)).items,
    placeholderData: keepPreviousData,
    structuralSharing: newerRuns,
  });

/** All runs that fit, page by page. */
export const runPagesQuery = (filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: keys.runPages(filter),
    queryFn: ({ signal, pageParam }) => listRuns(filter, PAGE_SIZE, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor ?? null,
    placeholderData: keepPreviousData,
    structuralSharing: newerPages,
  });

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: keys.run(id),
    queryFn: ({ signal }) => ask<FlowRun>("GET", `/flow-runs/${id}`, { signal }),
    staleTime: 1_000,
    structuralSharing: newerRun,
  });

export const statesQuery = (id: string) =>
  queryOptions({
    queryKey: keys.runPart(id, "states"),
    queryFn: ({ signal }) => ask<StateEntry[]>("GET", `/flow-runs/${id}/states`, { signal }),
  });

export const taskRunQuery = (id: string) =>
  queryOptions({
    queryKey: keys.taskRun(id),
    queryFn: ({ signal }) => ask<TaskRun>("GET", `/task-runs/${id}`, { signal }),
  });

export interface TaskFilter {
  state_types?: string[];
  task_names?: string[];
}

/** A run's task runs, page by page. */
export const taskPagesQuery = (runId: string, filter: TaskFilter) =>
  infiniteQueryOptions({
    queryKey: keys.runPart(runId, "tasks", filter),
    queryFn: ({ signal, pageParam }) =>
      ask<Page<TaskRun>>("POST", "/task-runs/filter", {
        body: { flow_run_id: runId, ...filter, limit: PAGE_SIZE * 2, cursor: pageParam }, signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor ?? null,
    placeholderData: keepPreviousData,
  });

/** The runs that a text may mean: the beginning of an id, or a name. */
export const findRunsQuery = (text: string) =>
  queryOptions({
    queryKey: ["runs", "find", text],
    queryFn: async ({ signal }) => {
      const [named, ids] = await Promise.all([
        listRuns({ name_contains: text }, 8, null, signal),
        ask<string[]>("GET", "/flow-runs/find", { query: { text, limit: 5 }, signal }),
      ]);
      const known = new Set(named.items.map((run) => run.id));
      const missing = ids.filter((id) => !known.has(id));
      const found = missing.length > 0 ? (await listRuns({ ids: missing }, 5, null, signal)).items : [];
      return [...found, ...named.items];
    },
    enabled: text.length > 1,
    staleTime: 5_000,
  });

export interface BulkOutcome {
  done: number;
  refused: { run: FlowRun; why: string }[];
}

export type BulkAction = "cancel" | "delete" | "resume";

/** Cancel, delete or resume runs, one after another; what was refused comes back with the reason. */
export function useBulk(action: BulkAction) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (runs: readonly FlowRun[]): Promise<BulkOutcome> => {
      const outcome: BulkOutcome = { done: 0, refused: [] };
      for (const run of runs) {
        const perform = { cancel: () => cancelRun(run.id), delete: () => deleteRun(client, run.id), resume: () => resumeRun(run) };
        const why = await perform[action]().catch((error: unknown) =>
          error instanceof Error ? error.message : String(error),
        );
        if (why) outcome.refused.push({ run, why });
        else outcome.done += 1;
      }
      return outcome;
    },
    onSettled: (_, __, runs) =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.runs }),
        client.invalidateQueries({ queryKey: keys.charts }),
        ...(action !== "delete" ? runs.map((run) => client.invalidateQueries({ queryKey: keys.run(run.id) })) : []),
      ]),
  });
}

async function cancelRun(id: string): Promise<string> {
  const outcome = await ask<MoveOutcome>("POST", `/flow-runs/${id}/cancel`, { body: {} });
  return outcome.accepted ? "" : outcome.why || "It was refused.";
}

async function deleteRun(client: QueryClient, id: string): Promise<string> {
  gone.add(id); // before the answer: the stream may tell of it first
  await client.cancelQueries({ queryKey: keys.run(id) });
  await ask<number>("DELETE", `/flow-runs/${id}`).catch((error: unknown) => {
    gone.delete(id);
    throw error;
  });
  return "";
}

/** What the server started, or why it does not: then the message has the command to run by hand. */
const launch = (id: string, action: "resume" | "rerun", body: object) => ask<Launched>("POST", `/flow-runs/${id}/${action}`, { body });

/** Of a deployment a worker takes it up; any other is started on the server's host. */
async function resumeRun(run: FlowRun): Promise<string> {
  if (run.deployment != null) await ask<FlowRun>("POST", `/flow-runs/${run.id}/requeue`, { body: { resume: true } });
  else await launch(run.id, "resume", {});
  return "";
}

/** Go on with a run, in a new process on the server's host. */
export function useResume() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, allowCodeChange }: { id: string; allowCodeChange: boolean }) => launch(id, "resume", { allow_code_change: allowCodeChange }),
    onSettled: (_, __, { id }) => client.invalidateQueries({ queryKey: keys.run(id) }),
  });
}

/** Run a flow again as a new run, some parameters changed. */
export function useRerun() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, parameters }: { id: string; parameters: Readonly<Record<string, unknown>> }) => launch(id, "rerun", { parameters }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.runs }),
  });
}

export const canResume = (run: FlowRun): boolean => run.parent_run_id == null && ["FAILED", "CRASHED", "CANCELLED"].includes(run.state.type);
export const canCancel = (run: FlowRun): boolean => !isFinal(run.state.type, run.state.name) && run.state.type !== "CANCELLING";
export const canDelete = (run: FlowRun): boolean => isFinal(run.state.type, run.state.name);

const FAILURES_MAX = 10;

/** The task runs that did not end well, first cause first: what only waited for another comes after it. */
export const taskFailuresQuery = (runId: string) =>
  queryOptions({
    queryKey: keys.runPart(runId, "failures"),
    queryFn: async ({ signal }) => {
      const body = { flow_run_id: runId, state_types: ["FAILED", "CRASHED"], limit: FAILURES_MAX };
      const { items } = await ask<Page<TaskRun>>("POST", "/task-runs/filter", { body, signal });
      return items.toSorted((a, b) => (a.ended_at ?? Infinity) - (b.ended_at ?? Infinity));
    },
  });
