// What the stream says, put where queries keep it.

import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { keys } from "@/api/keys";
import { newer } from "@/api/newer";
import { fitsFilter, type LogFilter } from "@/api/queries/logs";
import type { Event, FlowRun, LogLine, Page } from "@/api/types";

/** Runs as they are now, wherever they are shown. New ones come with the list's next reading. */
export function placeRuns(client: QueryClient, runs: readonly FlowRun[]): void {
  const byId = new Map(runs.map((run) => [run.id, run]));
  // Also where it is being read for the first time: what is answered then may be older, see `newer`.
  for (const run of runs) if (client.getQueryState(keys.run(run.id))) client.setQueryData<FlowRun>(keys.run(run.id), (old) => (old ? newer(old, run) : run));
  client.setQueriesData<InfiniteData<Page<FlowRun>>>({ queryKey: [...keys.runs, "pages"] }, (old) =>
    old && { ...old, pages: old.pages.map((page) => ({ ...page, items: replaced(page.items, byId) })) });
  client.setQueriesData<FlowRun[]>({ queryKey: [...keys.runs, "list"] }, (old) => old && replaced(old, byId));
}

function replaced(items: FlowRun[], byId: ReadonlyMap<string, FlowRun>): FlowRun[] {
  return items.some(({ id }) => byId.has(id)) ? items.map((run) => newer(run, byId.get(run.id) ?? run)) : items;
}

/** New log lines, at the end of every list that they fit and that has been read to its end. */
export function addLogLines(client: QueryClient, runId: string, lines: readonly LogLine[]): void {
  for (const query of client.getQueryCache().findAll({ queryKey: keys.runPart(runId, "logs") })) {
    const filter = query.queryKey[3] as LogFilter;
    const fitting = lines.filter((line) => fitsFilter(line, filter));
    client.setQueryData<InfiniteData<Page<LogLine>>>(query.queryKey, (old) => {
      const last = old?.pages.at(-1);
      if (!old || !last || last.cursor != null) return old;
      const known = new Set(old.pages.flatMap((page) => page.items.slice(-2_000)).map(({ seq }) => seq));
      const fresh = fitting.filter(({ seq }) => !known.has(seq));
      return fresh.length === 0 ? old : { ...old, pages: [...old.pages.slice(0, -1), { ...last, items: [...last.items, ...fresh] }] };
    });
  }
}

/** New events, in front of every feed that shows their kind. */
export function addEvents(client: QueryClient, events: readonly Event[]): void {
  for (const query of client.getQueryCache().findAll({ queryKey: [...keys.events, "pages"] })) {
    const kinds = query.queryKey[2] as readonly string[];
    client.setQueryData<InfiniteData<Page<Event>>>(query.queryKey, (old) => {
      const [first, ...rest] = old?.pages ?? [];
      if (!old || !first) return old;
      const newest = first.items[0]?.seq ?? 0;
      const fresh = events.filter(({ seq, kind }) => seq > newest && (kinds.length === 0 || kinds.includes(kind)));
      return fresh.length === 0 ? old : { ...old, pages: [{ ...first, items: [...fresh.toReversed(), ...first.items] }, ...rest] };
    });
  }
}
