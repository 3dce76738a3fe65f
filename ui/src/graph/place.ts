// Where a graph's nodes lie: elkjs decides, in a worker, so that the page stays still meanwhile.

import ELK, { type ElkNode } from "elkjs/lib/elk-api";
import ElkWorker from "elkjs/lib/elk-worker.min.js?worker";
import type { Graph } from "@/graph/collapse";

export const NODE = { width: 208, height: 54 };

export interface Placed {
  width: number;
  height: number;
  nodes: ReadonlyMap<string, { x: number; y: number }>;
  edges: { from: string; to: string; points: { x: number; y: number }[] }[];
}

let elk: InstanceType<typeof ELK> | undefined;

/** Lay a graph out in layers, left to right. */
export async function place(graph: Graph): Promise<Placed> {
  elk ??= new ELK({ workerFactory: () => new ElkWorker() });
  const wanted: ElkNode = {
    id: "root",
    layoutOptions: {
      "elk.algorithm": "layered", "elk.direction": "RIGHT", "elk.spacing.nodeNode": "18",
      "elk.layered.spacing.nodeNodeBetweenLayers": "56", "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX", "elk.padding": "[top=16,left=16,bottom=16,right=16]",
    },
    children: graph.nodes.map(({ id }) => ({ id, ...NODE })),
    edges: graph.edges.map(({ from, to }) => ({ id: `${from}>${to}`, sources: [from], targets: [to] })),
  };
  const made: ElkNode = await elk.layout(wanted);
  return {
    width: made.width ?? 0,
    height: made.height ?? 0,
    nodes: new Map((made.children ?? []).map(({ id, x = 0, y = 0 }) => [id, { x, y }])),
    edges: edgesOf(made),
  };
}

const edgesOf = (made: ElkNode): Placed["edges"] =>
  (made.edges ?? []).map((edge) => ({
    from: edge.sources[0] ?? "", to: edge.targets[0] ?? "",
    points: (edge.sections ?? []).flatMap((section) => [section.startPoint, ...(section.bendPoints ?? []), section.endPoint]),
  }));
