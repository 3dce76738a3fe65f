// One server-sent event stream a page: opened again where it ended after a lost connection, closed while nobody looks.

import { address } from "@/api/http";
import { setLiveStatus } from "@/live/status";

export type StreamKind = "hello" | "flow-runs" | "logs" | "events" | "topics" | "reset";
const KINDS: readonly StreamKind[] = ["hello", "flow-runs", "logs", "events", "topics", "reset"];

const REOPEN_MILLISECONDS = 1_500;
const OFFLINE_AFTER_FAILURES = 3;
const HIDDEN_MILLISECONDS = 60_000;

export interface Wanted {
  run?: string | undefined;
  events?: boolean;
}

/** Up to where a stream of all runs has told everything: the next stream goes on there, and nothing falls in between. */
let told: string | null = null;

/** Listen until the answer is called. `onNews` gets each message's kind and data; `hello` where the stream begins anew. */
export function openStream(wanted: Wanted, onNews: (kind: StreamKind, data: unknown) => void): () => void {
  const ofAll = wanted.run === undefined;
  let after = told;
  if (!ofAll) told = null; // what becomes of other runs meanwhile is not told
  let source: EventSource | null = null;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const open = () => {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(address("/stream", { run: wanted.run, events: wanted.events ? true : null, after }));
    source.onopen = () => {
      failures = 0;
      setLiveStatus("live");
    };
    source.onerror = () => {
      failures += 1;
      setLiveStatus(failures >= OFFLINE_AFTER_FAILURES ? "offline" : "reconnecting");
      // A browser gives up for good where it was refused; a lost connection it opens again by itself.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, REOPEN_MILLISECONDS);
    };
    for (const kind of KINDS)
      source.addEventListener(kind, (message: MessageEvent<string>) => {
        after = message.lastEventId;
        if (ofAll) told = after;
        onNews(kind, JSON.parse(message.data));
      });
  };

  const look = () => {
    clearTimeout(timer);
    if (!document.hidden) {
      if (!source || source.readyState === EventSource.CLOSED) open();
    } else {
      timer = setTimeout(() => {
        source?.close();
        source = null;
      }, HIDDEN_MILLISECONDS);
    }
  };
  document.addEventListener("visibilitychange", look);
  open();
  return () => {
    document.removeEventListener("visibilitychange", look);
    clearTimeout(timer);
    source?.close();
  };
}
