// A run's graph with all task runs of one task as one node. Pure.

import type { StateType } from "@/generated/states";
import type { Bar } from "@/timeline/model";

export interface Node {
  id: string;
  name: string;
  kind: Bar["kind"];
  bars: number;
  counts: Partial<Record<StateType, number>>;
  /** Microseconds, of all its bars together. */
  busy: number;
}

export interface Edge {
  from: string;
  to: string;
  count: number;
}

export interface Graph {
  nodes: Node[];
  edges: Edge[];
}

/** Collapse task runs by task; edges count how many of them lead on. */
export function collapse(bars: readonly Bar[], now: number, expanded: ReadonlySet<string> = new Set()): Graph {
  const keyOf = (bar: Bar): string => (expanded.has(`${bar.kind}:${bar.group}`) ? bar.id : `${bar.kind}:${bar.group}`);
  const nodes = new Map<string, Node>();
  const home = new Map<string, string>();
  for (const bar of bars) {
    const key = keyOf(bar);
    home.set(bar.id, key);
    const node = nodes.get(key) ?? { id: key, name: key === bar.id ? bar.name : bar.group, kind: bar.kind, bars: 0, counts: {}, busy: 0 };
    nodes.set(key, node);
    node.bars += 1;
    node.counts[bar.type] = (node.counts[bar.type] ?? 0) + 1;
    node.busy += (bar.end ?? now) - bar.start;
  }
  const edges = new Map<string, Edge>();
  for (const bar of bars) {
    const to = keyOf(bar);
    for (const id of bar.upstream) {
      const from = home.get(id);
      if (from === undefined || from === to) continue;
      const edge = edges.get(`${from}>${to}`) ?? { from, to, count: 0 };
      edges.set(`${from}>${to}`, edge);
      edge.count += 1;
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}
