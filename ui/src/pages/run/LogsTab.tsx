import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowDownToLine, Braces, CircleX, Download, FileText } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { logAddress, logPagesQuery } from "@/api/queries/logs";
import { timelineQuery } from "@/api/queries/timeline";
import type { FlowRun } from "@/api/types";
import { Button } from "@/design/Button";
import { Actions, Choose } from "@/design/Menu";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { SearchBox } from "@/design/SearchBox";
import { ERROR_LEVEL, LEVELS } from "@/pages/run/levels";
import { LogLines } from "@/pages/run/LogLines";
import { plural } from "@/time/format";

/** A run's log: followed while it runs, searched, filtered by level, saved. */
export function LogsTab({ run, running }: { run: FlowRun; running: boolean }) {
  const search = useSearch({ from: "/runs/$id" });
  const navigate = useNavigate({ from: "/runs/$id" });
  const [follow, setFollow] = useState(running);
  const [error, setError] = useState(-1);
  const level = Number(search.level ?? 0);
  const text = search.q ?? "";
  const filter = useMemo(() => ({ ...(level ? { level_min: level } : {}), ...(text ? { text } : {}) }), [level, text]);
  const pages = useInfiniteQuery(logPagesQuery(run.id, filter));
  const bars = useQuery(timelineQuery(run.id));
  const names = useMemo(() => new Map(bars.data?.bars.map((bar) => [bar.id, bar.name])), [bars.data]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  const lines = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data]);
  useEffect(() => {
    // Who follows is at the end.
    if (follow && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [follow, hasNextPage, isFetchingNextPage, fetchNextPage]);
  const change = (next: { level?: string; q?: string }) =>
    void navigate({ search: (old) => ({ ...old, ...next }), replace: true, resetScroll: false });
  const errors = useMemo(() => lines.flatMap((line, index) => (line.level >= ERROR_LEVEL ? [index] : [])), [lines]);
  const jump = () => {
    setFollow(false);
    setError(errors.find((index) => index > error) ?? errors[0] ?? -1);
  };
  return (
    <>
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-2">
        <SearchBox label="Search the log" value={text} onChange={(q) => change({ q })} className="w-56" />
        <Choose
          single label="Level" chosen={level ? [String(level)] : []} shown={level ? `${LEVELS.find(({ min }) => min === level)?.word ?? level} and above` : "All levels"}
          choices={LEVELS.map(({ min, word }) => ({ value: String(min), label: word }))} onChange={([min]) => change({ level: min === "0" ? "" : (min ?? "") })}
        />
        {errors.length > 0 && <Button icon={<CircleX size={14} />} onClick={jump}>{plural(errors.length, "error")}</Button>}
        <span className="ml-auto text-xs text-faint">{plural(lines.length, "line")}{hasNextPage ? "+" : ""}</span>
        {running && <Button aria-pressed={follow} onClick={() => setFollow(!follow)} icon={<ArrowDownToLine size={14} />} className={follow ? "border-accent! bg-accent-soft! text-accent-strong" : ""}>Follow</Button>}
        <Actions
          trigger={<Button kind="quiet" icon={<Download size={14} />} disabled={lines.length === 0} title="Download the whole log, as far as it fits the filters">Download</Button>}
          actions={[
            { label: "As text", icon: <FileText size={14} />, act: () => window.location.assign(logAddress(run.id, filter, "text")) },
            { label: "As JSON Lines", icon: <Braces size={14} />, act: () => window.location.assign(logAddress(run.id, filter, "jsonl")) },
          ]}
        />
      </div>
      {pages.isError ? <Fault error={pages.error} retry={() => void pages.refetch()} />
        : pages.isPending ? <SkeletonRows rows={10} />
        : lines.length > 0 ? <LogLines lines={lines} names={names} follow={follow} jumpTo={error} onEnd={() => { if (hasNextPage && !isFetchingNextPage) void fetchNextPage(); }} onLeave={() => setFollow(false)} />
        : text || level ? <Empty title="No line fits">Search for less, or choose a lower level.</Empty>
        : <Empty title={running ? "Nothing was logged yet" : "Nothing was logged"} code={"@flow(log_prints=True)\ndef my_flow():\n    print(\"this becomes a log line\")"} />}
    </>
  );
}
