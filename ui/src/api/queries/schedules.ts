import { keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import { pathOf } from "@/api/queries/deployments";
import type { FiringTime, ScheduleRow, UpcomingTick } from "@/api/types";
import type { Micros } from "@/time/format";

export const TICKS_MAX = 1_000;

/** What the active schedules will ask for. */
export const ticksQuery = (since: Micros, until: Micros, deployment?: string, limit: number = TICKS_MAX) =>
  queryOptions({
    queryKey: [...keys.ticks, since, until, deployment ?? "", limit],
    queryFn: ({ signal }) => ask<UpcomingTick[]>("GET", "/ticks", { query: { since, until, deployment: deployment || null, limit }, signal }),
    placeholderData: keepPreviousData,
  });

const PAGES_MAX = 6;

/** All that the schedules will ask for, several pages of it if need be. */
export const allTicksQuery = (since: Micros, until: Micros, deployment?: string) =>
  queryOptions({
    queryKey: [...keys.ticks, "all", since, until, deployment ?? ""],
    queryFn: async ({ signal }): Promise<{ ticks: UpcomingTick[]; isCut: boolean }> => {
      const found = new Map<string, UpcomingTick>();
      let from = since;
      for (let page = 1; ; page += 1) {
        const ticks = await ask<UpcomingTick[]>("GET", "/ticks", { query: { since: from, until, deployment: deployment || null, limit: TICKS_MAX }, signal });
        // The next page begins with the moment that this one ends with: what is at that moment is there twice.
        for (const tick of ticks) found.set(`${tick.deployment_id}/${tick.slug}/${tick.fire_at}`, tick);
        const last = ticks.at(-1)?.at ?? until;
        const isCut = ticks.length === TICKS_MAX;
        if (!isCut || page === PAGES_MAX || last === from) return { ticks: [...found.values()], isCut };
        from = last;
      }
    },
    placeholderData: keepPreviousData,
  });

export type Definition = Readonly<Record<string, unknown>>;

/** When a schedule would fire next. */
export const previewQuery = (definition: Definition, count: number) =>
  queryOptions({
    queryKey: [...keys.ticks, "preview", definition, count],
    queryFn: ({ signal }) => ask<FiringTime[]>("POST", "/schedules/preview", { body: { definition, count }, signal }),
    placeholderData: keepPreviousData,
  });

function useChange<T, A>(change: (value: T) => Promise<A>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => Promise.all([keys.deployments, keys.ticks].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

export const useSaveSchedule = () =>
  useChange(({ key, definition }: { key: string; definition: Definition }) => ask<ScheduleRow>("PUT", `/schedules/${pathOf(key)}`, { body: { definition } }));

export const useRemoveSchedule = () =>
  useChange(({ key, slug }: { key: string; slug: string }) => ask("DELETE", `/schedules/${encodeURIComponent(slug)}/${pathOf(key)}`));

export const useSetActive = () =>
  useChange(({ key, slug, active }: { key: string; slug: string; active: boolean }) =>
    ask<ScheduleRow>("PATCH", `/schedules/${encodeURIComponent(slug)}/${pathOf(key)}`, { body: { active } }));

export interface TickChange {
  key: string;
  slug: string;
  at: Micros;
  to?: Micros | null;
  restore?: boolean;
}

/** Skip one tick, move it, or take that back. */
export const useExceptTick = () =>
  useChange(({ key, slug, ...body }: TickChange) => ask("POST", `/schedule-exceptions/${encodeURIComponent(slug)}/${pathOf(key)}`, { body }));
