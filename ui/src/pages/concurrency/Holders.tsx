import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { heldSlotsQuery, waitersQuery } from "@/api/queries/limits";
import { Copy } from "@/design/Copy";
import { plural } from "@/time/format";
import { Time } from "@/time/Time";

const NONE = "Nobody";

/** Who holds slots of a limit, and who waits for them. */
export function Holders({ name, rate }: { name: string; rate: boolean }) {
  const held = useQuery(heldSlotsQuery(name));
  const waiters = useQuery(waitersQuery(name));
  return (
    <div className="grid grid-cols-2 gap-x-8 gap-y-3 py-1 max-lg:grid-cols-1">
      {!rate && (
        <People title="Held by" known={held.data !== undefined}>
          {held.data?.map((slot) => <li key={slot.id} className="flex flex-wrap gap-x-3"><Who {...slot} /><span>{plural(slot.occupied, "slot")}</span><span className="text-muted">since <Time at={slot.taken_at} />, its lease ends <Time at={slot.expires_at} /></span></li>)}
        </People>
      )}
      <People title="Waiting, the longest first" known={waiters.data !== undefined}>
        {waiters.data?.map((waiter) => <li key={waiter.id} className="flex flex-wrap gap-x-3"><Who {...waiter} /><span className="text-muted">since <Time at={waiter.since} /></span></li>)}
      </People>
    </div>
  );
}

function People({ title, known, children }: { title: string; known: boolean; children: readonly ReactNode[] | undefined }) {
  return (
    <section>
      <h3 className="mb-1 text-xs font-medium text-muted">{title}</h3>
      {!known ? <span className="text-muted">…</span> : children?.length === 0 ? <span className="text-muted">{NONE}</span> : <ul aria-label={title} className="flex flex-col gap-1">{children}</ul>}
    </section>
  );
}

function Who({ id, holder, flow_run_id }: { id: string; holder: string | null; flow_run_id: string | null }) {
  if (!flow_run_id) return <Copy text={holder ?? id} what="holder" />;
  return <Link to="/runs/$id" params={{ id: flow_run_id }} className="font-medium hover:text-accent-strong hover:underline">{holder ?? flow_run_id}</Link>;
}
