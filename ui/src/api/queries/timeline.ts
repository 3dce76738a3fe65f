import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { ask } from "@/api/http";
import { keys } from "@/api/keys";
import type { RunTimeline } from "@/api/types";
import type { Bar, Try } from "@/timeline/model";

export interface Bars {
  bars: Bar[];
  /** Bars of rows that changed after this are asked for next time. */
  changed: number;
  truncated: boolean;
}

/** Every task run and subflow of a run, as the timeline draws them; asked again, only what changed is sent. */
export const timelineQuery = (runId: string) =>
  queryOptions({
    queryKey: keys.runPart(runId, "timeline"),
    queryFn: async ({ signal, client, queryKey }): Promise<Bars> => {
      const known = client.getQueryData<Bars>(queryKey);
      const after = known?.changed ?? 0;
      const timeline = await ask<RunTimeline>("GET", `/flow-runs/${runId}/timeline`, { query: { after }, signal });
      const bars = barsOf(timeline);
      if (!known || after === 0) return { bars, changed: timeline.changed, truncated: timeline.truncated };
      return { bars: merged(known.bars, bars), changed: Math.max(after, timeline.changed), truncated: known.truncated };
    },
    placeholderData: keepPreviousData,
  });

/** The columns as bars; what has not begun has no place yet. */
export function barsOf(timeline: RunTimeline): Bar[] {
  const { ids, origin, tasks, task_names, flow_names, names, ordinals, states, state_names, starts, ends, attempts, upstream } = timeline;
  return ids.flatMap((id, place): Bar[] => {
    const start = starts[place];
    const end = ends[place];
    const task = tasks[place] ?? 0;
    const [state, type] = state_names[states[place] ?? 0] ?? ["Pending", "PENDING"];
    if (start == null) return [];
    const earlier = triesOf(timeline, place);
    const group = (task < 0 ? flow_names[-1 - task] : task_names[task]) ?? "?";
    return [{
      id, group, kind: task < 0 ? "flow" : "task", name: names[place] ?? `${group}-${ordinals[place] ?? 0}`, type: type, state,
      start: Math.min(origin + start, earlier[0]?.start ?? Infinity), end: end == null ? null : origin + end, attempt: attempts[place] ?? 1, tries: earlier.length > 0 ? [...earlier, { start: origin + start, end: Infinity }] : [],
      upstream: (upstream[place] ?? []).flatMap((other) => ids[other] ?? []),
    }];
  });
}

function triesOf({ tries, origin }: RunTimeline, place: number): Try[] {
  return (tries[place] ?? []).flatMap(([start, end]) => (start == null || end == null ? [] : [{ start: origin + start, end: origin + end }]));
}

function merged(known: readonly Bar[], changed: readonly Bar[]): Bar[] {
  const byId = new Map(known.map((bar) => [bar.id, bar]));
  // Rows that changed know only each other: what was known of their upstream stays.
  for (const bar of changed) byId.set(bar.id, { ...bar, upstream: [...new Set([...(byId.get(bar.id)?.upstream ?? []), ...bar.upstream])] });
  return [...byId.values()];
}
