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

const EVENT_PAGE = 500;
const EVENT_PAGES_MAX = 20;

/** The newest events first. The stream adds to them. */
export const eventFeedQuery = queryOptions({
  queryKey: [...keys.events, "feed"],
  queryFn: async ({ signal }) => {
    // The log is read forwards, so the feed is what its last page holds.
    let after = 0;
    let last: Event[] = [];
    for (let page = 0; page < EVENT_PAGES_MAX; page += 1) {
      const { items } = await ask<Page<Event>>("GET", "/events", { query: { after, limit: EVENT_PAGE }, signal });
      last = [...last, ...items].slice(-EVENT_PAGE);
      after = items.at(-1)?.seq ?? after;
      if (items.length < EVENT_PAGE) break;
    }
    return last.toReversed();
  },
  staleTime: Infinity,
});

/** What was done to one dataset, newest first. */
export const datasetUsesQuery = (dataset: string) =>
  queryOptions({
    queryKey: [...keys.uses, "of", dataset],
    queryFn: async ({ signal }) =>
      (await ask<Page<DatasetUse>>("GET", "/dataset-uses", { query: { dataset, limit: 500 }, signal })).items,
  });
