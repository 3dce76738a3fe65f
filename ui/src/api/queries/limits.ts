import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { ConcurrencyLimit, HeldSlot, Page, SlotWaiter } from "@/api/types";

const LIMITS_MAX = 1_000;
// Slots come and go without a word on the stream.
const RENEW_MILLISECONDS = 2_000;

export const limitsQuery = queryOptions({
  queryKey: keys.limits,
  queryFn: async ({ signal }) =>
    (await ask<Page<ConcurrencyLimit>>("GET", "/concurrency-limits", { query: { limit: LIMITS_MAX }, signal })).items,
  refetchInterval: RENEW_MILLISECONDS,
});

/** Who holds a limit's slots, the oldest first. */
export const heldSlotsQuery = (name: string) =>
  queryOptions({
    queryKey: [...keys.limits, "held", name],
    queryFn: ({ signal }) => ask<HeldSlot[]>("GET", `/concurrency-limit-slots/${encodeURIComponent(name)}`, { signal }),
    refetchInterval: RENEW_MILLISECONDS,
  });

/** Who waits for a limit's slots, the longest first. */
export const waitersQuery = (name: string) =>
  queryOptions({
    queryKey: [...keys.limits, "waiters", name],
    queryFn: ({ signal }) => ask<SlotWaiter[]>("GET", `/concurrency-limit-waiters/${encodeURIComponent(name)}`, { signal }),
    refetchInterval: RENEW_MILLISECONDS,
  });

export interface LimitDraft {
  name: string;
  slots: number;
  decay_per_second: number | null;
}

function useLimitChange<T>(change: (value: T) => Promise<unknown>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: change, onSuccess: () => client.invalidateQueries({ queryKey: keys.limits }) });
}

export const useSetLimit = () =>
  useLimitChange(({ name, ...rest }: LimitDraft) => ask<ConcurrencyLimit>("PUT", `/concurrency-limits/${encodeURIComponent(name)}`, { body: rest }));

export const useRemoveLimit = () => useLimitChange((name: string) => ask("DELETE", `/concurrency-limits/${encodeURIComponent(name)}`));

export const useResetLimit = () => useLimitChange((name: string) => ask("POST", `/concurrency-limit-resets/${encodeURIComponent(name)}`));
