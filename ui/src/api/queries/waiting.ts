import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { ApiError, ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { Explanation, FlowRun, RunInput, RunRequest } from "@/api/types";

const RENEW_MILLISECONDS = 3_000;

/** How a run was asked for; none where a program began it by itself. */
export const requestQuery = (runId: string) =>
  queryOptions({
    queryKey: keys.runPart(runId, "request"),
    queryFn: ({ signal }) =>
      ask<RunRequest>("GET", `/flow-runs/${runId}/request`, { signal }).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }),
  });

/** Why a run is not running, the most pressing reason first. */
export const whyQuery = (runId: string) =>
  queryOptions({
    queryKey: keys.runPart(runId, "why"),
    queryFn: ({ signal }) => ask<Explanation[]>("GET", `/flow-runs/${runId}/why`, { signal }),
    refetchInterval: RENEW_MILLISECONDS,
  });

/** What a run asked of people, the oldest first. */
export const inputsQuery = (runId: string) =>
  queryOptions({
    queryKey: keys.runPart(runId, "inputs"),
    queryFn: ({ signal }) => ask<RunInput[]>("GET", `/flow-runs/${runId}/inputs`, { signal }),
  });

/** Let a run that waits for an answer go on. */
export function useAnswer() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, key, answer }: { id: string; key: string; answer: unknown }) => ask<FlowRun>("POST", `/flow-runs/${id}/answer`, { body: { key, answer } }),
    onSettled: (_, __, { id }) => client.invalidateQueries({ queryKey: keys.run(id) }),
  });
}

/** Have a worker run it again: with what was completed kept, or all of it anew. */
export function useRequeue() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, resume }: { id: string; resume: boolean }) => ask<FlowRun>("POST", `/flow-runs/${id}/requeue`, { body: { resume } }),
    onSettled: (_, __, { id }) => client.invalidateQueries({ queryKey: keys.run(id) }),
  });
}
