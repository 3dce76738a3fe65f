import { useLiveStatus, type LiveStatus } from "@/live/status";

const SAID: Record<LiveStatus, readonly [string, string]> = {
  connecting: ["Connecting", "Connecting to the server's stream of changes"],
  live: ["Live", "Changes appear here by themselves"],
  reconnecting: ["Reconnecting", "The connection was lost; what was missed is fetched as soon as it is back"],
  offline: ["Server away", "The server does not answer. Runs go on and are recorded; this page catches up by itself"],
};

/** Says whether the page is live. */
export function LiveMark() {
  const status = useLiveStatus();
  const [word, meaning] = SAID[status];
  const live = status === "live";
  return (
    <span role="status" title={meaning} className={`inline-flex items-center gap-2 text-xs ${live ? "text-muted" : "font-medium text-warn"}`}>
      <span aria-hidden className="relative flex size-2">
        {live && <span className="absolute inline-flex size-full animate-ping rounded-full bg-accent opacity-40" />}
        <span className={`relative inline-flex size-2 rounded-full ${live ? "bg-accent" : "border-2 border-warn"}`} />
      </span>
      <span className="max-lg:sr-only">{word}</span>
    </span>
  );
}
