import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { keys } from "@/api/keys";
import type { Event, FlowRun, LogLine } from "@/api/types";
import { addEvents, addLogLines, placeRuns } from "@/live/apply";
import { readOnceMore, renew } from "@/live/renew";
import { openStream } from "@/live/stream";
import { throttled } from "@/live/throttled";

const LISTS_MILLISECONDS = 1_500;
const PARTS_MILLISECONDS = 400;

/** What is asked for anew when the server tells of a topic. */
const TOPICS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  deployment: [keys.deployments, keys.ticks, keys.flows],
  schedule: [keys.deployments, keys.ticks],
  backfill: [keys.backfills],
  "work-pool": [keys.pools],
  worker: [keys.pools],
};

const ofServer = ({ queryKey }: { queryKey: readonly unknown[] }) => queryKey[0] !== keys.session[0];

/** Keeps everything on the page as the server has it: of one run if one is looked at, of all runs otherwise. */
export function useLiveChanges(run: string | undefined, events: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    const renewLists = throttled(LISTS_MILLISECONDS, () => {
      for (const queryKey of [keys.runs, keys.charts, keys.flows, keys.uses, keys.artifacts, keys.deployments, keys.backfills, keys.pools]) renew(client, { queryKey });
    });
    const renewParts = throttled(PARTS_MILLISECONDS, () => {
      if (run === undefined) return;
      for (const part of ["timeline", "tasks", "states", "failures", "artifacts", "uses", "task-log", "request", "why", "inputs"])
        renew(client, { queryKey: keys.runPart(run, part) });
      renew(client, { queryKey: keys.taskRuns });
    });
    // No stream may have told of what changed in what is kept from other pages.
    void client.invalidateQueries({ predicate: (query) => ofServer(query) && query.state.dataUpdatedAt > 0 });
    const close = openStream({ run, events }, (kind, data) => {
      if (kind === "flow-runs") {
        placeRuns(client, data as FlowRun[]);
        renewLists();
        renewParts();
      } else if (kind === "logs" && run !== undefined) {
        addLogLines(client, run, data as LogLine[]);
        readOnceMore(client, { queryKey: keys.runPart(run, "logs") });
      } else if (kind === "events") {
        addEvents(client, data as Event[]);
        readOnceMore(client, { queryKey: [...keys.events, "pages"] });
      } else if (kind === "topics") {
        for (const queryKey of (data as string[]).flatMap((topic) => TOPICS[topic] ?? [])) renew(client, { queryKey });
        if (run !== undefined) for (const part of ["why", "request"]) renew(client, { queryKey: keys.runPart(run, part) });
      } else if (kind === "reset") renew(client, {});
      // What was read before the stream began may have missed something in between.
      else if (kind === "hello") renew(client, { predicate: ofServer });
    });
    return () => {
      close();
      renewLists.stop();
      renewParts.stop();
    };
  }, [client, run, events]);
}
