import { describe, expect, it } from "vitest";
import { criticalPath, layOut, type Bar } from "@/timeline/model";

const bar = (id: string, start: number, end: number | null, more: Partial<Bar> = {}): Bar => ({
  id, name: id, group: "step", kind: "task", type: "COMPLETED", state: "Completed", start, end, attempt: 1, tries: [], upstream: [], ...more,
});

describe("laying a timeline out", () => {
  it("gives bars that overlap lanes of their own", () => {
    const layout = layOut([bar("a", 0, 10), bar("b", 5, 15)], 100);
    expect(layout.lanes.map((lane) => lane.bars.map(({ id }) => id))).toEqual([["a"], ["b"]]);
  });

  it("puts a bar on the lane that is free the longest", () => {
    const layout = layOut([bar("a", 0, 10), bar("b", 1, 4), bar("c", 12, 20)], 100);
    expect(layout.lane.get("c")).toBe(layout.lane.get("b"));
  });

  it("never gives a lane to two bars at once", () => {
    const bars = Array.from({ length: 2_000 }, (_, index) => bar(`b${index}`, (index * 7_919) % 10_007, ((index * 7_919) % 10_007) + 1 + ((index * 31) % 400)));
    for (const lane of layOut(bars, 0).lanes)
      lane.bars.slice(1).forEach((later, index) => expect(later.start).toBeGreaterThanOrEqual(lane.bars[index]?.end ?? Infinity));
  });

  it("keeps a lane for a bar that still runs", () => {
    const layout = layOut([bar("a", 0, null), bar("b", 50, 60)], 100);
    expect(layout.lanes).toHaveLength(2);
    expect(layout.to).toBe(100);
  });

  it("orders groups by their first start and counts what failed", () => {
    const layout = layOut([bar("a", 9, 10, { group: "late" }), bar("b", 1, 2, { group: "early", type: "FAILED", state: "Failed" })], 100);
    expect(layout.groups.map(({ name, failed }) => [name, failed])).toEqual([["early", 1], ["late", 0]]);
  });

  it("lays ten thousand bars out in a blink", () => {
    const bars = Array.from({ length: 10_000 }, (_, index) => bar(`b${index}`, index, index + 26));
    expect(layOut(bars, 0).lanes).toHaveLength(26);
  });
});

describe("the critical path", () => {
  it("goes back along what was waited for the longest", () => {
    const bars = [bar("a", 0, 10), bar("b", 0, 30), bar("c", 30, 40, { upstream: ["a", "b"] }), bar("d", 10, 12, { upstream: ["a"] })];
    expect(criticalPath(new Map(bars.map((one) => [one.id, one])), 100)).toEqual(["b", "c"]);
  });

  it("ends where bars wait for each other", () => {
    const bars = [bar("a", 0, 10, { upstream: ["b"] }), bar("b", 0, 20, { upstream: ["a"] })];
    expect(criticalPath(new Map(bars.map((one) => [one.id, one])), 100)).toEqual(["a", "b"]);
  });
});
