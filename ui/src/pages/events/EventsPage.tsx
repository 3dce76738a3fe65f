import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { eventPagesQuery } from "@/api/queries/catalogue";
import type { Event } from "@/api/types";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { Copy } from "@/design/Copy";
import { Choose } from "@/design/Menu";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { SearchBox } from "@/design/SearchBox";
import { StateMark } from "@/design/StateMark";
import { TABLE } from "@/design/table";
import { STATE_NAMES } from "@/generated/states";
import { wordsOf } from "@/pages/events/words";
import { partsOf } from "@/api/queries/deployments";
import { listOf } from "@/keys/search";
import { count, plural } from "@/time/format";
import { Time } from "@/time/Time";

/** The kinds that there always are; others are found in what was read. */
const KINDS = Object.keys(STATE_NAMES).map((name) => `penstock.flow-run.${name}`);
const POOL = /^penstock\.work-pool\.(.+)$/;
const RUN = /^penstock\.flow-run\.([0-9a-f]{32})$/;

/** What is going on: the newest events first, moving by themselves. */
export function EventsPage() {
  const { q = "", kind = "" } = useSearch({ from: "/events" });
  const navigate = useNavigate({ from: "/events" });
  const chosen = listOf(kind);
  const feed = useInfiniteQuery(eventPagesQuery(chosen));
  const events = feed.data?.pages.flatMap((page) => page.items) ?? [];
  const kinds = [...new Set([...KINDS, ...chosen, ...events.map((event) => event.kind)])].toSorted();
  const wanted = q.toLowerCase();
  const shown = events.filter((event) => JSON.stringify(event).toLowerCase().includes(wanted));
  return (
    <>
      <PageHead
        title="Events"
        aside={
          <>
            <SearchBox label="Search events" value={q} onChange={(text) => void navigate({ search: (old) => ({ ...old, q: text }), replace: true })} />
            <Choose label="Kind" shown={chosen.length > 0 ? `${chosen.length} of ${kinds.length} kinds` : "All kinds"} chosen={chosen} choices={kinds.map((value) => ({ value, label: value.replace(/^penstock\./, "") }))} onChange={(next) => void navigate({ search: (old) => ({ ...old, kind: next.join(",") }), replace: true })} />
          </>
        }
      />
      <Card flush>
        {feed.isError ? <Fault error={feed.error} retry={() => void feed.refetch()} />
          : feed.isPending ? <SkeletonRows rows={12} />
          : shown.length === 0 ? <Empty title={events.length > 0 || chosen.length > 0 ? "No event fits" : "Nothing has happened yet"} code={events.length > 0 || chosen.length > 0 ? "" : "penstock demo"} />
          : (
            <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Events">
              <table className={TABLE.table}>
                <thead><tr className={TABLE.head}><th scope="col">When</th><th scope="col">What</th><th scope="col">To what</th><th scope="col">By whom</th><th scope="col" className="w-1/2">More</th></tr></thead>
                <tbody>{shown.map((event) => <EventRow key={event.seq} event={event} />)}</tbody>
              </table>
            </div>
          )}
        {feed.data && (
          <p className="flex items-center gap-3 border-t border-line px-3.5 py-2 text-muted">
            {q ? `${count(shown.length)} of the ${count(events.length)} newest events fit.` : `The ${plural(events.length, "newest event")}.`}
            {feed.hasNextPage ? <Button disabled={feed.isFetchingNextPage} onClick={() => void feed.fetchNextPage()}>Show older ones</Button> : " There are no older ones."}
          </p>
        )}
      </Card>
    </>
  );
}

function EventRow({ event }: { event: Event }) {
  const said = wordsOf(event);
  const payload = event.payload == null ? "" : JSON.stringify(event.payload);
  return (
    <tr className={TABLE.row}>
      <td className="text-muted"><Time at={event.at} /></td>
      <td className="font-medium"><span className="inline-flex items-center gap-1.5" title={event.kind}>{said.state && <StateMark type={said.state.type} name={said.word} />}{said.word}</span></td>
      <td className="max-w-72 truncate"><Subject event={event} /></td>
      <td className="text-muted">{event.actor ?? "–"}</td>
      <td className="max-w-0 truncate font-mono text-xs text-muted" title={payload}>{payload}</td>
    </tr>
  );
}

const LINK = "hover:text-accent-strong hover:underline";

/** What it happened to, as a link where there is a page of it. */
function Subject({ event }: { event: Event }) {
  const { name, flow, deployment } = wordsOf(event);
  const run = RUN.exec(event.resource)?.[1];
  const pool = POOL.exec(event.resource)?.[1];
  if (run) return <Link to="/runs/$id" params={{ id: run }} className={LINK}>{name ?? `run ${run.slice(-8)}`} <span className="text-muted">{flow}</span></Link>;
  if (pool) return <Link to="/work-pools/$name" params={{ name: pool }} className={LINK}>{pool} <span className="text-muted">work pool</span></Link>;
  if (deployment) {
    const parts = partsOf(deployment);
    return <Link to="/deployments/$flow/$name" params={{ flow: parts.flow_name, name: parts.name }} className={LINK}>{parts.name} <span className="text-muted">{parts.flow_name}</span></Link>;
  }
  return name ? <span title={event.resource}>{name}</span> : <Copy text={event.resource} />;
}
