import type { DatasetUse } from "@/api/types";
import type { Micros } from "@/time/format";

export interface DatasetSummary {
  name: string;
  location: string;
  version: number | null;
  rows: number | null;
  bytes: number | null;
  writtenAt: Micros | null;
  readAt: Micros | null;
  writes: number;
  reads: number;
}

/** Datasets from what was read and written, newest first; the one that was used last comes first. */
export function datasetsOf(uses: readonly DatasetUse[]): DatasetSummary[] {
  return [...Map.groupBy(uses, (use) => use.dataset)].map(([name, own]) => {
    const writes = own.filter((use) => use.action !== "read");
    const reads = own.filter((use) => use.action === "read");
    const last = writes[0];
    return {
      name, location: own[0]?.location ?? "", version: last?.version ?? null, rows: last?.rows ?? null, bytes: last?.bytes ?? null,
      writtenAt: last?.at ?? null, readAt: reads[0]?.at ?? null, writes: writes.length, reads: reads.length,
    };
  });
}
