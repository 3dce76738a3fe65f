import { expect, it } from "vitest";
import { barsOf } from "@/api/queries/timeline";
import type { RunTimeline } from "@/api/types";

const timeline: RunTimeline = {
  flow_run_id: "r", origin: 1_000, ids: ["a", "b", "c", "d"], tasks: [0, 0, -1, 0], task_names: ["fetch"], flow_names: ["child"], ordinals: [0, 1, 0, 2],
  names: { "2": "brisk-otter" }, created: [0, 0, 0, 0], starts: [5, 10, 20, null], ends: [9, null, 30, null], states: [0, 1, 0, 2],
  state_names: [["Completed", "COMPLETED"], ["Running", "RUNNING"], ["NotReady", "PENDING"]], attempts: [1, 2, 1, 0], tries: { "1": [[2, 6]] }, parents: [-1, -1, -1, -1], upstream: { "1": [0] },
  changed: 7, truncated: false,
};

it("turns the columns into bars, and leaves out what never began", () => {
  expect(barsOf(timeline)).toEqual([
    { id: "a", name: "fetch-0", group: "fetch", kind: "task", type: "COMPLETED", state: "Completed", start: 1_005, end: 1_009, attempt: 1, tries: [], upstream: [] },
    { id: "b", name: "fetch-1", group: "fetch", kind: "task", type: "RUNNING", state: "Running", start: 1_002, end: null, attempt: 2, tries: [{ start: 1_002, end: 1_006 }, { start: 1_010, end: Infinity }], upstream: ["a"] },
    { id: "c", name: "brisk-otter", group: "child", kind: "flow", type: "COMPLETED", state: "Completed", start: 1_020, end: 1_030, attempt: 1, tries: [], upstream: [] },
  ]);
});
