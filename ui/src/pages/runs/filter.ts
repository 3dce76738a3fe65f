// Between the address of the runs page and what is asked of the server. Pure.

import { partsOf } from "@/api/queries/deployments";
import type { RunFilter } from "@/api/types";
import { STATE_NAMES, STATE_TYPES, type StateType } from "@/generated/states";
import { listOf } from "@/keys/search";
import { DAY, HOUR, type Micros } from "@/time/format";

export interface RunSearch {
  state?: string;
  flow?: string;
  /** `flow/name`. */
  deployment?: string;
  q?: string;
  tag?: string;
  range?: string;
  since?: string;
  until?: string;
  /** `1`: subflow runs too. */
  all?: string;
  /** `oldest`: the oldest start first. */
  sort?: string;
}

export const RANGES: Readonly<Record<string, { word: string; span: Micros }>> = {
  "1h": { word: "Last hour", span: HOUR },
  "24h": { word: "Last 24 hours", span: DAY },
  "7d": { word: "Last 7 days", span: 7 * DAY },
  "30d": { word: "Last 30 days", span: 30 * DAY },
};
export const RANGE_DEFAULT = "7d";

/** What the server is asked for. */
export function filterOf(search: RunSearch, now: Micros): RunFilter {
  const states = listOf(search.state);
  const types = states.filter((state): state is StateType => STATE_TYPES.some((type) => type === state));
  const names = states.filter((state) => state in STATE_NAMES);
  const { since, until } = windowOf(search, now);
  const where = [search.q, search.sort === "oldest" ? "sort:oldest" : ""].filter(Boolean).join(" ");
  return {
    // Both conditions would have to hold: types beside names become the names of theirs.
    ...(names.length === 0 ? (types.length > 0 ? { state_types: types } : {}) : { state_names: [...names, ...namesOf(types)] }),
    ...(search.flow ? { flow_names: listOf(search.flow) } : {}),
    ...(search.deployment ? { flow_names: [partsOf(search.deployment).flow_name], deployments: [partsOf(search.deployment).name] } : {}),
    ...(where ? { where } : {}),
    ...(search.tag ? { tags: listOf(search.tag) } : {}),
    ...(search.all === "1" ? {} : { top_level: true }),
    ...(search.since || search.range ? { since } : {}),
    ...(search.until ? { until } : {}),
  };
}

const namesOf = (types: readonly StateType[]): string[] =>
  Object.entries(STATE_NAMES).filter(([, row]) => types.includes(row.type)).map(([name]) => name);

/** The stretch of time that the charts show. */
export function windowOf(search: RunSearch, now: Micros): { since: Micros; until: Micros } {
  const span = RANGES[search.range ?? RANGE_DEFAULT]?.span ?? 7 * DAY;
  const until = search.until ? Number(search.until) : now;
  return { since: search.since ? Number(search.since) : until - span, until };
}
