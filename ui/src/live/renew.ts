import type { QueryClient, QueryFilters } from "@tanstack/react-query";

/** Have queries read anew. One that is being read for the first time is read once more: its answer may be from before. */
export function renew(client: QueryClient, filters: QueryFilters): void {
  for (const { state, promise, queryKey } of client.getQueryCache().findAll({ ...filters, fetchStatus: "fetching" }))
    if (state.data === undefined) promise?.then(() => client.invalidateQueries({ queryKey, exact: true }), () => undefined);
  void client.invalidateQueries(filters);
}
