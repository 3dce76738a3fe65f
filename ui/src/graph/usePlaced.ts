import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Graph } from "@/graph/collapse";
import { place } from "@/graph/place";

/** The graph with its nodes placed; asked for again only when its shape changes. */
export function usePlaced(graph: Graph) {
  const shape = [...graph.nodes.map(({ id }) => id), ...graph.edges.map(({ from, to }) => `${from}>${to}`)];
  return useQuery({ queryKey: ["placed", shape], queryFn: () => place(graph), staleTime: Infinity, enabled: graph.nodes.length > 0, placeholderData: keepPreviousData });
}
