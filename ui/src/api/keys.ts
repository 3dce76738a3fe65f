// The query cache's keys, in one place, so that what is live knows what to renew.

import type { RunFilter } from "@/api/types";

export const keys = {
  session: ["session"] as const,
  version: ["version"] as const,
  database: ["database"] as const,
  upkeep: ["upkeep"] as const,
  runs: ["runs"] as const,
  runList: (filter: RunFilter, limit: number) => ["runs", "list", filter, limit] as const,
  runPages: (filter: RunFilter) => ["runs", "pages", filter] as const,
  charts: ["charts"] as const,
  run: (id: string) => ["run", id] as const,
  runPart: (id: string, part: string, ...rest: unknown[]) => ["run", id, part, ...rest] as const,
  taskRuns: ["task-run"] as const,
  taskRun: (id: string) => ["task-run", id] as const,
  flows: ["flows"] as const,
  artifacts: ["artifacts"] as const,
  uses: ["uses"] as const,
  events: ["events"] as const,
  limits: ["limits"] as const,
  deployments: ["deployments"] as const,
  deployment: (key: string) => ["deployments", "one", key] as const,
  ticks: ["ticks"] as const,
  backfills: ["backfills"] as const,
  pools: ["pools"] as const,
};
