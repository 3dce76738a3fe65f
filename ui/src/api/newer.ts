// An answer may come after the stream has told of something newer: of a run that is known already, the newer version stays.

import { type InfiniteData, replaceEqualDeep } from "@tanstack/react-query";
import type { FlowRun, Page } from "@/api/types";

/** A run, for `structuralSharing` of a query. */
export const newerRun = (old: unknown, fresh: unknown): unknown =>
  old === undefined ? fresh : replaceEqualDeep(old, newer(old as FlowRun, fresh as FlowRun));

/** A list of runs. */
export const newerRuns = (old: unknown, fresh: unknown): unknown =>
  old === undefined ? fresh : replaceEqualDeep(old, merged(byId(old as FlowRun[]), fresh as FlowRun[]));

/** Pages of runs. */
export function newerPages(old: unknown, fresh: unknown): unknown {
  if (old === undefined) return fresh;
  const known = byId((old as InfiniteData<Page<FlowRun>>).pages.flatMap(({ items }) => items));
  const { pages, ...rest } = fresh as InfiniteData<Page<FlowRun>>;
  return replaceEqualDeep(old, { ...rest, pages: pages.map((page) => ({ ...page, items: merged(known, page.items) })) });
}

/** The newer of two versions of a run. */
export const newer = (old: FlowRun, fresh: FlowRun) => (old.id === fresh.id && old.version > fresh.version ? old : fresh);

const byId = (runs: readonly FlowRun[]) => new Map(runs.map((run) => [run.id, run]));

function merged(known: ReadonlyMap<string, FlowRun>, runs: readonly FlowRun[]): FlowRun[] {
  return runs.map((run) => {
    const old = known.get(run.id);
    return old ? newer(old, run) : run;
  });
}
