import { keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { Backfill, Page } from "@/api/types";
import type { Micros } from "@/time/format";

const SHOWN_MAX = 50;

/** A deployment's backfills, newest first. */
export const backfillsQuery = (key: string) =>
  queryOptions({
    queryKey: [...keys.backfills, key],
    queryFn: async ({ signal }) => (await ask<Page<Backfill>>("GET", "/backfills", { query: { key, limit: SHOWN_MAX }, signal })).items,
  });

export interface BackfillDraft {
  key: string;
  since: Micros;
  until: Micros;
  slug: string | null;
  concurrency: number;
  newest_first: boolean;
  parameters: Readonly<Record<string, unknown>>;
}

/** What a backfill would be. */
export const backfillPreviewQuery = (draft: BackfillDraft) =>
  queryOptions({
    queryKey: [...keys.backfills, "preview", draft],
    queryFn: ({ signal }) => ask<Backfill>("POST", "/backfills", { body: { ...draft, dry_run: true }, signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });

function useChange<T>(change: (value: T) => Promise<Backfill>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => Promise.all([keys.backfills, keys.runs].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

export const useCreateBackfill = () => useChange((draft: BackfillDraft) => ask<Backfill>("POST", "/backfills", { body: draft }));

export const useMoveBackfill = () =>
  useChange(({ id, ...body }: { id: string; action: "pause" | "resume" | "cancel"; cancel_runs?: boolean }) =>
    ask<Backfill>("POST", `/backfills/${id}/move`, { body }));
