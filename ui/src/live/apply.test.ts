import { QueryClient } from "@tanstack/react-query";
import { expect, it } from "vitest";
import { keys } from "@/api/keys";
import type { Event, FlowRun, LogLine } from "@/api/types";
import { addEvents, addLogLines, placeRuns } from "@/live/apply";

const line = (seq: number, level = 20): LogLine => ({ seq, level, at: seq, flow_run_id: "r", task_run_id: null, logger: "x", message: `line ${seq}` });
const pages = (items: unknown[], cursor: string | null = null) => ({ pages: [{ items, cursor }], pageParams: [null] });
const shown = (client: QueryClient, filter: object): number[] =>
  client.getQueryData<{ pages: { items: LogLine[] }[] }>(keys.runPart("r", "logs", filter))?.pages.flatMap((page) => page.items.map(({ seq }) => seq)) ?? [];

it("adds each log line once, where its level fits", () => {
  const client = new QueryClient();
  client.setQueryData(keys.runPart("r", "logs", {}), pages([line(1)]));
  client.setQueryData(keys.runPart("r", "logs", { level_min: 40 }), pages([]));
  client.setQueryData(keys.runPart("r", "logs", { text: "LINE 2" }), pages([]));
  addLogLines(client, "r", [line(1), line(2), line(3, 40)]);
  addLogLines(client, "r", [line(3, 40)]);
  expect(shown(client, {})).toEqual([1, 2, 3]);
  expect(shown(client, { level_min: 40 })).toEqual([3]);
  expect(shown(client, { text: "LINE 2" })).toEqual([2]);
});

it("leaves a list alone that was not read to its end", () => {
  const client = new QueryClient();
  client.setQueryData(keys.runPart("r", "logs", {}), pages([line(1)], "more"));
  addLogLines(client, "r", [line(9)]);
  expect(shown(client, {})).toEqual([1]);
});

it("places a run that changed wherever it is shown", () => {
  const client = new QueryClient();
  const old = { id: "a", name: "old" } as FlowRun;
  client.setQueryData(keys.run("a"), old);
  client.setQueryData(keys.runList({}, 5), [old, { id: "b" }]);
  client.setQueryData(keys.runPages({}), pages([old]));
  placeRuns(client, [{ id: "a", name: "new" } as FlowRun]);
  expect(client.getQueryData<FlowRun>(keys.run("a"))?.name).toBe("new");
  expect(client.getQueryData<FlowRun[]>(keys.runList({}, 5))?.[0]?.name).toBe("new");
  expect(client.getQueryData<ReturnType<typeof pages>>(keys.runPages({}))?.pages[0]?.items[0]).toEqual({ id: "a", name: "new" });
});

it("puts each new event once in front of the feeds that show its kind", () => {
  const client = new QueryClient();
  const event = (seq: number, kind = "a"): Event => ({ seq, kind }) as Event;
  const seqs = (kinds: string[]) => client.getQueryData<{ pages: { items: Event[] }[] }>([...keys.events, "pages", kinds])?.pages.flatMap((page) => page.items.map(({ seq }) => seq));
  client.setQueryData([...keys.events, "pages", []], { ...pages([event(2), event(1)]), pageParams: [null] });
  client.setQueryData([...keys.events, "pages", ["b"]], pages([]));
  addEvents(client, [event(2), event(3), event(4, "b")]);
  addEvents(client, [event(4, "b")]);
  expect(seqs([])).toEqual([4, 3, 2, 1]);
  expect(seqs(["b"])).toEqual([4]);
});
