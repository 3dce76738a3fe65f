import type { QueryClient, QueryFilters } from "@tanstack/react-query";

const marked = new WeakSet<Promise<unknown>>();

/** Have queries read anew, those too that are being read for the first time. */
export function renew(client: QueryClient, filters: QueryFilters): void {
  readOnceMore(client, filters);
  void client.invalidateQueries(filters);
}

/** Have queries that are being read for the first time read once more after it: the answer may be from before now. */
export function readOnceMore(client: QueryClient, filters: QueryFilters): void {
  for (const { state, promise, queryKey } of client.getQueryCache().findAll({ ...filters, fetchStatus: "fetching" })) {
    if (state.data !== undefined || !promise || marked.has(promise)) continue;
    marked.add(promise);
    promise.then(() => client.invalidateQueries({ queryKey, exact: true }), () => undefined);
  }
}
