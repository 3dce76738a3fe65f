import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { Artifact, DatasetUse, Event, Flow, Page } from "@/api/types";

const FLOWS_MAX = 1_000;
const PAGE_SIZE = 100;

export const flowsQuery = queryOptions({
  queryKey: keys.flows,
  queryFn: async ({ signal }) => (await ask<Page<Flow>>("GET", "/flows", { query: { limit: FLOWS_MAX }, signal })).items,
});

export interface ArtifactFilter {
  flow_run_id?: string;
  key?: string;
  latest_only?: boolean;
}

export const artifactPagesQuery = (filter: ArtifactFilter) =>
  infiniteQueryOptions({
    queryKey: [...(filter.flow_run_id ? keys.runPart(filter.flow_run_id, "artifacts") : keys.artifacts), filter],
    queryFn: ({ signal, pageParam }) =>
      ask<Page<Artifact>>("GET", "/artifacts", { query: { ...filter, limit: PAGE_SIZE, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.cursor ?? null,
    placeholderData: keepPreviousData,
  });

export const artifactQuery = (idOrKey: string) =>
  queryOptions({
    queryKey: [...keys.artifacts, "one", idOrKey],
    queryFn: ({ signal }) => ask<Artifact>("GET", `/artifacts/${encodeURIComponent(idOrKey)}`, { signal }),
  });

/** What a run, or everything, read and wrote. */
export const usesQuery = (filter: { flow_run_id?: string; action?: string }, limit = 200) =>
  queryOptions({
    queryKey: [...(filter.flow_run_id ? keys.runPart(filter.flow_run_id, "uses") : keys.uses), filter, limit],
    queryFn: async ({ signal }) =>
      (await ask<Page<DatasetUse>>("GET", "/dataset-uses", { query: { ...filter, limit }, signal })).items,
  });

const EVENT_PAGE = 200;

/** Events, the newest first: the stream adds in front, older ones are read page by page. */
export const eventPagesQuery = (kinds: readonly string[]) =>
  infiniteQueryOptions({
    queryKey: [...keys.events, "pages", kinds],
    queryFn: async ({ signal, pageParam }): Promise<Page<Event>> => {
      const query = { newest_first: true, before: pageParam, kinds, limit: EVENT_PAGE };
      const { items, cursor } = await ask<Page<Event>>("GET", "/events", { query, signal });
      return { items, cursor: cursor ?? null };
    },
    initialPageParam: null as number | null,
    getNextPageParam: (page) => (page.cursor == null ? null : (page.items.at(-1)?.seq ?? null)),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
  });

/** What was done to one dataset, newest first. */
export const datasetUsesQuery = (dataset: string) =>
  queryOptions({
    queryKey: [...keys.uses, "of", dataset],
    queryFn: async ({ signal }) =>
      (await ask<Page<DatasetUse>>("GET", "/dataset-uses", { query: { dataset, limit: 500 }, signal })).items,
  });
