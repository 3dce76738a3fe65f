import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { Page, Worker, WorkPool, WorkQueue } from "@/api/types";

const POOLS_MAX = 1_000;
// Workers that fall silent say no word on the stream.
const RENEW_MILLISECONDS = 10_000;

export const poolsQuery = queryOptions({
  queryKey: [...keys.pools, "list"],
  queryFn: async ({ signal }) => (await ask<Page<WorkPool>>("GET", "/work-pools", { query: { limit: POOLS_MAX }, signal })).items,
  refetchInterval: RENEW_MILLISECONDS,
});

const poolPath = (name: string): string => `/work-pools/${encodeURIComponent(name)}`;

export const poolQuery = (name: string) =>
  queryOptions({
    queryKey: [...keys.pools, "one", name],
    queryFn: ({ signal }) => ask<WorkPool>("GET", poolPath(name), { signal }),
    refetchInterval: RENEW_MILLISECONDS,
  });

/** The workers of a pool, or all of them. */
export const workersQuery = (pool?: string) =>
  queryOptions({
    queryKey: [...keys.pools, "workers", pool ?? ""],
    queryFn: ({ signal }) => ask<Worker[]>("GET", "/workers", { query: { work_pool: pool }, signal }),
    refetchInterval: RENEW_MILLISECONDS,
  });

function useChange<T, A>(change: (value: T) => Promise<A>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: change, onSettled: () => client.invalidateQueries({ queryKey: keys.pools }) });
}

export interface PoolDraft {
  name: string;
  type?: string;
  description?: string;
  base_job_template?: Readonly<Record<string, unknown>>;
  /** 0 takes the limit away. */
  concurrency_limit?: number;
  paused?: boolean;
  overwrite: boolean;
}

export const useSavePool = () => useChange(({ name, ...body }: PoolDraft) => ask<WorkPool>("PUT", poolPath(name), { body }));

export const useDeletePool = () => useChange(({ name, force }: { name: string; force: boolean }) => ask("DELETE", poolPath(name), { query: { force } }));

export interface QueueDraft {
  pool: string;
  name: string;
  priority?: number;
  /** 0 takes the limit away. */
  concurrency_limit?: number;
  paused?: boolean;
}

export const useSaveQueue = () =>
  useChange(({ pool, name, ...body }: QueueDraft) => ask<WorkQueue>("PUT", `${poolPath(pool)}/queues/${encodeURIComponent(name)}`, { body }));

export const useDeleteQueue = () =>
  useChange(({ pool, name }: { pool: string; name: string }) => ask("DELETE", `${poolPath(pool)}/queues/${encodeURIComponent(name)}`));
