import { QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError } from "@/api/http";
import { gone } from "@/api/gone";
import { keys } from "@/api/keys";

const RETRIES_MAX = 3;

/** The query cache: asks again what could not be reached, never what was refused. */
export function makeQueryClient(): QueryClient {
  const client = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        const signedOut = error instanceof ApiError && error.status === 401 && query.queryKey[0] !== keys.session[0];
        if (signedOut) void client.invalidateQueries({ queryKey: keys.session });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        enabled: ({ queryKey: [kind, id] }) => kind !== "run" || !gone.has(id as string),
        retry: (failures, error) => failures < RETRIES_MAX && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      },
    },
  });
  return client;
}
