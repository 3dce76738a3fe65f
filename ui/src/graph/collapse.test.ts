import { expect, it } from "vitest";
import { collapse } from "@/graph/collapse";
import type { Bar } from "@/timeline/model";

const bar = (id: string, group: string, upstream: string[] = []): Bar => ({
  id, name: id, group, kind: "task", type: "COMPLETED", state: "Completed", start: 0, end: 10, attempt: 1, tries: [], upstream,
});
const bars = [bar("f0", "fetch"), bar("f1", "fetch"), bar("c0", "clean", ["f0"]), bar("c1", "clean", ["f1"])];

it("makes one node of a task, and one edge of all that leads from task to task", () => {
  const graph = collapse(bars, 0);
  expect(graph.nodes.map(({ name, bars: number, busy }) => [name, number, busy])).toEqual([["fetch", 2, 20], ["clean", 2, 20]]);
  expect(graph.edges).toEqual([{ from: "task:fetch", to: "task:clean", count: 2 }]);
});

it("opens a task into its task runs", () => {
  const graph = collapse(bars, 0, new Set(["task:clean"]));
  expect(graph.nodes.map(({ id }) => id)).toEqual(["task:fetch", "c0", "c1"]);
  expect(graph.edges.map(({ to }) => to)).toEqual(["c0", "c1"]);
});
