import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { Pruned, Session, StoreInfo, Upkeep, Version } from "@/api/types";

const SLOW_MILLISECONDS = 30_000;
const UPKEEP_MILLISECONDS = 15_000;

export const sessionQuery = queryOptions({
  queryKey: keys.session,
  queryFn: ({ signal }) => ask<Session>("GET", "/session", { signal }),
  staleTime: Infinity,
});

export const versionQuery = queryOptions({
  queryKey: keys.version,
  queryFn: ({ signal }) => ask<Version>("GET", "/version", { signal }),
  staleTime: Infinity,
});

export const databaseQuery = queryOptions({
  queryKey: keys.database,
  queryFn: ({ signal }) => ask<StoreInfo>("GET", "/database", { signal }),
  staleTime: SLOW_MILLISECONDS,
});

/** How the server's services are doing; what they do is no change of a run, so it is asked for. */
export const upkeepQuery = queryOptions({
  queryKey: keys.upkeep,
  queryFn: ({ signal }) => ask<Upkeep>("GET", "/upkeep", { signal }),
  refetchInterval: UPKEEP_MILLISECONDS,
});

/** Hand in the API key; everything is asked anew afterwards. */
export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (key: string) => ask<Session>("POST", "/session", { body: { key } }),
    onSuccess: () => client.resetQueries(),
  });
}

/** Remove runs that ended before a moment, or count what would go. */
export function usePrune() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { runs_older_than: number; dry_run: boolean }) =>
      ask<Pruned>("POST", "/database/prune", { body }),
    onSuccess: (_, { dry_run }) => (dry_run ? undefined : client.invalidateQueries()),
  });
}
