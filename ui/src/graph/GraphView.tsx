import type { Graph, Node } from "@/graph/collapse";
import { NODE, type Placed } from "@/graph/place";
import { STACK_ORDER } from "@/design/state";
import { StateMark } from "@/design/StateMark";
import { TaskCounts } from "@/design/TaskCounts";
import { count, duration } from "@/time/format";

interface GraphViewProps {
  graph: Graph;
  placed: Placed;
  onOpen: (id: string) => void;
}

/** A graph that scrolls: nodes are buttons, edges are drawn below them. */
export function GraphView({ graph, placed, onOpen }: GraphViewProps) {
  return (
    <div tabIndex={0} role="region" aria-label="Graph of the run" className="max-h-[34rem] overflow-auto focus-visible:outline-offset-[-3px]">
      <div className="relative mx-auto" style={{ width: placed.width, height: placed.height }}>
        <svg aria-hidden width={placed.width} height={placed.height} className="absolute inset-0">
          <defs>
            <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 .8L7 4 0 7.2z" fill="var(--line-strong)" /></marker>
          </defs>
          {placed.edges.map(({ from, to, points }) => (
            <path key={`${from}>${to}`} d={rounded(points)} fill="none" stroke="var(--line-strong)" strokeWidth={1.5} markerEnd="url(#tip)" />
          ))}
        </svg>
        {graph.nodes.map((node) => {
          const at = placed.nodes.get(node.id);
          return at && <NodeBox key={node.id} node={node} x={at.x} y={at.y} onOpen={() => onOpen(node.id)} />;
        })}
      </div>
    </div>
  );
}

function NodeBox({ node, x, y, onOpen }: { node: Node; x: number; y: number; onOpen: () => void }) {
  const worst = STACK_ORDER.findLast((type) => (node.counts[type] ?? 0) > 0) ?? "PENDING";
  return (
    <button
      type="button" onClick={onOpen} style={{ left: x, top: y, width: NODE.width, height: NODE.height }}
      title={node.bars > 1 ? `${node.name}: ${count(node.bars)} task runs. Click to open` : node.name}
      className={`absolute flex flex-col justify-center gap-1 rounded-md border bg-surface px-2.5 text-left hover:border-accent ${worst === "FAILED" || worst === "CRASHED" ? "border-line-strong border-l-4 border-l-danger" : "border-line-strong"}`}
    >
      <span className="flex w-full items-center gap-1.5">
        <StateMark type={worst} titled /><span className="truncate font-medium">{node.name}</span>
        <span className="ml-auto pl-2 text-xs whitespace-nowrap text-faint">{duration(node.busy)}</span>
      </span>
      {node.bars > 1 && <TaskCounts counts={node.counts} wide />}
    </button>
  );
}

/** A line through points, with its corners rounded. */
function rounded(points: readonly { x: number; y: number }[]): string {
  const radius = 6;
  return points.map((point, index) => {
    const before = points[index - 1];
    const after = points[index + 1];
    if (!before) return `M${point.x} ${point.y}`;
    if (!after) return `L${point.x} ${point.y}`;
    const towards = (other: { x: number; y: number }) => {
      const gap = Math.hypot(other.x - point.x, other.y - point.y) || 1;
      const share = Math.min(radius, gap / 2) / gap;
      return `${point.x + (other.x - point.x) * share} ${point.y + (other.y - point.y) * share}`;
    };
    return `L${towards(before)}Q${point.x} ${point.y} ${towards(after)}`;
  }).join("");
}
