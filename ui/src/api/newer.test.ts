import { QueryClient } from "@tanstack/react-query";
import { expect, it } from "vitest";
import { keys } from "@/api/keys";
import { newerPages, newerRun, newerRuns } from "@/api/newer";
import type { FlowRun } from "@/api/types";
import { placeRuns } from "@/live/apply";

const run = (version: number, id = "a") => ({ id, version, state: { name: `v${version}` } }) as FlowRun;

it("keeps what the stream told of a run while an older answer was on its way", async () => {
  const client = new QueryClient();
  let answer: (run: FlowRun) => void = () => undefined;
  const options = { queryKey: keys.run("a"), structuralSharing: newerRun };
  client.setQueryData(keys.run("a"), run(1));
  const asked = client.query({ ...options, queryFn: () => new Promise<FlowRun>((resolve) => { answer = resolve; }) });
  placeRuns(client, [run(3)]);
  answer(run(2));
  await asked;
  expect(client.getQueryData<FlowRun>(keys.run("a"))?.version).toBe(3);
});

it("keeps the newer of two versions in lists, and nothing that a list has no more", () => {
  expect(newerRuns([run(3), run(1, "b")], [run(2), run(2, "c")])).toEqual([run(3), run(2, "c")]);
  expect(newerRuns([run(2)], [run(2)])).toEqual([run(2)]);
  expect(newerRuns(undefined, [run(2)])).toEqual([run(2)]);
});

it("keeps the newer of two versions in pages", () => {
  const pages = (...items: FlowRun[]) => ({ pages: [{ items, cursor: null }], pageParams: [null] });
  expect(newerPages(pages(run(3)), pages(run(4, "b"), run(2)))).toEqual(pages(run(4, "b"), run(3)));
});

it("takes another run for what it is", () => {
  expect(newerRun(run(5), run(1, "b"))).toEqual(run(1, "b"));
  expect(newerRun(run(1), run(2))).toEqual(run(2));
});
