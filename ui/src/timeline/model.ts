// The timeline's bars and where they lie: groups by task, lanes within a group. Pure; times in microseconds.

import type { StateType } from "@/generated/states";
import type { Micros } from "@/time/format";

export interface Try {
  start: Micros;
  end: Micros;
}

export interface Bar {
  id: string;
  name: string;
  /** The task's or subflow's name: bars with the same one share a group. */
  group: string;
  kind: "task" | "flow";
  type: StateType;
  state: string;
  start: Micros;
  /** None while it runs. */
  end: Micros | null;
  /** The current try, from 1. */
  attempt: number;
  /** All tries where there were several, the last one without an end; the bar's start is that of the first. */
  tries: readonly Try[];
  upstream: readonly string[];
}

export interface Lane {
  group: number;
  /** By start; no two overlap. */
  bars: Bar[];
}

export interface Group {
  name: string;
  kind: Bar["kind"];
  /** Its first lane's number. */
  lane: number;
  lanes: number;
  bars: number;
  failed: number;
}

export interface Layout {
  groups: Group[];
  lanes: Lane[];
  from: Micros;
  to: Micros;
  lane: ReadonlyMap<string, number>;
  bars: ReadonlyMap<string, Bar>;
  /** What did not end well, in the order in which it began. */
  bad: readonly Bar[];
}

/** Lay bars out: groups in the order of their first start, each bar on the lane of its group that is free the longest. */
export function layOut(bars: readonly Bar[], now: Micros): Layout {
  const sorted = bars.toSorted((a, b) => a.start - b.start);
  const byGroup = Map.groupBy(sorted, (bar) => `${bar.kind}:${bar.group}`);
  const groups: Group[] = [];
  const lanes: Lane[] = [];
  const lane = new Map<string, number>();
  for (const members of byGroup.values()) {
    const first = members[0];
    if (!first) continue;
    const group: Group = {
      name: first.group, kind: first.kind, lane: lanes.length, lanes: 0, bars: members.length,
      failed: members.filter((bar) => bar.type === "FAILED" || bar.type === "CRASHED").length,
    };
    const free = new FreeLanes();
    for (const bar of members) {
      let number = free.take(bar.start);
      if (number === null) {
        number = lanes.length;
        lanes.push({ group: groups.length, bars: [] });
      }
      lanes[number]?.bars.push(bar);
      lane.set(bar.id, number);
      free.give(number, bar.end ?? Infinity);
    }
    group.lanes = lanes.length - group.lane;
    groups.push(group);
  }
  const from = sorted[0]?.start ?? now;
  const to = sorted.reduce((latest, bar) => Math.max(latest, bar.end ?? now), from + 1);
  return { groups, lanes, from, to, lane, bars: new Map(bars.map((bar) => [bar.id, bar])), bad: sorted.filter(({ type }) => type === "FAILED" || type === "CRASHED") };
}

/** Lanes by when they come free: a heap, as ten thousand bars may need as many. */
class FreeLanes {
  private readonly heap: { lane: number; at: Micros }[] = [];

  take(start: Micros): number | null {
    const top = this.heap[0];
    if (!top || top.at > start) return null;
    const last = this.heap.pop();
    if (last && last !== top) {
      this.heap[0] = last;
      this.sink();
    }
    return top.lane;
  }

  give(lane: number, at: Micros): void {
    this.heap.push({ lane, at });
    let child = this.heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.swapIfLater(parent, child)) return;
      child = parent;
    }
  }

  private sink(): void {
    let parent = 0;
    for (;;) {
      const left = parent * 2 + 1;
      const right = left + 1;
      const earlier = (this.heap[right]?.at ?? Infinity) < (this.heap[left]?.at ?? Infinity) ? right : left;
      if (earlier >= this.heap.length || !this.swapIfLater(parent, earlier)) return;
      parent = earlier;
    }
  }

  private swapIfLater(parent: number, child: number): boolean {
    const [above, below] = [this.heap[parent], this.heap[child]];
    if (!above || !below || above.at <= below.at) return false;
    this.heap[parent] = below;
    this.heap[child] = above;
    return true;
  }
}

/** The chain that decided how long the run took: from the bar that ended last, back along what each waited for the longest. */
export function criticalPath(bars: ReadonlyMap<string, Bar>, now: Micros): string[] {
  const endOf = (bar: Bar): Micros => bar.end ?? now;
  const later = (a: Bar | undefined, b: Bar): Bar => (a === undefined || endOf(b) > endOf(a) ? b : a);
  let last: Bar | undefined;
  for (const bar of bars.values()) last = later(last, bar);
  const path: string[] = [];
  const seen = new Set<string>();
  while (last && !seen.has(last.id)) {
    seen.add(last.id);
    path.push(last.id);
    let before: Bar | undefined;
    for (const id of last.upstream) {
      const bar = bars.get(id);
      if (bar) before = later(before, bar);
    }
    last = before;
  }
  return path.reverse();
}
