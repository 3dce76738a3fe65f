import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keys } from "@/api/keys";
import { newerRun } from "@/api/newer";
import type { FlowRun } from "@/api/types";
import { placeRuns } from "@/live/apply";
import { readOnceMore } from "@/live/renew";
import { openStream } from "@/live/stream";

/** The browser's own, which tests have none of: says what was asked for, and passes on what it is told to. */
class Source extends EventTarget {
  static opened: Source[] = [];
  static readonly CLOSED = 2;
  readyState = 1;
  constructor(readonly address: string) {
    super();
    Source.opened.push(this);
  }
  tell(kind: string, id: number): void {
    this.dispatchEvent(new MessageEvent(kind, { data: "[]", lastEventId: String(id) }));
  }
  close(): void {
    this.readyState = Source.CLOSED;
  }
}

const after = (source: Source | undefined) => new URL(source?.address ?? "", "http://x").searchParams.get("after");
const run = (version: number, name: string) => ({ id: "a", version, name }) as FlowRun;

beforeEach(() => {
  Source.opened = [];
  vi.stubGlobal("EventSource", Source);
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false }));
  vi.stubGlobal("location", new URL("http://x/"));
});
afterEach(() => vi.unstubAllGlobals());

it("goes on where a stream of all runs ended, and begins anew after one of a single run", () => {
  const first = openStream({}, () => undefined);
  Source.opened[0]?.tell("hello", 7);
  Source.opened[0]?.tell("flow-runs", 9);
  first();
  const second = openStream({ run: "a" }, () => undefined);
  Source.opened[1]?.tell("flow-runs", 12);
  second();
  openStream({}, () => undefined)();
  expect(Source.opened.map(after)).toEqual([null, "9", null]);
});

it("keeps what the stream told of a run that was being read, when the answer is older", async () => {
  const client = new QueryClient();
  let answer: (run: FlowRun) => void = () => undefined;
  const reading = client.query({ queryKey: keys.run("a"), queryFn: () => new Promise<FlowRun>((resolve) => (answer = resolve)), structuralSharing: newerRun });
  placeRuns(client, [run(2, "told")]);
  answer(run(1, "read"));
  await reading;
  expect(client.getQueryData(keys.run("a"))).toEqual(run(2, "told"));
});

it("leaves a run as it is when what is told of it comes late", () => {
  const client = new QueryClient();
  client.setQueryData(keys.run("a"), run(3, "read"));
  placeRuns(client, [run(2, "told")]);
  expect(client.getQueryData(keys.run("a"))).toEqual(run(3, "read"));
});

it("keeps nothing of runs that nobody looks at", () => {
  const client = new QueryClient();
  placeRuns(client, [run(2, "told")]);
  expect(client.getQueryData(keys.run("a"))).toBeUndefined();
});

it("reads once more what was being read for the first time", async () => {
  const client = new QueryClient();
  const answers: ((_: string) => void)[] = [];
  const queryKey = ["list"];
  const reading = client.query({ queryKey, queryFn: () => new Promise<string>((resolve) => answers.push(resolve)) });
  let renewals = 0;
  client.getQueryCache().subscribe((event) => (renewals += event.type === "updated" && event.action.type === "invalidate" ? 1 : 0));
  for (let told = 0; told < 5; told++) readOnceMore(client, { queryKey });
  answers[0]?.("before");
  await reading;
  await vi.waitFor(() => expect(client.getQueryState(queryKey)?.isInvalidated).toBe(true));
  expect(renewals).toBe(1);
});
