import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { timelineQuery } from "@/api/queries/timeline";
import type { FlowRun } from "@/api/types";
import { Button } from "@/design/Button";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { collapse } from "@/graph/collapse";
import { GraphView } from "@/graph/GraphView";
import { usePlaced } from "@/graph/usePlaced";
import { nowMicros } from "@/time/format";

const EXPANDED_BARS_MAX = 200;

/** What depended on what: one node a task, opened into its task runs at a click. */
export function GraphTab({ run }: { run: FlowRun }) {
  const navigate = useNavigate({ from: "/runs/$id" });
  const bars = useQuery(timelineQuery(run.id));
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const graph = useMemo(() => collapse(bars.data?.bars ?? [], nowMicros(), expanded), [bars.data, expanded]);
  const placed = usePlaced(graph);
  if (bars.isError) return <Fault error={bars.error} retry={() => void bars.refetch()} />;
  if (bars.data?.bars.length === 0) return <Empty title="There is nothing to draw yet">Tasks and what they wait for appear here.</Empty>;
  if (placed.isError) return <Fault error={placed.error} />;
  if (!placed.data) return <SkeletonRows />;
  const open = (id: string) => {
    const node = graph.nodes.find((other) => other.id === id);
    if (!node) return;
    if (node.bars > 1 && node.bars <= EXPANDED_BARS_MAX) setExpanded(new Set([...expanded, id]));
    else if (node.kind === "task" && !id.includes(":")) void navigate({ search: (old) => ({ ...old, task: id }), replace: true, resetScroll: false });
    else if (node.kind === "flow" && !id.includes(":")) void navigate({ to: "/runs/$id", params: { id }, search: {} });
    else if (node.bars === 1) setExpanded(new Set([...expanded, id]));
    else void navigate({ search: (old) => ({ ...old, tab: "tasks" }), replace: true, resetScroll: false });
  };
  return (
    <div className="relative">
      {expanded.size > 0 && <Button className="absolute top-2.5 right-3 z-1" onClick={() => setExpanded(new Set())}>Collapse by task</Button>}
      <GraphView graph={graph} placed={placed.data} onOpen={open} />
    </div>
  );
}
